"""What `gen` and `select` take, in one table: the parser, the checker and the front matter's `defaults` read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["ARGUMENTS", "DEFAULTABLE", "GEN", "SELECT", "TYPES", "HoleArgument", "ValueKind"]

ValueKind: TypeAlias = Literal[
    "string", "strings", "integer", "number", "boolean", "schema", "options", "type", "predicates", "normalize"
]


@dataclass(frozen=True, slots=True)
class HoleArgument:
    """One argument: the kind of value it takes, and the least and the greatest number."""

    kind: ValueKind
    minimum: float | None = None
    maximum: float | None = None
    runs: bool = True  # False: parsed, and refused as not supported yet


ARGUMENTS: dict[str, HoleArgument] = {
    "options": HoleArgument("options"),
    "regex": HoleArgument("string"),
    "type": HoleArgument("type"),
    "json": HoleArgument("schema"),
    "grammar": HoleArgument("string"),
    "stop": HoleArgument("strings"),
    "stop_regex": HoleArgument("string"),
    "keep_stop": HoleArgument("boolean"),
    "max_tokens": HoleArgument("integer", 1, 1_000_000),
    "min_tokens": HoleArgument("integer", 0, 1_000_000),
    "temperature": HoleArgument("number", 0, 100),
    "top_p": HoleArgument("number", 0, 1),
    "top_k": HoleArgument("integer", 1, 1_000_000),
    "min_p": HoleArgument("number", 0, 1),
    "where": HoleArgument("predicates"),
    "append": HoleArgument("string"),
    "repetition_penalty": HoleArgument("number", 0.01, 100),
    "presence_penalty": HoleArgument("number", -100, 100),
    "frequency_penalty": HoleArgument("number", -100, 100),
    "n": HoleArgument("integer", 1, 1_000),
    "token_healing": HoleArgument("boolean"),
    "canonical": HoleArgument("boolean"),
    "normalize": HoleArgument("normalize"),
    "dist": HoleArgument("boolean"),
}

GEN = (
    *("regex", "type", "json", "grammar", "stop", "stop_regex", "keep_stop", "max_tokens", "min_tokens"),
    *("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"),
    *("where", "append", "n", "token_healing", "canonical"),
)
"""The arguments of `gen`, after the name."""

SELECT = ("options", "normalize", "dist", "temperature", "token_healing")
"""The arguments of `select`, after the name."""

DEFAULTABLE = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty"),
    *("frequency_penalty", "stop", "token_healing", "canonical", "normalize"),
)
"""What the front matter may set for every hole at once."""

TYPES = ("int", "number", "bool", "string", "jsonstr", "date", "time", "datetime", "uuid")
"""The values of `type=`: each stands for a constraint and says what the captured value becomes."""
