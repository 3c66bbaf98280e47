"""A readable twin of the native builder: expressions with derivatives, one character at a time.

It lets the lowering of patterns and numbers be tested against oracles without the native core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class FakeBuilder:
    """Expressions as hash-consed tuples; ids are indexes."""

    def __init__(self, max_expressions: int = 0, max_states: int = 0) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.ids: dict[tuple[Any, ...], int] = {}
        self.derivatives: dict[tuple[int, str], int] = {}

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

    def shared(self, cache: Any, key: str, build: Callable[[FakeBuilder], int]) -> int:
        return build(self)

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
