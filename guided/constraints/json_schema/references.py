"""What a reference points at.

Pointers into the schema itself (`#`, `#/$defs/a~1b`) are followed here. Everything else - anchors, embedded `$id`s, a
registry of the caller, what is dynamic - goes to `Library`, with the base URI of the place where the reference stands.
Nothing is ever fetched from the network.
"""

from __future__ import annotations

import functools
import urllib.parse
from typing import Any

from guided.constraints.json_schema.keywords import REFERENCES, pointer_to
from guided.constraints.json_schema.library import Library
from guided.constraints.json_schema.place import Place
from guided.errors import InvalidSchema

__all__ = ["References"]


class References:
    """Follows the references of one document."""

    def __init__(self, document: Any, draft: int, registry: Any) -> None:
        self._document = document
        self._draft = draft
        self._registry = registry

    def root(self) -> Place:
        """The document itself."""
        return Place(self._document, "", is_entered=True) if self.is_plain else self._library.root

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
        at = pointer_to(place.pointer, keyword)
        if place.resolver is None and (reference == "#" or reference.startswith("#/")):
            return self._local(reference, at)
        return self._library.lookup(place, reference, at)

    def _local(self, reference: str, at: str) -> Place:
        target = self._document
        fragment = urllib.parse.unquote(reference[1:])
        for token in fragment.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            try:
                target = target[int(key)] if isinstance(target, list) else target[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise InvalidSchema(
                    at, f"the reference {reference!r} points at nothing: {key!r} is not there"
                ) from None
        return Place(target, fragment)

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether no base URI matters: no `$id` below the root, no anchors, no foreign references."""
        identifier = "id" if self._draft == 4 else "$id"
        pending = [self._document]
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                if item is not self._document and isinstance(item.get(identifier), str):
                    return False
                for keyword in REFERENCES:
                    reference = item.get(keyword)
                    if isinstance(reference, str) and reference != "#" and not reference.startswith("#/"):
                        return False
                pending.extend(item.values())
            elif isinstance(item, list):
                pending.extend(item)
        return True

    @functools.cached_property
    def _library(self) -> Library:
        return Library(self._document, self._draft, self._registry)
