"""Where the lowering stands: a schema, its base URI, and the dynamic scope it is evaluated in.

A `$dynamicRef` leads to the outermost resource on the way here that has an anchor of its name. So of the whole way only
the first anchor of each name matters, and a schema is lowered once for each such scope: finitely often.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from guided.constraints.json_schema.keywords import pointer_to

__all__ = ["NO_SCOPE", "DynamicScope", "Place"]


class DynamicScope:
    """The outermost dynamic anchor of each name; `""` is that of `$recursiveAnchor`."""

    __slots__ = ("_anchors", "key")

    def __init__(self, anchors: Mapping[str, Place]) -> None:
        self._anchors = anchors
        self.key = tuple(sorted((name, id(place.schema)) for name, place in anchors.items()))

    def get(self, name: str) -> Place | None:
        """The place of the outermost anchor."""
        return self._anchors.get(name)

    def inside(self, anchors: Mapping[str, Place]) -> DynamicScope:
        """The scope after entering a resource with these anchors."""
        return self if anchors.keys() <= self._anchors.keys() else DynamicScope({**anchors, **self._anchors})


NO_SCOPE = DynamicScope({})


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A schema, where it is, and the resolver of its base URI (None: the document itself, no URI needed)."""

    schema: Any
    pointer: str
    resolver: Any = None
    is_entered: bool = False  # the resolver already has the base URI that the schema's own `$id` sets
    scope: DynamicScope = NO_SCOPE

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for places that mean the same."""
        return id(self.schema), self.scope.key

    def child(self, *keys: str | int) -> Place:
        """The sub-schema at `keys`."""
        schema = self.schema
        for key in keys:
            schema = schema[key]
        return Place(schema, pointer_to(self.pointer, *keys), self.resolver, scope=self.scope)

    def within(self, scope: DynamicScope) -> Place:
        """The same place, come to on another way."""
        return dataclasses.replace(self, scope=scope)
