"""Any type as a constraint.

At the top a type means the text a person would write for it: `str` is any text, `Literal["a"]` is the text a, a date
is 2026-01-31. Inside `list[...]`, a dataclass or a model all is JSON, so strings have quotes. `int` and `float` are
JSON numbers in both. docs/schema.md has the table.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import types
import typing
import uuid
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from guided.constraints.choice import Choice
from guided.constraints.constraint import Constraint
from guided.constraints.json_schema import JsonSchema, schema_of_type
from guided.constraints.json_schema.formats import DATE, UUID
from guided.constraints.limits import Limits
from guided.constraints.regex import Regex
from guided.constraints.sequence import Alternatives
from guided.constraints.text import AnyText
from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Typed", "constraint"]

_INTEGER = r"-?(?:0|[1-9][0-9]{0,39})"
_DECIMAL = _INTEGER + r"(?:\.[0-9]{1,40})?"
_EXPONENT = r"(?:[eE][+-]?[0-9]{1,3})?"
_OFFSET = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"


class Typed(Constraint):
    """A constraint whose text is read as a value of a type."""

    def __init__(self, inner: Constraint, read: Callable[[str], Any], name: Hashable) -> None:
        self.inner = inner
        self._read = read
        self._name = name

    @property
    def identity(self) -> Hashable:
        return self._name

    @property
    def parts(self) -> Sequence[Constraint]:
        return (self.inner,)

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        return parts[0]

    def parse(self, text: str) -> Any:
        try:
            return self._read(text)
        except (ValueError, KeyError, ArithmeticError) as problem:
            raise ConstraintError(f"{text!r} is no {self._name}: {problem}") from problem

    def __repr__(self) -> str:
        return f"constraint({self._name})"


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _null(text: str) -> None:
    if text != "null":
        raise ValueError("only null is")


_SCALARS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: (_INTEGER, int),
    float: (_DECIMAL + _EXPONENT, float),
    bool: ("true|false", _boolean),
    type(None): ("null", _null),
    decimal.Decimal: (_DECIMAL, decimal.Decimal),
    datetime.date: (DATE, datetime.date.fromisoformat),
    datetime.time: (_CLOCK + _OFFSET, datetime.time.fromisoformat),
    datetime.datetime: (f"{DATE}[T ]{_CLOCK}{_OFFSET}", datetime.datetime.fromisoformat),
    uuid.UUID: (UUID, uuid.UUID),
}


def constraint(annotation: Any, **json_options: Any) -> Constraint:
    """The constraint of a type; a constraint is returned as it is.

    json_options: as for `JsonSchema` (order, whitespace, ...), for types that are written as JSON.

    >>> constraint(int).parse("42"), constraint(Literal["yes", "no"]).parse("no")
    (42, 'no')
    """
    if isinstance(annotation, Constraint):
        return annotation
    if annotation is None:
        annotation = type(None)
    if annotation is str:
        return AnyText()
    if isinstance(annotation, Hashable) and annotation in _SCALARS:
        pattern, read = _SCALARS[annotation]
        return Typed(Regex(pattern), read, getattr(annotation, "__name__", "None"))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _one_of([(member.value, member) for member in annotation], annotation.__qualname__)
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return _one_of([(value, value) for value in typing.get_args(annotation)], str(annotation))
    if origin is typing.Union or origin is types.UnionType:
        options = [constraint(option, **json_options) for option in typing.get_args(annotation)]
        return Alternatives(*sorted(options, key=lambda option: isinstance(option, AnyText)))
    return JsonSchema(_schema_source(annotation), **json_options)


def _schema_source(annotation: Any) -> Any:
    if isinstance(annotation, dict | bool | str | bytes | int | float | list):
        raise ConstraintError(
            f"{annotation!r} is a value, not a type; use guided.JsonSchema for schemas, guided.Choice for options, "
            "guided.Regex for patterns"
        )
    if annotation is Any or annotation is object:
        return True
    has_json = (
        isinstance(annotation, type)
        or typing.get_origin(annotation) is not None
        or dataclasses.is_dataclass(annotation)
    )
    if not has_json:
        raise ConstraintError(f"{annotation!r} is no type that guided knows")
    return schema_of_type(annotation)


def _one_of(options: list[tuple[Any, Any]], name: str) -> Constraint:
    """Texts of constant values: strings as they are, other values as JSON writes them."""
    values: dict[str, Any] = {}
    for option, value in options:
        if isinstance(option, enum.Enum):
            option = option.value
        if not (option is None or isinstance(option, str | int | float)):
            raise ConstraintError(f"{option!r} in {name} has no text; use strings, numbers, booleans or None")
        text = option if isinstance(option, str) else json.dumps(option)
        if text in values:
            raise ConstraintError(f"two values of {name} have the same text {text!r}")
        values[text] = value
    return Typed(Choice(values), values.__getitem__, name)
