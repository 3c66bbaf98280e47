"""References that leave the document, or depend on where in it they stand: anchors, embedded `$id`s, a registry.

`Library` follows them among Python's values; the native lowering reads a frozen copy. Here is which is which: schemas
that are referred to from elsewhere are frozen when they are first met, base URIs and dynamic scopes are numbered.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Hashable
from typing import Any, TypeAlias

from guided.constraints.json_schema.library import Library
from guided.constraints.json_schema.place import NO_SCOPE, DynamicScope, Place

__all__ = ["Beyond", "Target"]

Target: TypeAlias = tuple[int, str, int, int]  # value in the frozen document, pointer, base URI, dynamic scope


class Beyond:
    """Follows the references of one document."""

    def __init__(self, document: Any, draft: int, registry: Any) -> None:
        from guided import _native

        self.document = _native.Document()  # grows
        self._value_of: dict[int, int] = {}  # by identity, of containers, which `_containers` keeps alive
        self._containers: dict[int, Any] = {}
        self.document.add(document, self._value_of, self._containers)
        self._library = Library(document, draft, registry)
        self._bases: list[Any] = [None]
        self._base_of: dict[int, int] = {}  # by identity of the resolver
        self._scopes: list[DynamicScope] = [NO_SCOPE]
        self._scope_of: dict[Hashable, int] = {NO_SCOPE.key: 0}

    def root(self) -> Target:
        """The document itself."""
        return self._target(self._library.root)

    def enter(self, schema: int, pointer: str, base: int, scope: int) -> Target:
        """The same schema with the base URI that its own identifier sets."""
        return self._target(self._library.inside(self._place(schema, pointer, base, scope)))

    def follow(self, schema: int, keyword: str, pointer: str, base: int, scope: int) -> Target:
        """What the reference of a schema points at, which stands at `pointer`."""
        place = self._place(schema, pointer, base, scope)
        reference: str = place.schema[keyword]
        target = self._library.lookup(place, reference, pointer)
        if keyword == "$ref" or not isinstance(target.schema, dict):
            return self._target(target)
        if keyword == "$recursiveRef":
            name, is_dynamic = "", target.schema.get("$recursiveAnchor") is True
        else:
            name = urllib.parse.unquote(reference.partition("#")[2])
            is_dynamic = bool(name) and target.schema.get("$dynamicAnchor") == name
        first = place.scope.get(name) if is_dynamic else None
        return self._target(target if first is None else first.within(place.scope))

    def _place(self, schema: int, pointer: str, base: int, scope: int) -> Place:
        return Place(self._containers[schema], pointer, self._bases[base], scope=self._scopes[scope])

    def _target(self, place: Place) -> Target:
        value = self._value_of.get(id(place.schema))
        if value is None:
            value = self.document.add(place.schema, self._value_of, self._containers)
        base = self._base_of.get(id(place.resolver))
        if base is None:
            base = self._base_of[id(place.resolver)] = len(self._bases)
            self._bases.append(place.resolver)
        scope = self._scope_of.get(place.scope.key)
        if scope is None:
            scope = self._scope_of[place.scope.key] = len(self._scopes)
            self._scopes.append(place.scope)
        return value, place.pointer, base, scope
