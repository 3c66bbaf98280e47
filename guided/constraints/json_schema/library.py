"""References that need base URIs: anchors, embedded `$id`s, a registry of the caller.

URIs and pointers are the business of the `referencing` library, its errors made ours. Anchors are found here, because
since 2019 they come in kinds: a resource is walked once, up to the resources embedded in it.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guided.constraints.json_schema.dialects import DRAFT_URIS, draft_named
from guided.constraints.json_schema.place import Place
from guided.errors import InvalidSchema, UnsupportedSchema

__all__ = ["Library"]

_NAMED_ANCHORS = 2019  # before, an anchor is an `$id` with a fragment, and nothing is dynamic


@dataclass(frozen=True, slots=True)
class _Anchors:
    """The anchors of one resource by name."""

    root: Any  # kept alive, since its identity is the key
    named: Mapping[str, Place]
    dynamic: Mapping[str, Place]


class Library:
    """Looks references up for one document."""

    def __init__(self, document: Any, draft: int, registry: Any) -> None:
        import jsonschema_specifications  # type: ignore[import-untyped]
        from referencing import Registry, jsonschema

        self._draft = draft
        self._drafts = {draft, draft_named(document) or draft}  # draft= may say otherwise than the document
        uri = next(u for u, d in DRAFT_URIS.items() if d == draft)
        self._specification = jsonschema.specification_with(uri + ("#" if draft < 2019 else ""))
        known: Any = jsonschema_specifications.REGISTRY
        if registry is not None and not isinstance(registry, Registry):
            raise InvalidSchema("", f"registry must be a referencing.Registry, not {type(registry).__name__}")
        self._registry = known if registry is None else known.combine(registry)
        self._anchors: dict[int, _Anchors] = {}
        self._targets: dict[tuple[int, str], tuple[Place, Any]] = {}
        self._root_resolver = self._resolver_of(document)
        self.root = self._entered(Place(document, "", self._root_resolver), document)

    def inside(self, place: Place) -> Place:
        """The place with the base URI that its own `$id` sets."""
        try:
            resolver = place.resolver.in_subresource(self._specification.create_resource(place.schema))
        except (AttributeError, TypeError, ValueError) as problem:
            raise InvalidSchema(place.pointer, f"the schema's identifier cannot be read: {problem!r}") from problem
        entered = Place(place.schema, place.pointer, resolver, scope=place.scope)
        return entered if resolver is place.resolver else self._entered(entered, place.schema)

    def lookup(self, place: Place, reference: str, at: str) -> Place:
        """What `reference` points at when it stands at `place`, whatever is dynamic about it."""
        key = id(place.schema), reference
        if key not in self._targets:
            self._targets[key] = self._lookup(place, reference, at)
        target, root = self._targets[key]
        return self._entered(target.within(place.scope), root)

    def _lookup(self, place: Place, reference: str, at: str) -> tuple[Place, Any]:
        """The target of a reference, and the root of the resource that it is in, where anchors are tracked."""
        resolver = place.resolver if place.resolver is not None else self._root_resolver
        uri, _, fragment = reference.partition("#")
        if self._draft < _NAMED_ANCHORS or not fragment or fragment.startswith("/"):
            found = self._resolve(resolver, reference, at)
            pointer = urllib.parse.unquote(reference.removeprefix("#"))
            target = Place(found.contents, pointer, found.resolver)
            is_tracked = self._draft >= _NAMED_ANCHORS
            return target, self._resolve(found.resolver, "#", at).contents if is_tracked else None
        resource = self._resolve(resolver, uri or "#", at)
        anchors = self._anchors_of(Place(resource.contents, uri, resource.resolver))
        anchor = anchors.named.get(urllib.parse.unquote(fragment))
        if anchor is None:
            raise InvalidSchema(at, f"the reference {reference!r} points at nothing: there is no such anchor")
        return anchor, resource.contents

    def _resolver_of(self, document: Any) -> Any:
        """A resolver that knows every resource; only those it can find where some other cannot be read."""
        resource = self._specification.create_resource(document)
        try:
            uri = resource.id() or ""
            registry = self._registry.with_resource(uri, resource)
            try:
                registry = registry.crawl()
            except (AttributeError, TypeError, ValueError, KeyError):
                return registry.resolver(uri)
            return registry.resolver(uri)
        except (AttributeError, TypeError, ValueError, KeyError) as problem:
            raise InvalidSchema("", f"the schema's identifiers cannot be read: {problem!r}") from problem

    def _resolve(self, resolver: Any, reference: str, at: str) -> Any:
        from referencing.exceptions import Unresolvable

        try:
            return resolver.lookup(reference)
        except Unresolvable as problem:
            raise InvalidSchema(
                at,
                f"{reference!r} cannot be resolved (remote schemas come from registry=, never the network)",
            ) from problem
        except (AttributeError, TypeError, ValueError, KeyError, RecursionError) as problem:
            raise InvalidSchema(at, f"the reference {reference!r} cannot be followed: {problem!r}") from problem

    def _entered(self, place: Place, root: Any) -> Place:
        """The place in the dynamic scope that includes its resource, whose root is `root`."""
        for schema in (place.schema, root):
            if (draft_named(schema) or self._draft) not in self._drafts:
                reason = "a schema in another draft than the one that refers to it"
                raise UnsupportedSchema(place.pointer, "$schema", reason)
        if self._draft < _NAMED_ANCHORS:
            return place
        anchors = self._anchors_of(Place(root, place.pointer, place.resolver))
        return place.within(place.scope.inside(anchors.dynamic))

    def _anchors_of(self, resource: Place) -> _Anchors:
        root = resource.schema
        if id(root) not in self._anchors:
            named: dict[str, Place] = {}
            dynamic: dict[str, Place] = {}
            for schema in self._schemas_of(resource):
                for keyword in ("$anchor", "$dynamicAnchor"):
                    name = schema.get(keyword)
                    if isinstance(name, str) and (keyword == "$anchor" or self._draft >= 2020):
                        anchor = Place(schema, f"{resource.pointer}#{name}", resource.resolver)
                        named[name] = anchor
                        if keyword == "$dynamicAnchor":
                            dynamic[name] = anchor
            if self._draft == 2019 and isinstance(root, dict) and root.get("$recursiveAnchor") is True:
                dynamic[""] = resource
            self._anchors[id(root)] = _Anchors(root, named, dynamic)
        return self._anchors[id(root)]

    def _schemas_of(self, resource: Place) -> list[dict[str, Any]]:
        """The schemas of a resource, without those of resources embedded in it."""
        pending, found = [resource.schema], []
        try:
            while pending:
                item = pending.pop()
                if isinstance(item, dict) and (item is resource.schema or not isinstance(item.get("$id"), str)):
                    found.append(item)
                    pending.extend(self._specification.subresources_of(item))
        except (AttributeError, TypeError) as problem:
            raise InvalidSchema(resource.pointer, f"the schema's parts cannot be read: {problem!r}") from problem
        return found
