"""JSON Schemas that say only everyday things of a value, checked without a validator.

Loading `jsonschema` takes longer than running a small template, so it is loaded only for what is not here. A plain
schema is also known to be well-formed. Tuples are arrays; a whole float is an integer; true is not 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["is_plain", "plain_problem", "type_problem"]

_NOTES = frozenset(("title", "description", "default", "examples"))
_SHOWN = 60


def is_plain(schema: Any, depth: int = 0) -> bool:
    """Whether every keyword is one of those known here and well-formed, in sub-schemas too."""
    if not isinstance(schema, Mapping) or depth > 20:
        return False
    return all(_is_well_formed(keyword, value, depth) for keyword, value in schema.items())


def plain_problem(schema: Mapping[str, Any], value: Any) -> str:
    """What is wrong with a value of a plain schema, as the end of a sentence, or an empty text."""
    problem = type_problem(schema.get("type"), value)
    for keyword, limit in schema.items():
        problem = problem or _keyword_problem(keyword, limit, value)
    return problem


def type_problem(type_: Any, value: Any) -> str:
    """What is wrong with the type of `value`; `type_` is a name, several, or None for any."""
    names = type_ if isinstance(type_, list) else [type_]
    if type_ is None or any(name in _TYPES and _TYPES[name](value) for name in names):
        return ""
    return f"{_shown(value)} was given, which is {_type_name(value)}"


def _is_well_formed(keyword: str, value: Any, depth: int) -> bool:
    match keyword:
        case "type":
            names = value if isinstance(value, list) else [value]
            return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)
        case "items":
            return is_plain(value, depth + 1)
        case "properties":
            return isinstance(value, Mapping) and all(is_plain(part, depth + 1) for part in value.values())
        case "required":
            return isinstance(value, list) and all(isinstance(name, str) for name in value)
        case "enum":
            return isinstance(value, list)
        case "pattern":
            return isinstance(value, str) and _compiles(value)
    if keyword in _COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return keyword in _NOTES or (keyword in _BOUNDS and _is_number(value))


def _keyword_problem(keyword: str, limit: Any, value: Any) -> str:
    if keyword in _COUNTS:
        return _count_problem(keyword, limit, value)
    if keyword in _BOUNDS and _is_number(value):
        holds, words = _BOUNDS[keyword]
        return "" if holds(value, limit) else f"{value} is {words} {limit}"
    if keyword == "pattern" and isinstance(value, str):
        return "" if re.search(limit, value) else f"{_shown(value)} does not match {limit}"
    if keyword == "enum":
        return "" if any(_same(value, option) for option in limit) else f"{_shown(value)} is not one of {limit}"
    if keyword == "items" and isinstance(value, list | tuple):
        return _first_problem((f"at index {i}", limit, item) for i, item in enumerate(value))
    if keyword == "properties" and isinstance(value, Mapping):
        return _first_problem((f"at '{n}'", schema, value[n]) for n, schema in limit.items() if n in value)
    if keyword == "required" and isinstance(value, Mapping):
        missing = [name for name in limit if name not in value]
        return f"'{missing[0]}' is missing in it" if missing else ""
    return ""


def _first_problem(parts: Any) -> str:
    """The problem of the first of (place, schema, value) that has one."""
    for place, schema, value in parts:
        if problem := plain_problem(schema, value):
            return f"{place} {problem}"
    return ""


def _count_problem(keyword: str, limit: int, value: Any) -> str:
    kind, unit = _COUNTS[keyword]
    if not isinstance(value, kind):
        return ""
    if keyword.startswith("min"):
        return "" if len(value) >= limit else f"{_shown(value)} has fewer than {limit} {unit}"
    return "" if len(value) <= limit else f"{_shown(value)} has more than {limit} {unit}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Mapping):
        return "an object"
    names = {str: "a string", int: "an integer", float: "a number", list: "an array", tuple: "an array"}
    return names.get(type(value), f"a Python {type(value).__name__}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


_COUNTS: dict[str, tuple[Any, str]] = {
    "minLength": (str, "characters"),
    "maxLength": (str, "characters"),
    "minItems": ((list, tuple), "items"),
    "maxItems": ((list, tuple), "items"),
}
_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, limit: bool(value >= limit), "less than the minimum of"),
    "maximum": (lambda value, limit: bool(value <= limit), "more than the maximum of"),
    "exclusiveMinimum": (lambda value, limit: bool(value > limit), "not more than"),
    "exclusiveMaximum": (lambda value, limit: bool(value < limit), "not less than"),
}
_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list | tuple),
    "null": lambda value: value is None,
}
