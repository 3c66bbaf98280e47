"""Whether no value fits two branches of a `oneOf`, seen from their surface.

Then "exactly one" is "at least one". Branches are told apart by their types, by the values of enum and const, or by a
property that both require with different constants (a discriminator).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from guided.constraints.json_schema.keywords import TYPE_BITS
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.references import References
from guided.constraints.json_schema.values import value_key

__all__ = ["are_disjoint"]

_MOST_PAIRS = 10_000
_MOST_REFERENCES = 50
_OBJECT, _ALL_TYPES = 64, 127


def are_disjoint(branches: Sequence[Place], references: References, draft: int) -> bool:
    """True if it is certain that no value fits two of the branches."""
    if len(branches) * (len(branches) - 1) // 2 > _MOST_PAIRS:
        return False
    surfaces = [_Surface(_resolve(b, references, draft), references, draft) for b in branches]
    return all(a.is_disjoint_with(b) for a, b in itertools.combinations(surfaces, 2))


class _Surface:
    """What a branch says at first sight."""

    def __init__(self, place: Place, references: References, draft: int) -> None:
        self._place = place
        self._references = references
        self._draft = draft
        schema = place.schema
        self._is_known = isinstance(schema, dict)
        self._is_empty = schema is False
        self._types = _types(schema) if self._is_known else 0
        self._values = _values(schema, draft) if self._is_known else None

    def is_disjoint_with(self, other: _Surface) -> bool:
        if self._is_empty or other._is_empty:
            return True
        if not self._is_known or not other._is_known:
            return False
        shared = self._types & other._types
        if shared == 0:
            return True
        if self._values is not None and other._values is not None and not self._values & other._values:
            return True
        return shared == _OBJECT and self._has_discriminator_with(other)

    def _has_discriminator_with(self, other: _Surface) -> bool:
        mine, theirs = self._discriminators, other._discriminators
        return any(key in theirs and not values & theirs[key] for key, values in mine.items())

    @functools.cached_property
    def _discriminators(self) -> dict[str, frozenset[Any]]:
        """The values of each required property that lists them."""
        found: dict[str, frozenset[Any]] = {}
        for key in _required(self._place.schema):
            part = self._place.child("properties", key)
            if isinstance(part.schema, dict):
                schema = _resolve(part, self._references, self._draft).schema
                values = _values(schema, self._draft) if isinstance(schema, dict) else None
                if values is not None:
                    found[key] = values
        return found


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
            return _ALL_TYPES  # the error is raised where the branch is lowered, with its place
        bits |= TYPE_BITS[name]
    return bits


def _values(schema: dict[str, Any], draft: int) -> frozenset[Any] | None:
    """Keys of the only values that the schema can accept, where it lists them."""
    if "const" in schema and draft > 4:
        return frozenset([value_key(schema["const"])])
    if isinstance(schema.get("enum"), list):
        return frozenset(map(value_key, schema["enum"]))
    return None
