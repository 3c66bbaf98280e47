"""From a JSON Schema to native schema nodes.

A worklist: each sub-schema gets a node id when it is first seen and is defined later, so recursion through `$ref` and
any depth of nesting cost no stack. Of a node, keywords about one type apply to that type only, as the standard says.
Half of all schemas in the wild only name a type: such share one node, and no place is made for them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from guided.constraints.json_schema.applicators import APPLICATORS, Applicators
from guided.constraints.json_schema.containers import add_array, add_object
from guided.constraints.json_schema.dialects import left_out
from guided.constraints.json_schema.keywords import TYPE_BITS, check_shapes, keywords_of, pointer_to
from guided.constraints.json_schema.node_count import NodeCount
from guided.constraints.json_schema.numbers import NumberSpellings
from guided.constraints.json_schema.options import SchemaOptions
from guided.constraints.json_schema.place import NO_SCOPE, Path, Place, pointer_of
from guided.constraints.json_schema.references import References
from guided.constraints.json_schema.scalars import ScalarParts
from guided.constraints.json_schema.source import SchemaSource
from guided.constraints.json_schema.strings import StringParts
from guided.constraints.json_schema.traits import Traits
from guided.constraints.json_schema.values import ANYTHING, NOTHING, ValueNodes
from guided.errors import InvalidSchema, UnsupportedSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["SchemaLowering"]

_ARRAY, _OBJECT = 32, 64
_NOWHERE = Place({}, "")  # where there is no error to place
_MOST_COPIES = 20_000  # of schemas, for the dynamic scopes that reach them


class SchemaLowering:
    """Lowers one document into one builder."""

    def __init__(
        self, builder: _native.Builder, source: SchemaSource, draft: int, options: SchemaOptions, max_nodes: int
    ) -> None:
        self._builder = builder
        self._draft = draft
        document = source.take_document()
        traits = Traits(document, source.text, draft)
        self._references = References(document, draft, options.registry, traits)
        unused = left_out(document, draft, options.registry)
        if unused and not traits.is_plain:
            reason = "vocabularies of a metaschema together with references beyond the document"
            raise UnsupportedSchema("/$schema", "$schema", reason)
        self._enforced = keywords_of(draft) - unused if unused else keywords_of(draft)
        self._count = NodeCount(max_nodes)
        self._copies = NodeCount(min(_MOST_COPIES, max_nodes), "a schema with too many dynamic scopes", None)
        self._lowered: set[int] = set()  # identities of schemas in a dynamic scope
        self._strings = StringParts(builder, options)
        numbers = NumberSpellings(builder, has_integral_floats=draft > 4)
        values = ValueNodes(builder, numbers, self._count, traits)
        self._scalars = ScalarParts(builder, self._strings, values, numbers, traits, draft=draft)
        self._applicators = Applicators(builder, self._references, traits, draft=draft, has_all_keywords=not unused)
        self._has_unevaluated = traits.has_unevaluated
        self._node_of: dict[Hashable, int] = {}  # by key of the place
        self._of_type: dict[str, int] = {}  # nodes that only name a type
        self._pending: list[tuple[int, Place, dict[str, Any]]] = []
        self._in_place: dict[int, list[int]] = {}  # nodes that a node applies to the same value
        self._path_of: dict[int, Path] = {}

    def lower(self) -> int:
        """The node of the whole document."""
        root = self.node(self._references.root())
        while self._pending:
            self._define(*self._pending.pop())
        self._refuse_endless()
        if root >= 0:
            return root
        node = self._builder.schema()  # a grammar needs a node, not a literal
        self._builder.define_schema(node, types=0)
        return node

    def pointers(self) -> Callable[[int], str | None]:
        """Says where the schema of a node stands; None for nodes that stand for none, or for one of another document.

        It keeps the paths alone: a builder that led back to this object would be left to the garbage collector.
        """
        paths = self._path_of

        def pointer_at(node: int) -> str | None:
            path = paths.get(node)
            return None if path is None else pointer_of(path)

        return pointer_at

    def child(self, place: Place, schema: Any, *keys: str | int) -> int:
        """The literal of `schema`, which stands at `keys` below `place`."""
        if type(schema) is dict and (node := self._type_node(schema)) is not None:
            return node
        path = place.path
        for key in keys:
            path = (path, key)
        return self.node(Place(schema, path, place.resolver, False, place.scope))

    def part(self, place: Place, schema: Any, *keys: str | int) -> int | None:
        """The literal of a schema for all others; None where it may be anything and nobody asks what was evaluated."""
        literal = self.child(place, schema, *keys)
        return None if literal == ANYTHING and not self._has_unevaluated else literal

    def _type_node(self, schema: dict[str, Any]) -> int | None:
        """The shared node of a schema that only names a type."""
        enforced = self._enforced
        name = None
        for keyword in schema:
            if keyword in enforced:
                if keyword != "type":
                    return None
                name = schema["type"]
        if type(name) is not str:
            return None
        node = self._of_type.get(name)
        if node is None and name in TYPE_BITS:
            self._of_type[name] = node = self._builder.schema()
            self._builder.define_schema(node, **self._scalars.fields({"type": name}, _NOWHERE))
        return node

    def node(self, place: Place) -> int:
        """The literal of the schema at `place`, following references that stand alone."""
        followed: set[int] = set()
        while True:
            schema = place.schema
            if isinstance(schema, bool):
                return ANYTHING if schema else NOTHING
            if not isinstance(schema, dict):
                kind = type(schema).__name__
                raise InvalidSchema(place.pointer, f"a schema must be an object or a boolean, not {kind}")
            if place.resolver is not None:
                place = self._references.enter(place)
            enforced = self._enforced
            kept = {k: v for k, v in schema.items() if k in enforced}
            if not kept:
                return ANYTHING
            if "$ref" not in kept or not isinstance(kept["$ref"], str) or (len(kept) > 1 and self._draft > 7):
                break  # up to draft 7 siblings of $ref are ignored
            if id(schema) in followed:
                raise InvalidSchema(pointer_to(place.pointer, "$ref"), "the reference leads back to itself")
            followed.add(id(schema))
            place = self._references.follow(place)
        key = id(schema) if place.scope is NO_SCOPE else place.key
        node = self._node_of.get(key)
        if node is None:
            self._count.add()
            if place.scope is not NO_SCOPE:
                if id(schema) in self._lowered:
                    self._copies.add()
                self._lowered.add(id(schema))
            self._node_of[key] = node = self._builder.schema()
            self._path_of[node] = place.path
            self._pending.append((node, place, kept))
        return node

    def _define(self, node: int, place: Place, schema: dict[str, Any]) -> None:
        check_shapes(schema, place, self._draft)
        fields = self._scalars.fields(schema, place)
        types = fields["types"]
        if types & _OBJECT:
            add_object(fields, schema, place, self, self._strings)
        if types & _ARRAY:
            add_array(fields, schema, place, self, self._draft)
        if not APPLICATORS.isdisjoint(schema) or "any_of" in fields:
            self._applicators.add(fields, schema, place, self)
        if "all_of" in fields or "any_of" in fields or "one_of" in fields:
            groups = [*fields.get("any_of", ()), *fields.get("one_of", ())]
            literals = [*fields.get("all_of", ()), *(n for group in groups for n in group)]
            self._in_place[node] = [n if n >= 0 else ~n for n in literals]
        self._builder.define_schema(node, **fields)

    def _refuse_endless(self) -> None:
        """InvalidSchema where a schema applies itself to the same value."""
        state: dict[int, int] = {}  # 1: open, 2: done
        for start in self._in_place:
            pending = [(start, False)]
            while pending:
                node, is_leaving = pending.pop()
                if is_leaving:
                    state[node] = 2
                    continue
                if state.get(node):
                    continue
                state[node] = 1
                pending.append((node, True))
                for target in self._in_place.get(node, ()):
                    if state.get(target) == 1:
                        reason = "the schema applies itself to the same value without end"
                        raise InvalidSchema(pointer_of(self._path_of[target]), reason)
                    if target not in state:
                        pending.append((target, False))
