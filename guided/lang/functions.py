"""The functions that every template can call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from guided.lang.names import FUNCTIONS
from guided.lang.values import MAX_RANGE, Function, Namespace, ValueProblem, bounded, items_of

__all__ = ["BUILTINS"]


def _range(start: int, stop: int | None = None, step: int = 1) -> range:
    numbers = range(start) if stop is None else range(start, stop, step)
    bounded(len(numbers), "this range", MAX_RANGE)
    return numbers


def _len(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(items_of(value))


def _dict(values: Mapping[str, Any] | None = None, **named: Any) -> dict[str, Any]:
    return {**(values or {}), **named}


def _namespace(values: Mapping[str, Any] | None = None, **named: Any) -> Namespace:
    return Namespace(_dict(values, **named))


def _raise_exception(message: str) -> NoReturn:
    raise ValueProblem(str(message))


BUILTINS: dict[str, Function] = {
    "range": Function("range", _range),
    "len": Function("len", _len),
    "dict": Function("dict", _dict),
    "namespace": Function("namespace", _namespace),
    "raise_exception": Function("raise_exception", _raise_exception),
}

assert set(BUILTINS) == set(FUNCTIONS)
