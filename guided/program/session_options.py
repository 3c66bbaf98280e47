"""What the calls of a session are given, checked before anything is recorded or computed.

The names and ranges are those of a template's holes (`guided.lang.holes`); a wrong value raises `InputError` with the
name of the argument. None leaves an argument at its default, but for `max_tokens`, where it means no budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from guided.constraints import AnyText, Constraint, Grammar, JsonSchema, Regex, constraint
from guided.errors import InputError
from guided.lang.frontmatter import kind_problem
from guided.lang.holes import ARGUMENTS, TYPES
from guided.program.given_constraint import as_constraint
from guided.program.hole_plan import HoleArgumentProblem, HoleOptions, Option, make_options
from guided.program.hole_types import hole_type
from guided.runtime.bias import check_bias

__all__ = ["check_beam", "check_name", "check_seed", "check_switches", "hole_options", "select_options", "wanted"]

T = TypeVar("T")
GEN = tuple(name for name in HoleOptions.__dataclass_fields__ if name != "normalize")
SELECT = ("temperature", "normalize", "token_healing")


def wanted(regex: str | None, json: Any, grammar: str | None, kind: Any, given: Any) -> tuple[Constraint, Any]:
    """The constraint that was asked for, and what its text becomes."""
    all_asked = {"regex": regex, "json": json, "grammar": grammar, "constraint": given}
    asked = [name for name, value in all_asked.items() if value is not None]
    if len(asked) > 1 or (asked and asked != ["regex"] and kind is not None):
        raise InputError(f"give one constraint, not {' and '.join([*asked, 'type'][:2])}")
    if regex is not None:
        return Regex(regex), hole_type(_known(kind)).convert if isinstance(kind, str) else str
    if json is not None:
        schema = JsonSchema(json)
        return schema, schema.parse
    if grammar is not None:
        return Grammar(grammar), str
    if (made := as_constraint(given)) is not None:
        return made, made.parse
    if isinstance(kind, str):
        return hole_type(_known(kind)).constraint, hole_type(kind).convert
    if kind is not None:
        made = constraint(kind)
        return made, made.parse
    return AnyText(), str


def _known(kind: str) -> Any:
    if kind not in TYPES:
        raise InputError(f"there is no type {kind!r}; there are {', '.join(TYPES)}, or give a Python type")
    return kind


def hole_options(given: Mapping[str, Any], *, is_select: bool = False) -> HoleOptions:
    """The options of a `gen`, or of a `select`."""
    known = SELECT if is_select else GEN
    unknown = sorted(given.keys() - set(known))
    if unknown:
        kind = "select" if is_select else "gen"
        raise InputError(f"unknown argument {unknown[0]!r}; the options of a {kind} are {', '.join(known)}")
    said = {name: value for name, value in given.items() if value is not None or name == "max_tokens"}
    check_bias(said.get("logit_bias"))
    for name, value in said.items():
        problem = kind_problem(ARGUMENTS[name], value) if name in ARGUMENTS and value is not None else ""
        if problem:
            raise InputError(f"{name} {problem}")
    return _told(lambda: HoleOptions().over(said).checked())


def select_options(options: Any) -> tuple[Option, ...]:
    """The options that a `select` chooses from."""
    return _told(lambda: make_options(options))


def check_name(name: object) -> None:
    """Raise for what is no name of a capture."""
    if not isinstance(name, str) or not name:
        raise InputError(f"what is captured has a name, a text that is not empty, not {name!r}")


def check_seed(seed: object) -> int:
    """The seed; raises for what is none."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is an integer of 0 or more, not {seed!r}")
    return seed


def check_switches(**given: object) -> None:
    """Raise for what is neither True nor False."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise InputError(f"{name} is true or false, not {value!r}")


def check_beam(n: object, keep: object, **weights: object) -> None:
    """Raise for a beam that cannot be."""
    for name, value in (("n", n), ("keep", keep)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} of a beam is an integer of at least 1, not {value!r}")
    if isinstance(n, int) and isinstance(keep, int) and keep > n:
        raise InputError(f"keep={keep} is more than n={n}: a beam of {n} has no more texts to keep")
    for name, value in weights.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{name} of a beam is a number, not {value!r}")


def _told(make: Callable[[], T]) -> T:
    """What `make` gives; its complaint about an argument as one about an input."""
    try:
        return make()
    except HoleArgumentProblem as problem:
        raise InputError(f"{problem}{f' ({problem.help})' if problem.help else ''}") from None
