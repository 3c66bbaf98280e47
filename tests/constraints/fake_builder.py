"""A readable twin of the native builder: expressions with derivatives, one character at a time, and recorded calls.

It lets the lowering be tested against oracles without the native core.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from guided.constraints.json_schema.values import value_key


class FakeExpression(NamedTuple):
    """The nodes of a builder up to the last, which is the expression."""

    nodes: list[tuple[Any, ...]]

    @property
    def size(self) -> int:
        return len(self.nodes)


class FakeBuilder:
    """Expressions as hash-consed tuples; ids are indexes."""

    def __init__(self, max_expressions: int = 0, max_states: int = 0) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.ids: dict[tuple[Any, ...], int] = {}
        self.derivatives: dict[tuple[int, str], int] = {}
        self.schemas: dict[int, dict[str, Any]] = {0: {"types": 127}}
        self.grammar: list[tuple[Any, ...]] = []

    def _node(self, *node: Any) -> int:
        if node not in self.ids:
            self.ids[node] = len(self.nodes)
            self.nodes.append(node)
        return self.ids[node]

    def empty(self) -> int:
        return self._node("empty")

    def epsilon(self) -> int:
        return self._node("epsilon")

    def chars(self, ranges: Sequence[tuple[int, int]]) -> int:
        assert all(0 <= low <= high <= 0x10FFFF for low, high in ranges)
        return self._node("chars", tuple(ranges)) if ranges else self.empty()

    def literal(self, text: str) -> int:
        return self._node("literal", text) if text else self.epsilon()

    def words(self, texts: Sequence[str]) -> int:
        return self.alternate([self.literal(t) for t in texts])

    def concat(self, parts: Sequence[int]) -> int:
        kept = [p for p in parts if p != self.epsilon()]
        if self.empty() in kept:
            return self.empty()
        result = kept[-1] if kept else self.epsilon()
        for part in reversed(kept[:-1]):
            result = self._node("concat", part, result)
        return result

    def alternate(self, parts: Sequence[int]) -> int:
        flat: set[int] = set()
        for part in parts:
            flat |= set(self.nodes[part][1]) if self.nodes[part][0] == "alternate" else {part}
        flat.discard(self.empty())
        if len(flat) <= 1:
            return flat.pop() if flat else self.empty()
        return self._node("alternate", frozenset(flat))

    def intersect(self, parts: Sequence[int]) -> int:
        flat = frozenset(parts)
        if self.empty() in flat:
            return self.empty()
        return self._node("intersect", flat) if len(flat) > 1 else next(iter(flat))

    def complement(self, part: int) -> int:
        return self._node("complement", part)

    def repeat(self, part: int, minimum: int, maximum: int | None) -> int:
        if maximum == 0:
            return self.epsilon()
        if part == self.empty():
            return self.epsilon() if minimum == 0 else part
        return self._node("repeat", part, minimum, maximum)

    def automaton(self, states: Sequence[Sequence[tuple[int, int, int]]], accepting: Sequence[int]) -> int:
        return self._node("state", (tuple(map(tuple, states)), frozenset(accepting)), 0)

    def tabulated(self, part: int, max_states: int) -> int:
        return part

    def scratch(self) -> FakeBuilder:
        return FakeBuilder()

    def exported(self, part: int) -> FakeExpression:
        return FakeExpression(self.nodes[: part + 1])

    def insert(self, expression: FakeExpression) -> int:
        ids: list[int] = []
        for name, *rest in expression.nodes:
            match name:
                case "concat":
                    rest = [ids[part] for part in rest]
                case "alternate" | "intersect":
                    rest = [frozenset(ids[part] for part in rest[0])]
                case "complement" | "repeat":
                    rest[0] = ids[rest[0]]
            ids.append(self._node(name, *rest))
        return ids[-1]

    def nullable(self, e: int) -> bool:
        match self.nodes[e]:
            case ("state", (_, accepting), state):
                return state in accepting
            case ("empty",) | ("chars", _) | ("literal", _):
                return False
            case ("epsilon",):
                return True
            case ("concat", a, b):
                return self.nullable(a) and self.nullable(b)
            case ("alternate", parts):
                return any(map(self.nullable, parts))
            case ("intersect", parts):
                return all(map(self.nullable, parts))
            case ("complement", part):
                return not self.nullable(part)
            case ("repeat", part, minimum, _):
                return minimum == 0 or self.nullable(part)
        raise AssertionError(self.nodes[e])

    def derive(self, e: int, char: str) -> int:
        key = (e, char)
        if key not in self.derivatives:
            self.derivatives[key] = self._derive(e, char)
        return self.derivatives[key]

    def _derive(self, e: int, char: str) -> int:
        match self.nodes[e]:
            case ("state", table, state):
                found = [to for low, high, to in table[0][state] if low <= ord(char) <= high]
                assert len(found) <= 1
                return self._node("state", table, found[0]) if found else self.empty()
            case ("empty",) | ("epsilon",):
                return self.empty()
            case ("chars", ranges):
                return self.epsilon() if any(low <= ord(char) <= high for low, high in ranges) else self.empty()
            case ("literal", text):
                return self.literal(text[1:]) if text[0] == char else self.empty()
            case ("concat", a, b):
                first = self.concat([self.derive(a, char), b])
                return self.alternate([first, self.derive(b, char)]) if self.nullable(a) else first
            case ("alternate", parts):
                return self.alternate([self.derive(p, char) for p in parts])
            case ("intersect", parts):
                return self.intersect([self.derive(p, char) for p in parts])
            case ("complement", part):
                return self.complement(self.derive(part, char))
            case ("repeat", part, minimum, maximum):
                rest = self.repeat(part, max(0, minimum - 1), None if maximum is None else maximum - 1)
                return self.concat([self.derive(part, char), rest])
        raise AssertionError(self.nodes[e])

    def matches(self, e: int, text: str) -> bool:
        for char in text:
            e = self.derive(e, char)
        return self.nullable(e)

    # Schemas are recorded, and instances are judged by them.
    def schema(self) -> int:
        self.schemas[len(self.schemas)] = {}
        return len(self.schemas) - 1

    def define_schema(self, node: int, **fields: Any) -> None:
        assert not self.schemas[node], "defined twice"
        self.schemas[node] = fields

    def holds(self, literal: int, value: Any) -> bool:
        """Whether a JSON value satisfies a schema node, or with a negative number does not."""
        return not self.judge(~literal, value)[0] if literal < 0 else self.judge(literal, value)[0]

    def judge(self, node: int, value: Any) -> tuple[bool, set[Any]]:
        """Whether `value` satisfies the node, and the keys or indexes that were evaluated if so."""
        fields = self.schemas[node]
        evaluated: set[Any] = set()
        checks = [self._holds_scalar(fields, value)]
        if isinstance(value, dict):
            checks.append(self._holds_object(fields, value, evaluated))
        if isinstance(value, list):
            checks.append(self._holds_array(fields, value, evaluated))
        groups = [([n], 1, 1) for n in fields.get("all_of", ())]
        groups += [(g, 1, len(g)) for g in fields.get("any_of", ())]
        groups += [(g, 1, 1) for g in fields.get("one_of", ())]
        for group, least, most in groups:
            held = 0
            for literal in group:
                is_held = self.holds(literal, value)
                held += is_held
                if is_held and literal >= 0:
                    evaluated |= self.judge(literal, value)[1]
            checks.append(least <= held <= most)
        for name, keys in (
            ("unevaluated_properties", value if isinstance(value, dict) else ()),
            ("unevaluated_items", range(len(value)) if isinstance(value, list) else ()),
        ):
            if fields.get(name) is not None:
                checks.append(all(self.holds(fields[name], value[k]) for k in keys if k not in evaluated))
                evaluated |= set(keys)
        return all(checks), evaluated

    def _holds_scalar(self, fields: dict[str, Any], value: Any) -> bool:
        bits = {type(None): 1, str: 16, list: 32, dict: 64, int: 8, float: 8}
        bit = (4 if value else 2) if isinstance(value, bool) else bits[type(value)]
        if not fields["types"] & bit:
            return False
        if bit == 16 and fields.get("string") is not None:
            return self.matches(fields["string"], value)
        if bit == 8 and fields.get("number") is not None:
            spelled = json.dumps(value)
            is_held = self.matches(fields["number"], spelled)
            if fields.get("number_not") is not None:
                assert self.matches(fields["number_not"], spelled) != is_held, spelled
            return is_held
        return True

    def _holds_object(self, fields: dict[str, Any], value: dict[str, Any], evaluated: set[Any]) -> bool:
        least, most = fields.get("min_properties", 0), fields.get("max_properties")
        checks = [
            len(value) >= least,
            most is None or len(value) <= most,
            set(fields.get("required", ())) <= set(value),
        ]
        properties = dict(fields.get("properties", ()))
        for key, item in value.items():
            mine = [properties[key]] if key in properties else []
            mine += [n for e, n in fields.get("pattern_properties", ()) if self.matches(e, key)]
            if not mine and fields.get("additional") is not None:
                mine = [fields["additional"]]
            if mine:
                evaluated.add(key)
            checks += [self.holds(n, item) for n in mine]
            if fields.get("property_names") is not None:
                checks.append(self.holds(fields["property_names"], key))
        return all(checks)

    def _holds_array(self, fields: dict[str, Any], value: list[Any], evaluated: set[Any]) -> bool:
        least, most = fields.get("min_items", 0), fields.get("max_items")
        checks = [len(value) >= least, most is None or len(value) <= most]
        prefix = fields.get("prefix_items", ())
        for i, item in enumerate(value):
            mine = prefix[i] if i < len(prefix) else fields.get("items")
            if mine is not None:
                evaluated.add(i)
                checks.append(self.holds(mine, item))
        if fields.get("unique_items"):
            keys = [value_key(json.loads(json.dumps(item), parse_float=Decimal)) for item in value]
            checks.append(len(set(keys)) == len(keys))
        for start, literal, fewest, highest, counts in fields.get("some_items", ()):
            found = [i for i in range(start, len(value)) if self.holds(literal, value[i])]
            checks.append(len(found) >= fewest and (highest is None or len(found) <= highest))
            if counts:
                evaluated |= set(found)
        return all(checks)

    def _grammar(self, *node: Any) -> int:
        self.grammar.append(node)
        return len(self.grammar) - 1

    def lexeme(self, expression: int) -> int:
        return self._grammar("lexeme", expression)

    def raw(self, text: bytes) -> int:
        return self._grammar("raw", text)

    def json(self, schema: int, **layout: Any) -> int:
        return self._grammar("json", schema, layout)

    def sequence(self, parts: Sequence[int]) -> int:
        return self._grammar("sequence", tuple(parts))

    def choice(self, parts: Sequence[int]) -> int:
        return self._grammar("choice", tuple(parts))

    def repetition(self, part: int, minimum: int, maximum: int | None, separator: int | None) -> int:
        return self._grammar("repetition", part, minimum, maximum, separator)
