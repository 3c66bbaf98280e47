"""Schema nodes for values: `const`, and each value of an `enum`, by value and not by spelling.

1 is 1.0, keys come in any order that the layout allows, and both hold at any depth. Scalars become expressions of the
node itself; arrays and objects become nodes of their own, made with an explicit stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guided.constraints.json_schema.keywords import are_texts
from guided.constraints.json_schema.node_count import NodeCount
from guided.constraints.json_schema.numbers import NumberSpellings
from guided.constraints.json_schema.traits import Traits

if TYPE_CHECKING:
    from guided import _native

__all__ = ["ANYTHING", "NOTHING", "Scalars", "ValueNodes", "same_value", "value_key"]

ANYTHING, NOTHING = 0, ~0  # literals: the first node of every builder holds of every value

_BITS = {None: 1, False: 2, True: 4}


def value_key(value: Any) -> Any:
    """A hashable that is equal for equal JSON values.

    >>> value_key({"a": 1, "b": [True]}) == value_key({"b": [True], "a": Decimal("1.0")})
    True
    """
    done: list[Any] = []
    pending: list[tuple[Any, bool]] = [(value, False)]
    while pending:
        item, is_ready = pending.pop()
        if isinstance(item, dict | list) and not is_ready:
            pending.append((item, True))
            pending.extend((v, False) for v in (item.values() if isinstance(item, dict) else item))
        elif isinstance(item, dict | list):
            parts = [done.pop() for _ in item]
            done.append(
                ("object", frozenset(zip(item, parts, strict=True))) if isinstance(item, dict) else ("array", *parts)
            )
        elif isinstance(item, int | Decimal) and not isinstance(item, bool):
            done.append(("number", Decimal(item)))
        else:
            done.append((type(item).__name__, item))
    return done[0]


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, keys in any order, and true is not 1."""
    return bool(value_key(left) == value_key(right))


@dataclass(frozen=True, slots=True)
class Scalars:
    """The scalar values of a list, by type, and the others."""

    literal_bits: int
    strings: tuple[str, ...]
    numbers: tuple[Decimal, ...]
    structures: tuple[Any, ...]

    @classmethod
    def of(cls, values: Sequence[Any]) -> Scalars:
        if are_texts(values):
            return cls(0, tuple(dict.fromkeys(values)), (), ())
        bits, strings, numbers, structures = 0, [], [], []
        for value in values:
            if value is None or isinstance(value, bool):
                bits |= _BITS[value]
            elif isinstance(value, str):
                strings.append(value)
            elif isinstance(value, int | Decimal):
                numbers.append(Decimal(value))
            else:
                structures.append(value)
        return cls(bits, tuple(dict.fromkeys(strings)), tuple(dict.fromkeys(numbers)), tuple(structures))


class ValueNodes:
    """Makes schema nodes that accept one value each."""

    def __init__(
        self,
        builder: _native.Builder,
        numbers: NumberSpellings,
        count: NodeCount,
        traits: Traits,
    ) -> None:
        self._builder = builder
        self._numbers = numbers
        self._count = count
        self._traits = traits

    def literal(self, value: Any) -> int:
        """A literal of exactly this value, which evaluates nothing: a negation of a negation, where someone asks."""
        node = self.node(value)
        if not self._traits.has_unevaluated:
            return node
        other = self._reserve()
        self._builder.define_schema(other, types=127, all_of=[~node])
        return ~other

    def node(self, value: Any) -> int:
        """A node of exactly this value."""
        root = self._reserve()
        pending: list[tuple[int, Any]] = [(root, value)]
        while pending:
            node, item = pending.pop()
            if isinstance(item, dict):
                properties = [(key, self._reserve()) for key in item]
                pending.extend((child, item[key]) for key, child in properties)
                self._builder.define_schema(
                    node, types=64, properties=properties, additional=NOTHING, required=list(item)
                )
            elif isinstance(item, list):
                items = [self._reserve() for _ in item]
                pending.extend(zip(items, item, strict=True))
                self._builder.define_schema(
                    node, types=32, prefix_items=items, items=NOTHING, min_items=len(item), max_items=len(item)
                )
            else:
                self._define_scalar(node, item)
        return root

    def of_types(self, types: int) -> int:
        """A node of everything of these types."""
        node = self._reserve()
        self._builder.define_schema(node, types=types)
        return node

    def _define_scalar(self, node: int, value: Any) -> None:
        if value is None or isinstance(value, bool):
            self._builder.define_schema(node, types=_BITS[value])
        elif isinstance(value, str):
            self._builder.define_schema(
                node, types=16, string=self._builder.literal(value) if value else self._builder.epsilon()
            )
        else:
            number = Decimal(value)
            # where some schema may be negated, the numbers that a constant refuses are needed too
            others = self._numbers.other_than([number]) if self._traits.is_negating else None
            self._builder.define_schema(node, types=8, number=self._numbers.one_of([number]), number_not=others)

    def _reserve(self) -> int:
        self._count.add()
        return self._builder.schema()
