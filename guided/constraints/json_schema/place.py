"""Where a reference leads: a schema, its base URI, and the dynamic scope it is evaluated in.

A `$dynamicRef` leads to the outermost resource on the way here that has an anchor of its name. So of the whole way only
the first anchor of each name matters, and a schema is lowered once for each such scope: finitely often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["NO_SCOPE", "DynamicScope", "Place", "pointer_to"]


def pointer_to(pointer: str, *keys: str | int) -> str:
    """A JSON pointer into what `pointer` points at.

    >>> pointer_to("/properties", "a/b", 0)
    '/properties/a~1b/0'
    """
    return pointer + "".join("/" + str(k).replace("~", "~0").replace("/", "~1") for k in keys)


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
    """A schema, where it is as a JSON pointer, and the resolver of its base URI."""

    schema: Any
    pointer: str
    resolver: Any = None
    scope: DynamicScope = NO_SCOPE

    def within(self, scope: DynamicScope) -> Place:
        """The same place, come to on another way."""
        return self._replace(scope=scope)
