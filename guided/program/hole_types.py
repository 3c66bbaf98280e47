"""The types of `gen(type=...)`: each is a constraint and says what the captured value becomes."""

from __future__ import annotations

import datetime
import functools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guided.constraints import AnyText, Choice, Constraint, Regex

__all__ = ["HoleType", "hole_type"]

_PLAIN = r'[^"\\\x00-\x1f]|\\["\\/bfnrt]'
_UNIT = r"\\u(?:[0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_JSON_STRING = f"(?:{_PLAIN}|{_UNIT}|{_PAIR})*"

_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29"
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP})"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"


@dataclass(frozen=True, slots=True)
class HoleType:
    """A constraint and the value of a text that fits it; `schema` describes the value."""

    constraint: Constraint
    convert: Callable[[str], Any]
    schema: dict[str, Any]


@functools.cache
def hole_type(name: str) -> HoleType:
    """The type of that name, one of `guided.lang.holes.TYPES`.

    >>> hole_type("jsonstr").convert(r"a\\u00e9")
    'aé'
    """
    match name:
        case "int":
            return HoleType(Regex(r"-?(?:0|[1-9][0-9]{0,39})"), int, {"type": "integer"})
        case "number":
            pattern = r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?"
            return HoleType(Regex(pattern), json.loads, {"type": "number"})
        case "bool":
            return HoleType(Choice(["true", "false"]), lambda text: text == "true", {"type": "boolean"})
        case "jsonstr":
            return HoleType(Regex(_JSON_STRING), lambda text: json.loads(f'"{text}"'), {"type": "string"})
        case "date":
            return HoleType(Regex(_DATE), datetime.date.fromisoformat, {"type": "string", "format": "date"})
        case "time":
            return HoleType(Regex(_TIME), datetime.time.fromisoformat, {"type": "string", "format": "time"})
        case "datetime":
            pattern = f"{_DATE}T{_TIME}"
            return HoleType(Regex(pattern), datetime.datetime.fromisoformat, {"type": "string", "format": "date-time"})
        case "uuid":
            pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
            return HoleType(Regex(pattern), uuid.UUID, {"type": "string", "format": "uuid"})
    return HoleType(AnyText(), str, {"type": "string"})
