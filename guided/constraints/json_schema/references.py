"""What a reference points at.

Pointers into the schema itself (`#`, `#/$defs/a~1b`) are followed here. Everything else - anchors, embedded `$id`s, a
registry of the caller, what is dynamic - goes to `Library`, with the base URI of the place where the reference stands.
Nothing is ever fetched from the network.
"""

from __future__ import annotations

import functools
import urllib.parse
from typing import Any

from guided.constraints.json_schema.keywords import pointer_to
from guided.constraints.json_schema.library import Library
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.traits import Traits
from guided.errors import InvalidSchema

__all__ = ["References"]


class References:
    """Follows the references of one document."""

    def __init__(self, document: Any, draft: int, registry: Any, traits: Traits) -> None:
        self._document = document
        self._traits = traits
        self._draft = draft
        self._registry = registry
        self._local_targets: dict[str, Place] = {}

    def root(self) -> Place:
        """The document itself."""
        return Place(self._document, "", is_entered=True) if self._traits.is_plain else self._library.root

    def enter(self, place: Place) -> Place:
        """The place with the base URI that its own `$id` sets."""
        if place.resolver is None or place.is_entered or not isinstance(place.schema, dict):
            return place
        return self._library.inside(place)

    def follow(self, place: Place, keyword: str = "$ref") -> Place:
        """What the reference of the schema at `place` points at."""
        target = self._follow_statically(place, keyword)
        if keyword == "$ref" or not isinstance(target.schema, dict):
            return target
        if keyword == "$recursiveRef":
            name, is_dynamic = "", target.schema.get("$recursiveAnchor") is True
        else:
            name = urllib.parse.unquote(place.schema[keyword].partition("#")[2])
            is_dynamic = bool(name) and target.schema.get("$dynamicAnchor") == name
        first = place.scope.get(name) if is_dynamic else None
        return target if first is None else first.within(place.scope)

    def _follow_statically(self, place: Place, keyword: str) -> Place:
        reference: str = place.schema[keyword]
        if place.resolver is None and (reference == "#" or reference.startswith("#/")):
            return self._local_targets.get(reference) or self._local(reference, place, keyword)
        return self._library.lookup(place, reference, pointer_to(place.pointer, keyword))

    def _local(self, reference: str, place: Place, keyword: str) -> Place:
        target = self._document
        fragment = urllib.parse.unquote(reference[1:])
        for token in fragment.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            try:
                target = target[int(key)] if isinstance(target, list) else target[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise InvalidSchema(
                    pointer_to(place.pointer, keyword),
                    f"the reference {reference!r} points at nothing: {key!r} is not there",
                ) from None
        found = self._local_targets[reference] = Place(target, fragment)
        return found

    @functools.cached_property
    def _library(self) -> Library:
        return Library(self._document, self._draft, self._registry)
