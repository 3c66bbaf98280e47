"""Judges instances by the schema nodes that a JSON Schema is lowered to, as the definition of a node says.

So the lowering is tested apart from what the core makes of its nodes.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from guided import JsonSchema, Limits, _native


class NodeJudge:
    """The nodes of one schema; errors are those of compiling it."""

    def __init__(self, constraint: JsonSchema) -> None:
        self._builder = _native.Builder()
        self._nodes: dict[int, dict[str, Any]] = {}
        constraint.lower_with(self, (), Limits())  # type: ignore[arg-type]

    def lower_schema(self, *arguments: Any, **options: Any) -> int:
        self.root: int = self._builder.lower_schema(*arguments, **options)
        return self.root

    def json(self, schema: int, **layout: Any) -> int:
        return self._builder.json(schema, **layout)

    def accepts(self, value: Any) -> bool:
        """Whether a JSON value satisfies the schema."""
        return self.holds(self.root, value)

    def _node(self, node: int) -> dict[str, Any]:
        if node not in self._nodes:
            self._nodes[node] = self._builder.schema_node(node)
        return self._nodes[node]

    def holds(self, literal: int, value: Any) -> bool:
        """Whether a JSON value satisfies a schema node, or with a negative number does not."""
        return not self.judge(~literal, value)[0] if literal < 0 else self.judge(literal, value)[0]

    def judge(self, node: int, value: Any) -> tuple[bool, set[Any]]:
        """Whether `value` satisfies the node, and the keys or indexes that were evaluated if so."""
        fields = self._node(node)
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
            return self._builder.matches(fields["string"], value)
        if bit == 8 and fields.get("number") is not None:
            spelled = json.dumps(value)
            is_held = self._builder.matches(fields["number"], spelled)
            if fields.get("number_not") is not None:
                assert self._builder.matches(fields["number_not"], spelled) != is_held, spelled
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
            mine += [n for e, n in fields.get("pattern_properties", ()) if self._builder.matches(e, key)]
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
            keys = list(map(_key, value))
            checks.append(len(set(keys)) == len(keys))
        for start, literal, fewest, highest, counts in fields.get("some_items", ()):
            found = [i for i in range(start, len(value)) if self.holds(literal, value[i])]
            checks.append(len(found) >= fewest and (highest is None or len(found) <= highest))
            if counts:
                evaluated |= set(found)
        return all(checks)


def _key(value: Any) -> Any:
    """A hashable that is equal for equal JSON values."""
    if isinstance(value, dict):
        return "object", frozenset((key, _key(item)) for key, item in value.items())
    if isinstance(value, list):
        return "array", *map(_key, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", Decimal(repr(value))
    return type(value).__name__, value
