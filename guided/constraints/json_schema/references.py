"""What a `$ref` points at.

Pointers into the schema itself (`#`, `#/$defs/a~1b`) are followed here. Everything else - anchors, embedded `$id`s, a
registry of the caller - goes to the `referencing` library, with the base URI of the place where the reference stands.
Nothing is ever fetched from the network.
"""

from __future__ import annotations

import functools
import urllib.parse
from dataclasses import dataclass
from typing import Any

from guided.constraints.json_schema.keywords import pointer_to
from guided.errors import InvalidSchema, UnsupportedSchema

__all__ = ["DRAFT_URIS", "Place", "References", "draft_of"]

DRAFT_URIS = {
    "https://json-schema.org/draft/2020-12/schema": 2020,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "http://json-schema.org/draft-07/schema": 7,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-04/schema": 4,
}
_NAMES = {"2020-12": 2020, "2019-09": 2019, "7": 7, "6": 6, "4": 4}


def draft_of(document: Any, draft: str | None) -> int:
    """The draft asked for, else the one `$schema` names, else 2020-12."""
    if draft is not None:
        name = str(draft).removeprefix("draft").removeprefix("-").lstrip("0")
        if name not in _NAMES:
            raise InvalidSchema("", f"there is no draft {draft!r}; there are {', '.join(_NAMES)}")
        return _NAMES[name]
    uri = document.get("$schema") if isinstance(document, dict) else None
    if uri is None:
        return 2020
    if not isinstance(uri, str):
        raise InvalidSchema("/$schema", f"$schema must be a string, not {uri!r}")
    plain = uri.strip().removesuffix("#").replace("http://json-schema.org/draft/", "https://json-schema.org/draft/")
    plain = plain.replace("https://json-schema.org/draft-", "http://json-schema.org/draft-")
    if "draft-03" in plain or "draft-02" in plain or "draft-01" in plain:
        raise UnsupportedSchema("/$schema", "$schema", "drafts before 4 are not supported")
    return DRAFT_URIS.get(plain, 2020)


@dataclass(frozen=True, slots=True)
class Place:
    """A schema, where it is, and the resolver of its base URI (None: the document itself, no URI needed)."""

    schema: Any
    pointer: str
    resolver: Any = None
    is_entered: bool = False  # the resolver already has the base URI that the schema's own `$id` sets

    def child(self, *keys: str | int) -> Place:
        """The sub-schema at `keys`."""
        schema = self.schema
        for key in keys:
            schema = schema[key]
        return Place(schema, pointer_to(self.pointer, *keys), self.resolver)


class References:
    """Follows the references of one document."""

    def __init__(self, document: Any, draft: int, registry: Any) -> None:
        self._document = document
        self._draft = draft
        self._registry = registry

    def root(self) -> Place:
        """The document itself."""
        return Place(self._document, "", None if self.is_plain else self._library.root_resolver, is_entered=True)

    def enter(self, place: Place) -> Place:
        """The place with the base URI that its own `$id` sets."""
        if place.resolver is None or place.is_entered or not isinstance(place.schema, dict):
            return place
        return Place(place.schema, place.pointer, self._library.inside(place), is_entered=True)

    def follow(self, place: Place) -> Place:
        """What the `$ref` of the schema at `place` points at."""
        reference: str = place.schema["$ref"]
        at = pointer_to(place.pointer, "$ref")
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
                reference = item.get("$ref")
                if isinstance(reference, str) and reference != "#" and not reference.startswith("#/"):
                    return False
                pending.extend(item.values())
            elif isinstance(item, list):
                pending.extend(item)
        return True

    @functools.cached_property
    def _library(self) -> _Library:
        return _Library(self._document, self._draft, self._registry)


class _Library:
    """The `referencing` library, its errors made ours."""

    def __init__(self, document: Any, draft: int, registry: Any) -> None:
        import jsonschema_specifications  # type: ignore[import-untyped]
        from referencing import Registry, jsonschema

        uri = next(u for u, d in DRAFT_URIS.items() if d == draft)
        self._specification = jsonschema.specification_with(uri + ("#" if draft < 2019 else ""))
        known: Any = jsonschema_specifications.REGISTRY
        self._registry = known if registry is None else known.combine(registry)
        if registry is not None and not isinstance(registry, Registry):
            raise InvalidSchema("", f"registry must be a referencing.Registry, not {type(registry).__name__}")
        resource = self._specification.create_resource(document)
        try:
            self.root_resolver = self._registry.resolver_with_root(resource)
        except (AttributeError, TypeError, ValueError, KeyError) as problem:
            raise InvalidSchema("", f"the schema's identifiers cannot be read: {problem!r}") from problem

    def inside(self, place: Place) -> Any:
        try:
            return place.resolver.in_subresource(self._specification.create_resource(place.schema))
        except (AttributeError, TypeError, ValueError) as problem:
            raise InvalidSchema(place.pointer, f"the schema's identifier cannot be read: {problem!r}") from problem

    def lookup(self, place: Place, reference: str, at: str) -> Place:
        from referencing.exceptions import Unresolvable

        resolver = place.resolver if place.resolver is not None else self.root_resolver
        try:
            found = resolver.lookup(reference)
        except Unresolvable as problem:
            raise InvalidSchema(
                at,
                f"{reference!r} cannot be resolved (remote schemas come from registry=, never the network)",
            ) from problem
        except (AttributeError, TypeError, ValueError, KeyError, RecursionError) as problem:
            raise InvalidSchema(at, f"the reference {reference!r} cannot be followed: {problem!r}") from problem
        pointer = urllib.parse.unquote(reference.removeprefix("#"))
        return Place(found.contents, pointer, found.resolver, is_entered=True)
