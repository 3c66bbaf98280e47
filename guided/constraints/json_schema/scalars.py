"""What a schema says of null, booleans, numbers and strings, as the fields of a native node.

`enum` and `const` are folded in: listed scalars that pass the other keywords become the node's own expressions,
listed arrays and objects a group of nodes of their own.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from guided.constraints.json_schema.keywords import TYPE_BITS, are_texts
from guided.constraints.json_schema.multiples import Multiples
from guided.constraints.json_schema.numbers import NumberSpellings, NumericRange
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.strings import StringParts
from guided.constraints.json_schema.traits import Traits
from guided.constraints.json_schema.values import Scalars, ValueNodes, value_key

if TYPE_CHECKING:
    from guided import _native

__all__ = ["ALL_TYPES", "ScalarParts"]

ALL_TYPES = 127
_NUMBER, _STRING, _ARRAY, _OBJECT = 8, 16, 32, 64


_OF_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_ANY_NUMBER, _ANY_INTEGER = NumericRange(), NumericRange(is_integer=True)


class ScalarParts:
    """Fields about scalars. Where some schema may be negated, the numbers that are refused are among them."""

    def __init__(
        self,
        builder: _native.Builder,
        strings: StringParts,
        values: ValueNodes,
        numbers: NumberSpellings,
        traits: Traits,
        *,
        draft: int,
    ) -> None:
        self._builder = builder
        self._strings = strings
        self._values = values
        self._numbers = numbers
        self._multiples = Multiples(builder)
        self._draft = draft
        self._traits = traits

    def fields(self, schema: dict[str, Any], place: Place) -> dict[str, Any]:
        """`types`, `string`, `number`, and `any_of` where arrays or objects are listed."""
        types = _types(schema)
        fields: dict[str, Any] = {"types": types}
        strings = self._strings.of(schema, place) if types & _STRING else []
        if "enum" in schema or "const" in schema:
            self._add_values(fields, self._listed(schema), self._range(schema), strings)
        elif types & _NUMBER:
            self._add_numbers(fields, self._range(schema), schema.get("multipleOf"))
        if strings and fields["types"] & _STRING:
            fields["string"] = strings[0] if len(strings) == 1 else self._builder.intersect(strings)
        return fields

    def _listed(self, schema: dict[str, Any]) -> Scalars:
        """The values of enum and const that are multiples and lists of different items where such are asked for."""
        values = _allowed_values(schema)
        if "multipleOf" in schema:
            divisor = Fraction(schema["multipleOf"])
            values = [v for v in values if not _is_number(v) or (Fraction(v) / divisor).denominator == 1]
        if schema.get("uniqueItems") is True:
            values = [v for v in values if not isinstance(v, list) or len(set(map(value_key, v))) == len(v)]
        return Scalars.of(values)

    def _add_numbers(self, fields: dict[str, Any], numbers: NumericRange, divisor: int | Decimal | None) -> None:
        wanted, refused = [], []
        if not numbers.is_everything:
            wanted.append(self._numbers.within(numbers))
            if self._traits.is_negating:
                refused.append(self._numbers.refused_by(numbers))
        if divisor is not None:
            wanted.append(self._multiples.of(Decimal(divisor), is_small=numbers.is_small))
            if self._traits.is_negating:
                refused.append(self._multiples.refused_by(Decimal(divisor), is_small=False))
        if wanted:
            fields["number"] = wanted[0] if len(wanted) == 1 else self._builder.intersect(wanted)
        if refused:
            fields["number_not"] = refused[0] if len(refused) == 1 else self._builder.alternate(refused)

    def _add_values(self, fields: dict[str, Any], values: Scalars, numbers: NumericRange, strings: list[int]) -> None:
        types = fields["types"]
        kept = types & values.literal_bits
        fitting = [v for v in values.numbers if numbers.holds(v)]
        if types & _NUMBER and fitting:
            kept |= _NUMBER
            wanted, refused = [self._numbers.one_of(fitting)], []
            if self._traits.is_negating:
                refused.append(self._numbers.other_than(fitting))
            if self._draft == 4 and numbers.is_integer:  # there an integer is one by its spelling, not by its value
                integers = NumericRange(is_integer=True)
                wanted.append(self._numbers.within(integers))
                if refused:
                    refused.append(self._numbers.refused_by(integers))
            fields["number"] = wanted[0] if len(wanted) == 1 else self._builder.intersect(wanted)
            if refused:
                fields["number_not"] = refused[0] if len(refused) == 1 else self._builder.alternate(refused)
        if types & _STRING and values.strings:
            kept |= _STRING
            strings.insert(0, self._strings.words(values.strings))
        structures = [v for v in values.structures if types & _structure_bit(v)]
        if structures:
            nodes = [self._values.literal(v) for v in structures]
            if kept:
                nodes.append(self._values.of_types(ALL_TYPES & ~(_ARRAY | _OBJECT)))
            fields["any_of"] = [nodes]
            for value in structures:
                kept |= _structure_bit(value)
        fields["types"] = kept

    def _range(self, schema: dict[str, Any]) -> NumericRange:
        names = _names(schema)
        is_integer = "integer" in names and "number" not in names
        if _OF_NUMBERS.isdisjoint(schema):
            return _ANY_INTEGER if is_integer else _ANY_NUMBER
        low, is_low_open = self._bound(schema, "minimum", "exclusiveMinimum", sign=1)
        high, is_high_open = self._bound(schema, "maximum", "exclusiveMaximum", sign=-1)
        return NumericRange(low, high, is_low_open, is_high_open, is_integer)

    def _bound(self, schema: dict[str, Any], closed: str, opened: str, *, sign: int) -> tuple[Decimal | None, bool]:
        """The tighter of a bound and its exclusive sibling, which in draft 4 is a flag."""
        bounds: list[tuple[Decimal, bool]] = []
        if closed in schema:
            bounds.append((Decimal(schema[closed]), self._draft == 4 and schema.get(opened) is True))
        if opened in schema and self._draft > 4:
            bounds.append((Decimal(schema[opened]), True))
        if not bounds:
            return None, False
        return max(bounds, key=lambda b: (b[0] if sign > 0 else b[0].copy_negate(), b[1]))  # a product would round


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _structure_bit(value: Any) -> int:
    return _OBJECT if isinstance(value, dict) else _ARRAY


def _names(schema: dict[str, Any]) -> list[str]:
    names = schema.get("type", [])
    return names if isinstance(names, list) else [names]


def _types(schema: dict[str, Any]) -> int:
    names = schema.get("type")
    if isinstance(names, str):
        return TYPE_BITS[names]
    if names is None:
        return ALL_TYPES
    bits = 0
    for name in names:
        bits |= TYPE_BITS[name]
    return bits


def _allowed_values(schema: dict[str, Any]) -> list[Any]:
    """The values that enum and const leave."""
    lists = [schema["enum"]] if "enum" in schema else []
    if "const" in schema:
        lists.append([schema["const"]])
    if len(lists) == 1 and are_texts(lists[0]):
        return list(dict.fromkeys(lists[0]))
    values = {value_key(v): v for v in lists[0]}
    for others in lists[1:]:
        keys = {value_key(v) for v in others}
        values = {k: v for k, v in values.items() if k in keys}
    return list(values.values())
