"""The keywords of each draft: which are enforced, and what shape each must have.

Drafts are numbered 4, 6, 7, 2019 and 2020. A keyword outside its drafts is unknown there, hence an annotation, as the
standard says. Shapes are checked when a schema is lowered, so that an error has its pointer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any, Protocol

from guided.errors import InvalidSchema

__all__ = [
    "APPLIES",
    "LATEST",
    "REFERENCES",
    "TYPE_BITS",
    "are_texts",
    "as_count",
    "check_shapes",
    "is_integer_value",
    "keywords_of",
    "pointer_to",
]

LATEST = 2020
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_EVER = (4, 2020)

TYPE_BITS = {"null": 1, "boolean": 6, "number": 8, "integer": 8, "string": 16, "array": 32, "object": 64}

# Keywords that say something about values; any other is an annotation.
APPLIES: dict[str, tuple[int, int]] = {
    "$ref": _EVER,
    "$dynamicRef": (2020, 2020),
    "$recursiveRef": (2019, 2019),
    "type": _EVER,
    "enum": _EVER,
    "const": (6, 2020),
    "properties": _EVER,
    "required": _EVER,
    "additionalProperties": _EVER,
    "minProperties": _EVER,
    "maxProperties": _EVER,
    "items": _EVER,
    "prefixItems": (2020, 2020),
    "additionalItems": (4, 2019),
    "minItems": _EVER,
    "maxItems": _EVER,
    "minLength": _EVER,
    "maxLength": _EVER,
    "pattern": _EVER,
    "format": _EVER,
    "minimum": _EVER,
    "maximum": _EVER,
    "exclusiveMinimum": _EVER,
    "exclusiveMaximum": _EVER,
    "multipleOf": _EVER,
    "anyOf": _EVER,
    "allOf": _EVER,
    "oneOf": _EVER,
    "not": _EVER,
    "if": (7, 2020),
    "then": (7, 2020),
    "else": (7, 2020),
    "patternProperties": _EVER,
    "propertyNames": (6, 2020),
    "dependencies": (4, 7),
    "dependentRequired": (2019, 2020),
    "dependentSchemas": (2019, 2020),
    "contains": (6, 2020),
    "uniqueItems": _EVER,
    "minContains": (2019, 2020),
    "maxContains": (2019, 2020),
    "unevaluatedItems": (2019, 2020),
    "unevaluatedProperties": (2019, 2020),
}

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Located(Protocol):
    """What knows where it is, as a JSON pointer."""

    @property
    def pointer(self) -> str: ...


def pointer_to(pointer: str, *keys: str | int) -> str:
    """A JSON pointer into what `pointer` points at.

    >>> pointer_to("/properties", "a/b", 0)
    '/properties/a~1b/0'
    """
    return pointer + "".join("/" + str(k).replace("~", "~0").replace("/", "~1") for k in keys)


def is_integer_value(value: Any) -> bool:
    """Whether a JSON value is a number without a fraction (2.0 is)."""
    if isinstance(value, Decimal):  # never int(value): 1e999999999 would be written out
        return value.is_zero() or int(value.normalize(_EXACT).as_tuple().exponent) >= 0
    return isinstance(value, int) and not isinstance(value, bool)


def are_texts(values: Collection[Any]) -> bool:
    """Whether all of them are strings."""
    return _TEXT_TYPES.issuperset(map(type, values)) or all(isinstance(v, str) for v in values)


def as_count(value: Any) -> int:
    """A length or count as an int; everything beyond 4e9 is the same."""
    return int(min(value, 4_000_000_000))


@functools.cache
def keywords_of(draft: int) -> frozenset[str]:
    """The keywords that say something about values in this draft; others are annotations."""
    return frozenset(keyword for keyword, (first, last) in APPLIES.items() if first <= draft <= last)


def check_shapes(schema: dict[str, Any], place: Located, draft: int) -> None:
    """Raise InvalidSchema where the value of a keyword of the draft has not the shape that the standard gives it."""
    for keyword, value in schema.items():
        check = _SHAPES.get(keyword)
        if check is not None and (reason := check(value, draft)):
            raise InvalidSchema(pointer_to(place.pointer, keyword), f"{keyword} must be {reason}, not {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# of nearly all values; only what a registry holds may be of a subclass
_SCHEMA_TYPES = frozenset({dict, bool})
_TEXT_TYPES = frozenset({str})


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _are_schemas(values: Collection[Any]) -> bool:
    return _SCHEMA_TYPES.issuperset(map(type, values)) or all(map(_is_schema, values))


def _number(value: Any, draft: int) -> str:
    return "" if isinstance(value, int | Decimal) and not isinstance(value, bool) else "a number"


def _exclusive(value: Any, draft: int) -> str:
    if draft == 4:
        return "" if isinstance(value, bool) else "a boolean (draft 4)"
    return _number(value, draft)


def _positive(value: Any, draft: int) -> str:
    return "" if not _number(value, draft) and value > 0 else "a number above 0"


def _count(value: Any, draft: int) -> str:
    return "" if is_integer_value(value) and value >= 0 else "an integer that is not negative"


def _text(value: Any, draft: int) -> str:
    return "" if isinstance(value, str) else "a string"


def _recursive(value: Any, draft: int) -> str:
    return "" if value == "#" else "'#'"


def _flag(value: Any, draft: int) -> str:
    return "" if isinstance(value, bool) else "a boolean"


def _schema(value: Any, draft: int) -> str:
    return "" if _is_schema(value) else "a schema (an object or a boolean)"


def _items(value: Any, draft: int) -> str:
    if isinstance(value, list) and draft >= 2020:
        return "a schema; a list of schemas is written prefixItems since draft 2020-12"
    return _schemas(value, draft, 0) if isinstance(value, list) else _schema(value, draft)


def _schemas(value: Any, draft: int, least: int = 1) -> str:
    fits = isinstance(value, list) and len(value) >= least and _are_schemas(value)
    return "" if fits else "a list of schemas" + (" with at least one" if least else "")


def _schema_map(value: Any, draft: int) -> str:
    fits = isinstance(value, dict) and _are_schemas(value.values())
    return "" if fits else "an object whose values are schemas"


def _names(value: Any, draft: int) -> str:
    fits = isinstance(value, list) and are_texts(value) and len(set(value)) == len(value)
    return "" if fits else "a list of different strings"


def _type(value: Any, draft: int) -> str:
    if isinstance(value, str) and value in TYPE_BITS:
        return ""
    names = value if isinstance(value, list) else [value]
    fits = bool(names) and all(isinstance(n, str) and n in TYPE_BITS for n in names)
    return "" if fits else f"one of {', '.join(TYPE_BITS)}, or a list of them"


def _dependencies(value: Any, draft: int) -> str:
    fits = isinstance(value, dict) and all(_is_schema(v) or not _names(v, draft) for v in value.values())
    return "" if fits else "an object whose values are schemas or lists of names"


def _name_lists(value: Any, draft: int) -> str:
    fits = isinstance(value, dict) and all(not _names(v, draft) for v in value.values())
    return "" if fits else "an object whose values are lists of different strings"


def _list(value: Any, draft: int) -> str:
    return "" if isinstance(value, list) else "a list"


_SHAPES: dict[str, Callable[[Any, int], str]] = {
    "$ref": _text,
    "$dynamicRef": _text,
    "$recursiveRef": _recursive,
    "type": _type,
    "enum": _list,
    "properties": _schema_map,
    "patternProperties": _schema_map,
    "required": _names,
    "additionalProperties": _schema,
    "propertyNames": _schema,
    "minProperties": _count,
    "maxProperties": _count,
    "items": _items,
    "prefixItems": _schemas,
    "additionalItems": _schema,
    "contains": _schema,
    "uniqueItems": _flag,
    "minItems": _count,
    "maxItems": _count,
    "minLength": _count,
    "maxLength": _count,
    "pattern": _text,
    "format": _text,
    "minimum": _number,
    "maximum": _number,
    "exclusiveMinimum": _exclusive,
    "exclusiveMaximum": _exclusive,
    "multipleOf": _positive,
    "anyOf": _schemas,
    "allOf": _schemas,
    "oneOf": _schemas,
    "not": _schema,
    "if": _schema,
    "then": _schema,
    "else": _schema,
    "dependencies": _dependencies,
    "dependentRequired": _name_lists,
    "dependentSchemas": _schema_map,
    "minContains": _count,
    "maxContains": _count,
    "unevaluatedItems": _schema,
    "unevaluatedProperties": _schema,
}
