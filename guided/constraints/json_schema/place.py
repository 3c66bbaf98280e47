"""Where the lowering stands: a schema, its base URI, and the dynamic scope it is evaluated in.

A `$dynamicRef` leads to the outermost resource on the way here that has an anchor of its name. So of the whole way only
the first anchor of each name matters, and a schema is lowered once for each such scope: finitely often. Pointers are
links to the place above, and written out for errors only.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple, TypeAlias

from guided.constraints.json_schema.keywords import pointer_to

__all__ = ["NO_SCOPE", "DynamicScope", "Path", "Place", "pointer_of"]

Path: TypeAlias = "str | tuple[Path, str | int]"  # a pointer, or a path and one more key


def pointer_of(path: Path) -> str:
    """The JSON pointer that a path stands for.

    >>> pointer_of(((("#/$defs/a", "items"), 0)))
    '#/$defs/a/items/0'
    """
    keys: list[str | int] = []
    while not isinstance(path, str):
        path, key = path
        keys.append(key)
    return pointer_to(path, *reversed(keys))


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


class Place(NamedTuple):
    """A schema, where it is, and the resolver of its base URI (None: the document itself, no URI needed)."""

    schema: Any
    path: Path
    resolver: Any = None
    is_entered: bool = False  # the resolver already has the base URI that the schema's own `$id` sets
    scope: DynamicScope = NO_SCOPE

    @property
    def pointer(self) -> str:
        """Where it is, as a JSON pointer."""
        return pointer_of(self.path)

    @property
    def key(self) -> Hashable:
        """Equal for places that mean the same."""
        return id(self.schema), self.scope.key

    def child(self, *keys: str | int) -> Place:
        """The sub-schema at `keys`."""
        schema, path = self.schema, self.path
        for key in keys:
            schema, path = schema[key], (path, key)
        return Place(schema, path, self.resolver, False, self.scope)

    def within(self, scope: DynamicScope) -> Place:
        """The same place, come to on another way."""
        return self._replace(scope=scope)
