"""From what a user calls a schema to JSON: text, dict, bool, pydantic model, dataclass, TypedDict or another type.

The result is a private copy whose numbers are exact (int or Decimal, a float by its shortest spelling), its canonical
text, which makes equal schemas equal constraints, and a way to read instances.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, is_typeddict

from guided.constraints.json_schema.keywords import pointer_to
from guided.errors import ConstraintError, ConstraintTooComplex, InvalidSchema

__all__ = ["SchemaSource", "read_source", "schema_of_type"]


class SchemaSource:
    """A schema as JSON, its text, and how the text of an instance becomes a value.

    Constraints live long, in caches too, and many long-lived containers make the garbage collector slow: so a document
    that can be read from the text once more is let go when it has been used.
    """

    __slots__ = ("_document", "_is_readable", "origin", "read_instance", "text")

    def __init__(
        self, document: Any, text: str, read_instance: Callable[[str], Any], origin: Any = None, *, is_readable: bool
    ) -> None:
        """`is_readable`: `text` can be read as it is. `origin`: the type it was made from."""
        self._document = document
        self._is_readable = is_readable
        self.text = text
        self.read_instance = read_instance
        self.origin = origin

    @property
    def document(self) -> Any:
        """The schema, never to be changed."""
        document = self._document
        return _decoded(self.text) if document is _LET_GO else document

    def take_document(self) -> Any:
        """The schema, for the last time in a while."""
        document = self.document
        if self._is_readable:
            self._document = _LET_GO
        return document


def read_source(source: Any) -> SchemaSource:
    """The schema in `source`; InvalidSchema or ConstraintError where there is none."""
    if isinstance(source, str | bytes | bytearray):
        return _from_text(source)
    if isinstance(source, dict | bool):
        return _from_json(source)
    if isinstance(source, type) and hasattr(source, "model_json_schema"):
        return _schema_of_model(source)
    if isinstance(source, type) and (dataclasses.is_dataclass(source) or is_typeddict(source)):
        return schema_of_type(source)
    raise ConstraintError(
        f"a schema must be a dict, bool, JSON text, pydantic model, dataclass or TypedDict, not {source!r}; "
        "for other types use guided.constraint()"
    )


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

    return _from_json(document, read, annotation)


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


_ENCODER = json.JSONEncoder(allow_nan=False)
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _from_text(text: str | bytes | bytearray) -> SchemaSource:
    try:
        decoded = text if isinstance(text, str) else bytes(text).decode("utf-8-sig")
    except ValueError as problem:
        raise InvalidSchema("", f"the schema is not JSON: {problem}") from problem
    document = _decoded(decoded)
    if "\\u" in decoded or "\\/" in decoded:  # keywords must be found in the text as they are
        decoded = "".join(_tokens(document))
    return SchemaSource(document, decoded, _read_json_instance, is_readable=True)


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ConstraintTooComplex("the nesting of a schema given as text; pass a dict", 400) from None
    except (ValueError, InvalidOperation) as problem:
        raise InvalidSchema("", f"the schema is not JSON: {problem}") from problem


def _from_json(
    value: Any, read_instance: Callable[[str], Any] = _read_json_instance, origin: Any = None
) -> SchemaSource:
    try:
        text = _ENCODER.encode(value)
        return SchemaSource(_DECODER.decode(text), text, read_instance, origin, is_readable=True)
    except (TypeError, ValueError, RecursionError, InvalidOperation):
        document = _copied(value)  # slower, but it takes any depth and says what is wrong where
    return SchemaSource(document, "".join(_tokens(document)), read_instance, origin, is_readable=False)


def _copied(value: Any) -> Any:
    """A deep copy without recursion; InvalidSchema at the first thing that is not JSON."""
    holder: list[Any] = [None]
    pending: list[tuple[Any, str, Any, Any]] = [(value, "", holder, 0)]  # what, where, the copy to put it in, its key
    open_ids: set[int] = set()
    while pending:
        item, pointer, target, key = pending.pop()
        if item is _LEAVE:
            open_ids.discard(key)
        elif isinstance(item, dict | list | tuple):
            if id(item) in open_ids:
                raise InvalidSchema(pointer, "the schema contains itself")
            open_ids.add(id(item))
            pending.append((_LEAVE, pointer, None, id(item)))
            entries = {str(k): v for k, v in item.items()} if isinstance(item, dict) else dict(enumerate(item))
            target[key] = made = dict.fromkeys(entries) if isinstance(item, dict) else [None] * len(item)
            pending.extend((v, pointer_to(pointer, k), made, k) for k, v in entries.items())
        else:
            target[key] = _scalar(item, pointer)
    return holder[0]


_LEAVE, _LET_GO = object(), object()


def _scalar(value: Any, pointer: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        exact = Decimal(repr(value)) if isinstance(value, float) else value
        if not exact.is_finite():
            raise InvalidSchema(pointer, f"{value} is not a JSON number")
        return exact
    raise InvalidSchema(pointer, f"{value!r} is not JSON")


def _tokens(document: Any) -> Iterator[str]:
    """The document as text, piece by piece, without recursion; only its identity matters."""
    pending: list[Any] = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, _Mark):
            yield item.text
        elif isinstance(item, dict):
            yield "{"
            pending.append(_Mark("}"))
            for key, value in reversed(item.items()):
                pending.extend((_Mark(","), value, _Mark(json.dumps(key) + ":")))
        elif isinstance(item, list):
            yield "["
            pending.append(_Mark("]"))
            for value in reversed(item):
                pending.extend((_Mark(","), value))
        else:
            yield str(item) if isinstance(item, Decimal) else json.dumps(item)


@dataclasses.dataclass(frozen=True, slots=True)
class _Mark:
    text: str
