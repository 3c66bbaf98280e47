"""Whether no value fits two branches of a `oneOf`, seen from their surface.

Then "exactly one" is "at least one". Branches are told apart by their types, by the values of enum and const, or by a
property that both require with different constants (a discriminator).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from guided.constraints.json_schema.keywords import TYPE_BITS
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.references import References
from guided.constraints.json_schema.values import value_key
from guided.errors import InvalidSchema

__all__ = ["are_disjoint"]

_MOST_PAIRS = 10_000
_MOST_REFERENCES = 50


def are_disjoint(branches: Sequence[Place], references: References, draft: int) -> bool:
    """True if it is certain that no value fits two of the branches."""
    if len(branches) * (len(branches) - 1) // 2 > _MOST_PAIRS:
        return False
    resolved = [_resolve(b, references, draft) for b in branches]
    return all(_pair(a, b, references, draft) for a, b in itertools.combinations(resolved, 2))


def _resolve(place: Place, references: References, draft: int) -> Place:
    """The place that a plain reference leads to."""
    for _ in range(_MOST_REFERENCES):
        schema = place.schema
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            return place
        if draft > 7 and len(schema.keys() & {"type", "enum", "const", "properties", "required"}) > 0:
            return place
        place = references.follow(references.enter(place))
    return place


def _pair(left: Place, right: Place, references: References, draft: int) -> bool:
    if left.schema is False or right.schema is False:
        return True
    if not isinstance(left.schema, dict) or not isinstance(right.schema, dict):
        return False
    shared = _types(left.schema) & _types(right.schema)
    if shared == 0:
        return True
    mine, theirs = _values(left.schema, draft), _values(right.schema, draft)
    if mine is not None and theirs is not None and not mine & theirs:
        return True
    return shared == 64 and _have_discriminator(left, right, references, draft)


def _have_discriminator(left: Place, right: Place, references: References, draft: int) -> bool:
    required = _required(left.schema) & _required(right.schema)
    for key in required:
        values = []
        for place in (left, right):
            part = place.schema.get("properties", {}).get(key)
            if not isinstance(part, dict):
                break
            found = _resolve(place.child("properties", key), references, draft)
            known = _values(found.schema, draft) if isinstance(found.schema, dict) else None
            if known is None:
                break
            values.append(known)
        if len(values) == 2 and not values[0] & values[1]:
            return True
    return False


def _required(schema: dict[str, Any]) -> set[str]:
    names, properties = schema.get("required", []), schema.get("properties", {})
    if not isinstance(names, list) or not isinstance(properties, dict):
        return set()
    return {n for n in names if isinstance(n, str) and n in properties}


def _types(schema: dict[str, Any]) -> int:
    names = schema.get("type", list(TYPE_BITS))
    names = names if isinstance(names, list) else [names]
    bits = 0
    for name in names:
        if not isinstance(name, str) or name not in TYPE_BITS:
            raise InvalidSchema("", f"there is no type {name!r}")
        bits |= TYPE_BITS[name]
    return bits


def _values(schema: dict[str, Any], draft: int) -> frozenset[Any] | None:
    """Keys of the only values that the schema can accept, where it lists them."""
    if "const" in schema and draft > 4:
        return frozenset([value_key(schema["const"])])
    if isinstance(schema.get("enum"), list):
        return frozenset(map(value_key, schema["enum"]))
    return None
