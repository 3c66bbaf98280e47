"""From what a user calls a schema to JSON: text, dict, bool, pydantic model, dataclass, TypedDict or another type.

The result is a frozen copy whose numbers are exact (a float by its shortest spelling), which makes equal schemas equal
constraints, and a way to read instances.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import sys
import threading
import types
import typing
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, is_typeddict

from guided.errors import ConstraintError, ConstraintTooComplex, InvalidSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["SchemaSource", "read_source", "schema_of_type"]


class SchemaSource:
    """A schema, how the text of an instance becomes a value, and the type that it was made from, if any.

    Constraints live long, in caches too, and many long-lived containers make the garbage collector slow: a document is
    one object to it.
    """

    __slots__ = ("document", "origin", "read_instance")

    def __init__(self, document: _native.Document, read_instance: Callable[[str], Any], origin: Any = None) -> None:
        self.document = document
        self.read_instance = read_instance
        self.origin = origin

    def __reduce__(self) -> tuple[Callable[..., SchemaSource], tuple[Any, ...]]:
        """So that a constraint, and a result that has one, can be sent to another process."""
        return (read_source, (self.document.text,)) if self.origin is None else (schema_of_type, (self.origin,))


def read_source(source: Any) -> SchemaSource:
    """The schema in `source`; InvalidSchema or ConstraintError where there is none."""
    if isinstance(source, dict):
        return SchemaSource(_frozen(source), _read_json_instance)
    if isinstance(source, str | bytes | bytearray):
        return _from_text(source)
    if isinstance(source, bool):
        return SchemaSource(_frozen(source), _read_json_instance)
    if isinstance(source, type) and hasattr(source, "model_json_schema"):
        return _schema_of_model(source)
    if isinstance(source, type) and (dataclasses.is_dataclass(source) or is_typeddict(source)):
        return schema_of_type(source)
    raise ConstraintError(
        f"a schema must be a dict, bool, JSON text, pydantic model, dataclass or TypedDict, not {source!r}; "
        "for other types use guided.constraint()"
    )


def _frozen(document: Any) -> _native.Document:
    """A private copy; InvalidSchema at the first thing that is not JSON."""
    return _freeze()(document)


@functools.cache
def _freeze() -> Callable[[Any], _native.Document]:
    from guided import _native

    return _native.freeze


_MOST_MODELS = 64
# by model: what pydantic made of it, and the source; a model that is rebuilt is asked again
_models: dict[type, tuple[Any, SchemaSource]] = {}
_lock = threading.Lock()


def _schema_of_model(model: type) -> SchemaSource:
    """The schema of a pydantic model, kept for the models used last: pydantic takes 0.3 ms or more to write it."""
    known = _models.get(model)
    if known is not None and known[0] is getattr(model, "__pydantic_core_schema__", None):
        return known[1]
    source = schema_of_type(model)
    core = getattr(model, "__pydantic_core_schema__", None)  # made just now, if that was put off
    if core is not None:
        with _lock:
            while len(_models) >= _MOST_MODELS:
                del _models[next(iter(_models))]
            _models[model] = (core, source)
    return source


def schema_of_type(annotation: Any) -> SchemaSource:
    """The JSON Schema that pydantic gives a type, and pydantic's reading of instances."""
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(_readable(annotation))
        document = adapter.json_schema()
    except (PydanticUserError, TypeError, ValueError, NameError, AttributeError, RecursionError) as problem:
        raise ConstraintError(f"{annotation!r} has no JSON form: {problem}") from problem

    def read(text: str) -> Any:
        spellings = _with_plain_integers(text, _INEXACT), text, _with_plain_integers(text, 0)
        problems: list[ValidationError] = []
        for spelling in dict.fromkeys(spellings):
            try:
                return adapter.validate_json(spelling)
            except ValidationError as problem:
                problems.append(problem)
        raise ConstraintError(f"the text does not fit {annotation!r}: {problems[-1]}") from problems[-1]

    return SchemaSource(_frozen(document), read, annotation)


_INEXACT = 2**53  # from here on not every integer is a float
_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?![0-9])', re.ASCII)


def _with_plain_integers(text: str, least: int) -> str:
    """JSON text in which numbers from `least` on without a fraction are written as integers.

    pydantic reads 7.0 as an integer, but no 6E53, and 9007199254740993.0 as a float first.

    >>> _with_plain_integers('[6E2, 1.50, "7.0"]', 0)
    '[600, 1.50, "7.0"]'
    """

    def spelled(match: re.Match[str]) -> str:
        number = match.group()
        if number.startswith('"') or number.isdecimal():
            return number
        value = Decimal(number)
        return str(int(value)) if value == value.to_integral_value() and abs(value) >= least else number

    return _STRING_OR_NUMBER.sub(spelled, text)


def _readable(annotation: Any) -> Any:
    """The type with each `typing.TypedDict` made one of typing_extensions: before 3.12 pydantic reads no others."""
    if sys.version_info >= (3, 12):
        return annotation
    if is_typeddict(annotation):
        import typing_extensions

        fields: dict[str, Any] = {}
        for name, hint in typing.get_type_hints(annotation, include_extras=True).items():
            is_required = name in annotation.__required_keys__
            if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
                hint = typing.get_args(hint)[0]
            wrapper: Any = typing_extensions.Required if is_required else typing_extensions.NotRequired
            fields[name] = wrapper[_readable(hint)]
        make: Any = typing_extensions.TypedDict
        return make(annotation.__name__, fields)
    arguments = typing.get_args(annotation)
    readable = tuple(map(_readable, arguments))
    if readable == arguments:
        return annotation
    origin = typing.get_origin(annotation)
    return typing.Union[readable] if origin is types.UnionType else origin[readable]  # noqa: UP007


def _read_json_instance(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ConstraintError(f"the text is not JSON: {problem}") from problem


def _refuse_constant(name: str) -> Any:
    raise InvalidSchema("", f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _from_text(text: str | bytes | bytearray) -> SchemaSource:
    try:
        decoded = text if isinstance(text, str) else bytes(text).decode("utf-8-sig")
    except ValueError as problem:
        raise InvalidSchema("", f"the schema is not JSON: {problem}") from problem
    document = _decoded(decoded)
    if not isinstance(document, dict | bool):
        raise InvalidSchema("", f"a schema must be an object or a boolean, not {type(document).__name__}")
    return SchemaSource(_frozen(document), _read_json_instance)


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ConstraintTooComplex("the nesting of a schema given as text; pass a dict", 400) from None
    except (ValueError, InvalidOperation) as problem:
        raise InvalidSchema("", f"the schema is not JSON: {problem}") from problem
