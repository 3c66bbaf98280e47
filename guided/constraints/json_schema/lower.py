"""From a JSON Schema to native schema nodes.

A worklist: each sub-schema gets a node id when it is first seen and is defined later, so recursion through `$ref` and
any depth of nesting cost no stack. Of a node, keywords about one type apply to that type only, as the standard says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from guided.constraints.json_schema.applicators import Applicators
from guided.constraints.json_schema.containers import add_array, add_object
from guided.constraints.json_schema.dialects import left_out
from guided.constraints.json_schema.keywords import check_shapes, is_keyword, pointer_to
from guided.constraints.json_schema.node_count import NodeCount
from guided.constraints.json_schema.numbers import NumberSpellings
from guided.constraints.json_schema.options import SchemaOptions
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.references import References
from guided.constraints.json_schema.scalars import ALL_TYPES, ScalarParts
from guided.constraints.json_schema.source import SchemaSource
from guided.constraints.json_schema.strings import StringParts
from guided.constraints.json_schema.values import ValueNodes
from guided.errors import InvalidSchema, UnsupportedSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["SchemaLowering"]

_ARRAY, _OBJECT = 32, 64
_MOST_COPIES = 20_000  # of schemas, for the dynamic scopes that reach them
_NEGATES = re.compile(r'"(?:not|if|oneOf|contains|dependen\w+|unevaluated\w+)"')


class SchemaLowering:
    """Lowers one document into one builder."""

    def __init__(
        self, builder: _native.Builder, source: SchemaSource, draft: int, options: SchemaOptions, max_nodes: int
    ) -> None:
        self._builder = builder
        self._draft = draft
        self._references = References(source.document, draft, options.registry)
        self._left_out = left_out(source.document, draft, options.registry)
        if self._left_out and not self._references.is_plain:
            reason = "vocabularies of a metaschema together with references beyond the document"
            raise UnsupportedSchema("/$schema", "$schema", reason)
        self._count = NodeCount(max_nodes)
        self._copies = NodeCount(min(_MOST_COPIES, max_nodes), "a schema with too many dynamic scopes")
        self._lowered: set[int] = set()  # identities of schemas
        self._anything = self._constant(ALL_TYPES)
        self._nothing = self._constant(0)
        self._strings = StringParts(builder, options)
        numbers = NumberSpellings(builder, has_integral_floats=draft > 4)
        is_closed = self._references.is_plain  # else other documents may say more than this text shows
        self._has_unevaluated = not is_closed or '"unevaluated' in source.text
        is_negating = not is_closed or _NEGATES.search(source.text) is not None
        values = ValueNodes(
            builder, numbers, self._count, self._nothing, is_negating=is_negating, has_unevaluated=self._has_unevaluated
        )
        self._scalars = ScalarParts(builder, self._strings, values, numbers, draft=draft, is_negating=is_negating)
        self._applicators = Applicators(
            builder,
            self._references,
            self._node,
            draft=draft,
            has_all_keywords=not self._left_out,
            anything=self._anything,
            nothing=self._nothing,
            has_unevaluated=self._has_unevaluated,
        )
        self._node_of: dict[tuple[Any, ...], int] = {}  # by key of the place
        self._pending: list[tuple[int, Place]] = []
        self._in_place: dict[int, list[int]] = {}  # nodes that a node applies to the same value
        self._pointer_of: dict[int, str] = {}

    def lower(self) -> int:
        """The node of the whole document."""
        root = self._node(self._references.root())
        while self._pending:
            node, place = self._pending.pop()
            self._define(node, place)
        self._refuse_endless()
        return root

    def _constant(self, types: int) -> int:
        node = self._builder.schema()
        self._builder.define_schema(node, types=types)
        return node

    def _node(self, place: Place) -> int:
        """The node of the schema at `place`, following references that stand alone."""
        followed: set[int] = set()
        while True:
            schema = place.schema
            if isinstance(schema, bool):
                return self._anything if schema else self._nothing
            if not isinstance(schema, dict):
                kind = type(schema).__name__
                raise InvalidSchema(place.pointer, f"a schema must be an object or a boolean, not {kind}")
            place = self._references.enter(place)
            if not isinstance(schema.get("$ref"), str) or not self._is_only_a_reference(schema):
                break
            if id(schema) in followed:
                raise InvalidSchema(pointer_to(place.pointer, "$ref"), "the reference leads back to itself")
            followed.add(id(schema))
            place = self._references.follow(place)
        if place.key not in self._node_of:
            self._count.add()
            if id(schema) in self._lowered:
                self._copies.add()
            self._lowered.add(id(schema))
            self._node_of[place.key] = node = self._builder.schema()
            self._pointer_of[node] = place.pointer
            self._pending.append((node, place))
        return self._node_of[place.key]

    def _part(self, place: Place) -> int | None:
        """The node of a schema for all others; None where it may be anything and nobody asks what was evaluated."""
        node = self._node(place)
        return None if node == self._anything and not self._has_unevaluated else node

    def _is_only_a_reference(self, schema: dict[str, Any]) -> bool:
        if self._draft <= 7:
            return True  # siblings of $ref are ignored
        return not any(k != "$ref" and self._is_enforced(k) for k in schema)

    def _is_enforced(self, keyword: str) -> bool:
        return is_keyword(keyword, self._draft) and keyword not in self._left_out

    def _define(self, node: int, place: Place) -> None:
        schema = {k: v for k, v in place.schema.items() if self._is_enforced(k)}
        check_shapes(schema, place.pointer, self._draft)
        fields = self._scalars.fields(schema, place.pointer)
        if fields["types"] & _OBJECT:
            add_object(fields, schema, place, self._node, self._part, self._strings)
        if fields["types"] & _ARRAY:
            add_array(fields, schema, place, self._node, self._part, self._draft)
        self._applicators.add(fields, schema, place)
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
                        raise InvalidSchema(self._pointer_of[target], reason)
                    if target not in state:
                        pending.append((target, False))
