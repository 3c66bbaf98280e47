"""What may stand after `is`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guided.lang.values import Function, Undefined, ValueProblem, defined

__all__ = ["TESTS"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_iterable(value: Any) -> bool:
    return isinstance(value, str | list | tuple | range | Mapping | set | frozenset)


def _divisible(value: Any, number: Any) -> bool:
    if number == 0:
        raise ValueProblem("nothing is divisible by 0")
    return bool(value % number == 0)


TESTS: dict[str, Callable[..., bool]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "mapping": lambda value: isinstance(value, Mapping),
    "sequence": _is_iterable,
    "iterable": _is_iterable,
    "callable": lambda value: isinstance(value, Function),
    "odd": lambda value: _divisible(value + 1, 2),
    "even": lambda value: _divisible(value, 2),
    "divisibleby": _divisible,
    "lower": lambda value: str(value).islower(),
    "upper": lambda value: str(value).isupper(),
    "sameas": lambda value, other: value is other,
    "in": lambda value, container: value in defined(container),
    "eq": lambda value, other: bool(value == other),
    "ne": lambda value, other: bool(value != other),
    "lt": lambda value, other: bool(value < other),
    "le": lambda value, other: bool(value <= other),
    "gt": lambda value, other: bool(value > other),
    "ge": lambda value, other: bool(value >= other),
}
TESTS |= {"equalto": TESTS["eq"], "lessthan": TESTS["lt"], "greaterthan": TESTS["gt"]}
"""Every test by name; the first argument is the value before `is`."""
