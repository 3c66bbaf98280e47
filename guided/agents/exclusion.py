"""A tool's schema without calls that were made too often already.

`without(schema, values)` is a schema of exactly the instances of `schema` that are none of `values`, written with
ordinary keywords (enum, bounds, pattern, required, anyOf), or `None` if there are no others. Objects are taken apart
key by key: either a key has a value that none of `values` has there, or it has one of theirs and the other keys must
differ. Where the keywords cannot say it (an array, a string that has a pattern already) `Inexpressible` is raised,
and the caller drops the tool for the turn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Inexpressible", "canonical", "without"]

MAX_PATTERN = 20_000  # characters of a pattern that excludes strings
ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated", "$comment", "$schema", "$defs"})
OBJECT_KEYWORDS = ANNOTATIONS | {"type", "properties", "required", "additionalProperties"}
NUMBER_KEYWORDS = ANNOTATIONS | {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
STRING_KEYWORDS = ANNOTATIONS | {"type", "minLength", "maxLength"}
MISSING = object()

Schema = dict[str, Any]


class Inexpressible(Exception):
    """The exclusion cannot be written with the keywords that are used here."""


def canonical(value: Any) -> str:
    """The same text for values that JSON Schema calls equal: keys sorted, 1.0 as 1.

    >>> canonical({"b": 1.0, "a": [True]})
    '{"a":[true],"b":1}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def without(schema: Schema, values: Sequence[Any]) -> Schema | None:
    """The schema of what is left, `None` if nothing is; may raise `Inexpressible`."""
    left = _alternatives(schema, list(values), schema)
    if not left:
        return None
    if len(left) == 1:
        return {**({"$defs": schema["$defs"]} if "$defs" in schema else {}), **left[0]}
    inner = [{key: part for key, part in one.items() if key not in ("$defs", "$schema")} for one in left]
    return {**{key: schema[key] for key in ("$schema", "$defs") if key in schema}, "anyOf": inner}


def _alternatives(schema: Any, values: list[Any], root: Schema) -> list[Schema]:
    """Schemas whose union is `schema` without `values`."""
    if not values:
        return [schema]
    if not isinstance(schema, Mapping):
        raise Inexpressible
    if "$ref" in schema:
        return _alternatives(_target(schema, root), values, root)
    if "const" in schema or "enum" in schema:
        return _enumerated(dict(schema), values)
    if "anyOf" in schema:
        _only(schema, ANNOTATIONS | {"anyOf"})
        return [left for part in schema["anyOf"] for left in _alternatives(part, values, root)]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [left for kind in kinds for left in _alternatives({**schema, "type": kind}, values, root)]
    values = [value for value in values if _has_type(value, kinds)]
    return _typed(dict(schema), kinds, values, root) if values else [dict(schema)]


def _typed(schema: Schema, kind: Any, values: list[Any], root: Schema) -> list[Schema]:
    if kind == "null":
        return []
    if kind == "boolean":
        return _enumerated({**schema, "enum": [False, True]}, values)
    if kind in ("integer", "number"):
        return _numbers(schema, kind, values)
    if kind == "string":
        _only(schema, STRING_KEYWORDS)
        return [{**schema, "pattern": _pattern_without(values)}]
    if kind == "object":
        _only(schema, OBJECT_KEYWORDS)
        if schema.get("additionalProperties") is not False:
            raise Inexpressible
        return _objects(schema, list(schema.get("properties", {})), values, root)
    raise Inexpressible


def _objects(schema: Schema, keys: list[str], values: list[Any], root: Schema) -> list[Schema]:
    if not values:
        return [schema]
    if not keys:
        return []
    key, rest = keys[0], keys[1:]
    properties, required = schema["properties"], set(schema.get("required", ()))
    groups: dict[str, tuple[Any, list[Any]]] = {}
    for value in values:
        here = value.get(key, MISSING)
        groups.setdefault("" if here is MISSING else canonical(here), (here, []))[1].append(value)
    present = [here for here, _ in groups.values() if here is not MISSING]
    is_needed = key in required or "" in groups
    left = [_with(schema, key, part, is_needed) for part in _alternatives(properties[key], present, root)]
    if not left and not is_needed:
        left = [_lacking(schema, key)]
    for here, members in groups.values():
        if here is MISSING and key in required:
            continue
        fixed = _lacking(schema, key) if here is MISSING else _with(schema, key, {"const": here}, True)
        left += _objects(fixed, rest, members, root)
    return left


def _with(schema: Schema, key: str, part: Any, is_required: bool) -> Schema:
    required = list(schema.get("required", ()))
    if is_required and key not in required:
        required.append(key)
    return {**schema, "properties": {**schema["properties"], key: part}, "required": required}


def _lacking(schema: Schema, key: str) -> Schema:
    return {**schema, "properties": {k: part for k, part in schema["properties"].items() if k != key}}


def _enumerated(schema: Schema, values: list[Any]) -> list[Schema]:
    options = schema.pop("enum", None)
    if "const" in schema:
        options = [schema.pop("const")]
    unwanted = {canonical(value) for value in values}
    left = [option for option in options or () if canonical(option) not in unwanted]
    return [{**schema, "enum": left}] if left else []


def _numbers(schema: Schema, kind: str, values: list[Any]) -> list[Schema]:
    _only(schema, NUMBER_KEYWORDS)
    if any(isinstance(schema.get(key), bool) for key in ("exclusiveMinimum", "exclusiveMaximum")):
        raise Inexpressible  # draft 4
    bounds = sorted({_plain(v) for v in values if isinstance(v, int) or math.isfinite(v)})
    gaps = zip([None, *bounds], [*bounds, None], strict=True)
    left = [_between(schema, kind, low, high) for low, high in gaps]
    return [part for part in left if part is not None]


def _between(schema: Schema, kind: str, low: float | None, high: float | None) -> Schema | None:
    """The part of a number schema strictly between two values, `None` if it is seen to be empty."""
    part = dict(schema)
    if kind == "integer":
        if low is not None:
            part["minimum"] = max(low + 1, part.get("minimum", low + 1))
        if high is not None:
            part["maximum"] = min(high - 1, part.get("maximum", high - 1))
        least = max(part.get("minimum", -math.inf), part.get("exclusiveMinimum", -math.inf) + 0.5)
        most = min(part.get("maximum", math.inf), part.get("exclusiveMaximum", math.inf) - 0.5)
        is_empty = least > most or (
            math.isfinite(least) and math.isfinite(most) and math.ceil(least) > math.floor(most)
        )
        return None if is_empty else part
    if low is not None:
        part["exclusiveMinimum"] = max(low, part.get("exclusiveMinimum", low))
    if high is not None:
        part["exclusiveMaximum"] = min(high, part.get("exclusiveMaximum", high))
    above, below = part.get("exclusiveMinimum", -math.inf), part.get("exclusiveMaximum", math.inf)
    least, most = part.get("minimum", -math.inf), part.get("maximum", math.inf)
    return None if above >= below or least > most or least >= below or above >= most else part


def _pattern_without(words: Sequence[str]) -> str:
    """A pattern of the strings that are none of `words`: a proper prefix, a prefix and a wrong character, or more
    than a word."""
    if any("\ud800" <= char <= "\udfff" for word in words for char in word):
        raise Inexpressible
    follow: dict[str, set[str]] = {"": set()}
    for word in words:
        for i, char in enumerate(word):
            follow.setdefault(word[:i], set()).add(char)
        follow.setdefault(word, set())
    parts = []
    size = 0
    for prefix in sorted(follow):
        spelled = "".join(map(_escaped, prefix))
        if prefix not in words:
            parts.append(spelled)
        following = "".join(map(_escaped, sorted(follow[prefix])))
        parts.append(f"{spelled}[^{following}][\\s\\S]*" if following else f"{spelled}[\\s\\S]+")
        size += len(parts[-1]) + len(spelled)
        if size > MAX_PATTERN:
            raise Inexpressible
    return f"^(?:{'|'.join(parts)})$"


def _escaped(char: str) -> str:
    return char if char.isalnum() or ord(char) > 0xFFFF else f"\\u{ord(char):04x}"


def _target(schema: Mapping[str, Any], root: Schema) -> Any:
    reference = schema["$ref"]
    _only(schema, ANNOTATIONS | {"$ref"})
    if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
        raise Inexpressible
    name = reference.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
    target = root.get("$defs", {}).get(name)
    if target is None or "$ref" in target:  # a chain of references could be a circle
        raise Inexpressible
    return target


def _only(schema: Mapping[str, Any], keywords: frozenset[str]) -> None:
    if not schema.keys() <= keywords:
        raise Inexpressible


def _has_type(value: Any, kind: Any) -> bool:
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {"null": type(None), "boolean": bool, "string": str, "array": list, "object": Mapping}
    if kind not in kinds:
        raise Inexpressible
    return isinstance(value, kinds[kind])
