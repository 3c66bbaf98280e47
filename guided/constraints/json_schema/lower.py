"""From a JSON Schema to native schema nodes.

A worklist: each sub-schema gets a node id when it is first seen and is defined later, so recursion through `$ref` and
any depth of nesting cost no stack. Of a node, keywords about one type apply to that type only, as the standard says;
`enum` and `const` are folded into the node's own expressions.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guided.constraints.json_schema.disjoint import are_disjoint
from guided.constraints.json_schema.keywords import (
    APPLIES,
    TYPE_BITS,
    as_count,
    check_shapes,
    pointer_to,
    refuse_unsupported,
    says_something,
)
from guided.constraints.json_schema.node_count import NodeCount
from guided.constraints.json_schema.numbers import NumberSpellings, NumericRange
from guided.constraints.json_schema.options import SchemaOptions
from guided.constraints.json_schema.references import Place, References
from guided.constraints.json_schema.strings import StringParts
from guided.constraints.json_schema.values import Scalars, ValueNodes, value_key
from guided.errors import InvalidSchema, UnsupportedSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["SchemaLowering"]

_ALL_TYPES = 127
_NUMBER, _STRING, _STRUCTURES = 8, 16, 96


class SchemaLowering:
    """Lowers one document into one builder."""

    def __init__(
        self, builder: _native.Builder, document: Any, draft: int, options: SchemaOptions, max_nodes: int
    ) -> None:
        self._builder = builder
        self._draft = draft
        self._references = References(document, draft, options.registry)
        self._numbers = NumberSpellings(builder, has_integral_floats=draft > 4)
        self._strings = StringParts(builder, options)
        self._count = NodeCount(max_nodes)
        self._anything = self._constant(_ALL_TYPES)
        self._nothing = self._constant(0)
        self._values = ValueNodes(builder, self._numbers, self._count, self._nothing)
        self._node_of: dict[int, int] = {}  # by identity of the sub-schema
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
                raise InvalidSchema(
                    place.pointer, f"a schema must be an object or a boolean, not {type(schema).__name__}"
                )
            place = self._references.enter(place)
            if not isinstance(schema.get("$ref"), str) or not self._is_only_a_reference(schema):
                break
            if id(schema) in followed:
                raise InvalidSchema(pointer_to(place.pointer, "$ref"), "the reference leads back to itself")
            followed.add(id(schema))
            place = self._references.follow(place)
        if id(schema) not in self._node_of:
            self._count.add()
            self._node_of[id(schema)] = node = self._builder.schema()
            self._pointer_of[node] = place.pointer
            self._pending.append((node, place))
        return self._node_of[id(schema)]

    def _is_only_a_reference(self, schema: dict[str, Any]) -> bool:
        if self._draft <= 7:
            return True  # siblings of $ref are ignored
        return not any(k != "$ref" and says_something(k, self._draft) for k in schema)

    def _is_enforced(self, keyword: str) -> bool:
        first, last = APPLIES.get(keyword, (1, 0))
        return first <= self._draft <= last

    def _define(self, node: int, place: Place) -> None:
        schema, pointer = place.schema, place.pointer
        check_shapes(schema, pointer, self._draft)
        refuse_unsupported(schema, pointer, self._draft)
        schema = {k: v for k, v in schema.items() if self._is_enforced(k)}
        fields: dict[str, Any] = {"types": self._types(schema)}
        self._add_scalars(fields, schema, pointer)
        if fields["types"] & 64:
            self._add_object(fields, schema, place)
        if fields["types"] & 32:
            self._add_array(fields, schema, place)
        self._add_combinations(fields, schema, place)
        self._in_place[node] = [*fields.get("all_of", ()), *(n for group in fields.get("any_of", ()) for n in group)]
        self._builder.define_schema(node, **fields)

    def _types(self, schema: dict[str, Any]) -> int:
        if "type" not in schema:
            return _ALL_TYPES
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        bits = 0
        for name in names:
            bits |= TYPE_BITS[name]
        return bits

    def _add_scalars(self, fields: dict[str, Any], schema: dict[str, Any], pointer: str) -> None:
        numbers = self._range(schema)
        strings = self._strings.of(schema, pointer) if fields["types"] & _STRING else []
        values = self._allowed_values(schema)
        if values is None:
            if fields["types"] & _NUMBER and not numbers.is_everything:
                fields["number"] = self._numbers.within(numbers)
        else:
            self._add_values(fields, Scalars.of(values), numbers, strings)
        if fields["types"] & _STRING and strings:
            fields["string"] = strings[0] if len(strings) == 1 else self._builder.intersect(strings)

    def _add_values(self, fields: dict[str, Any], values: Scalars, numbers: NumericRange, strings: list[int]) -> None:
        """Narrow the node to listed values; arrays and objects become a group of nodes."""
        types = fields["types"]
        kept = types & values.literal_bits
        fitting = [v for v in values.numbers if numbers.holds(v)]
        if types & _NUMBER and fitting:
            kept |= _NUMBER
            spelled = [self._numbers.equal_to(v) for v in fitting]
            fields["number"] = spelled[0] if len(spelled) == 1 else self._builder.alternate(spelled)
        if types & _STRING and values.strings:
            kept |= _STRING
            strings.insert(0, self._strings.words(values.strings))
        structures = [v for v in values.structures if types & (64 if isinstance(v, dict) else 32)]
        if structures:
            nodes = [self._values.node(v) for v in structures]
            if kept:
                nodes.append(self._constant(_ALL_TYPES & ~_STRUCTURES))
            fields["any_of"] = [nodes]
            for value in structures:
                kept |= 64 if isinstance(value, dict) else 32
        fields["types"] = kept

    def _allowed_values(self, schema: dict[str, Any]) -> list[Any] | None:
        """The values that enum and const leave, or None where neither is there."""
        lists = [schema["enum"]] if "enum" in schema else []
        if "const" in schema:
            lists.append([schema["const"]])
        if not lists:
            return None
        values = {value_key(v): v for v in lists[0]}
        for others in lists[1:]:
            keys = {value_key(v) for v in others}
            values = {k: v for k, v in values.items() if k in keys}
        return list(values.values())

    def _range(self, schema: dict[str, Any]) -> NumericRange:
        low, is_low_open = self._bound(schema, "minimum", "exclusiveMinimum", largest=True)
        high, is_high_open = self._bound(schema, "maximum", "exclusiveMaximum", largest=False)
        names = schema.get("type", ())
        names = names if isinstance(names, list) else [names]
        return NumericRange(low, high, is_low_open, is_high_open, "integer" in names and "number" not in names)

    def _bound(self, schema: dict[str, Any], closed: str, opened: str, *, largest: bool) -> tuple[Decimal | None, bool]:
        """The tighter of a bound and its exclusive sibling, which in draft 4 is a flag."""
        bounds: list[tuple[Decimal, bool]] = []
        if closed in schema:
            bounds.append((Decimal(schema[closed]), self._draft == 4 and schema.get(opened) is True))
        if opened in schema and self._draft > 4:
            bounds.append((Decimal(schema[opened]), True))
        if not bounds:
            return None, False
        sign = 1 if largest else -1
        return max(bounds, key=lambda b: (sign * b[0], b[1]))

    def _add_object(self, fields: dict[str, Any], schema: dict[str, Any], place: Place) -> None:
        if "properties" in schema:
            fields["properties"] = [(key, self._node(place.child("properties", key))) for key in schema["properties"]]
        if "additionalProperties" in schema:
            fields["additional"] = self._part(place.child("additionalProperties"))
        if schema.get("required"):
            fields["required"] = schema["required"]
        if "minProperties" in schema:
            fields["min_properties"] = as_count(schema["minProperties"])
        if "maxProperties" in schema:
            fields["max_properties"] = as_count(schema["maxProperties"])

    def _add_array(self, fields: dict[str, Any], schema: dict[str, Any], place: Place) -> None:
        prefix, rest = ("prefixItems", "items") if self._draft >= 2020 else ("items", "additionalItems")
        if isinstance(schema.get(prefix), list):
            fields["prefix_items"] = [self._node(place.child(prefix, i)) for i in range(len(schema[prefix]))]
        elif self._draft < 2020:
            rest = "items"  # additionalItems means nothing without a list of items
        if rest in schema:
            fields["items"] = self._part(place.child(rest))
        if "minItems" in schema:
            fields["min_items"] = as_count(schema["minItems"])
        if "maxItems" in schema:
            fields["max_items"] = as_count(schema["maxItems"])

    def _part(self, place: Place) -> int | None:
        """The node of a schema for everything else; None where it may be anything."""
        node = self._node(place)
        return None if node == self._anything else node

    def _add_combinations(self, fields: dict[str, Any], schema: dict[str, Any], place: Place) -> None:
        all_of = [self._node(place.child("allOf", i)) for i in range(len(schema.get("allOf", ())))]
        if "$ref" in schema:
            all_of.append(self._node(self._references.follow(place)))
        groups: list[list[int]] = list(fields.get("any_of", ()))
        if "anyOf" in schema:
            groups.append([self._node(place.child("anyOf", i)) for i in range(len(schema["anyOf"]))])
        if "oneOf" in schema:
            branches = [place.child("oneOf", i) for i in range(len(schema["oneOf"]))]
            if not are_disjoint(branches, self._references, self._draft):
                raise UnsupportedSchema(
                    pointer_to(place.pointer, "oneOf"),
                    "oneOf",
                    "its branches are not visibly disjoint; write anyOf if that is meant",
                )
            groups.append([self._node(branch) for branch in branches])
        all_of.extend(group[0] for group in groups if len(group) == 1)
        groups = [group for group in groups if len(group) > 1 and self._anything not in group]
        all_of = [n for n in dict.fromkeys(all_of) if n != self._anything]
        if all_of:
            fields["all_of"] = all_of
        fields.pop("any_of", None)
        if groups:
            fields["any_of"] = groups

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
                        raise InvalidSchema(
                            self._pointer_of[target], "the schema applies itself to the same value without end"
                        )
                    if target not in state:
                        pending.append((target, False))
