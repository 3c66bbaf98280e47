"""Keywords that apply schemas to the same value, as literals: a node, or `~node` for its negation.

An implication "if A then B" is the group (not A, or B); "is an object with this key" is a node of its own, so that
dependencies are implications too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guided.constraints.json_schema.containers import Nodes
from guided.constraints.json_schema.disjoint import are_disjoint
from guided.constraints.json_schema.keywords import REFERENCES
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.references import References
from guided.constraints.json_schema.scalars import ALL_TYPES
from guided.constraints.json_schema.traits import Traits
from guided.constraints.json_schema.values import ANYTHING, NOTHING

if TYPE_CHECKING:
    from guided import _native

__all__ = ["APPLICATORS", "Applicators"]

_OBJECT = 64
APPLICATORS = frozenset(
    {
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", *REFERENCES),
        *("dependencies", "dependentRequired", "dependentSchemas"),
    }
)


class Applicators:
    """Lowers combinations, conditions and dependencies, in one builder."""

    def __init__(
        self,
        builder: _native.Builder,
        references: References,
        traits: Traits,
        *,
        draft: int,
        has_all_keywords: bool,
    ) -> None:
        self._builder = builder
        self._references = references
        self._draft = draft
        self._has_all_keywords = has_all_keywords
        self._has_unevaluated = traits.has_unevaluated
        self._having: dict[tuple[int | str, ...], int] = {}

    def add(self, fields: dict[str, Any], schema: dict[str, Any], place: Place, nodes: Nodes) -> None:
        """Add `all_of`, `any_of` and `one_of` to the fields of a node."""
        all_of = self._list(schema, place, nodes, "allOf")
        for keyword in REFERENCES:
            if keyword in schema:
                all_of.append(nodes.node(self._references.follow(place, keyword)))
        if "not" in schema:
            all_of.append(self._negation(nodes.child(place, schema["not"], "not")))
        any_of: list[list[int]] = [*fields.pop("any_of", ())]
        if "anyOf" in schema:
            any_of.append(self._list(schema, place, nodes, "anyOf"))
        if "if" in schema:
            any_of.extend(self._condition(schema, place, nodes))
        any_of.extend(self._dependencies(schema, place, nodes))
        one_of: list[list[int]] = []
        if "oneOf" in schema:
            branches = [place.child("oneOf", i) for i in range(len(schema["oneOf"]))]
            is_disjoint = self._has_all_keywords and are_disjoint(branches, self._references, self._draft)
            (any_of if is_disjoint else one_of).append(self._list(schema, place, nodes, "oneOf"))
        self._simplified(fields, all_of, any_of, one_of)

    def _simplified(
        self, fields: dict[str, Any], all_of: list[int], any_of: list[list[int]], one_of: list[list[int]]
    ) -> None:
        """Groups without what can never hold; groups of one are conditions."""
        kept_any, kept_one = [], []
        for group in any_of:
            group = [n for n in dict.fromkeys(group) if n != NOTHING]
            if ANYTHING in group and not self._has_unevaluated:
                continue
            if len(group) <= 1:
                all_of.append(group[0] if group else NOTHING)
            else:
                kept_any.append(group)
        for group in one_of:
            group = [n for n in group if n != NOTHING]
            if len(group) <= 1:
                all_of.append(group[0] if group else NOTHING)
            else:
                kept_one.append(group)
        kept_all = [n for n in dict.fromkeys(all_of) if n != ANYTHING]
        for name, value in (("all_of", kept_all), ("any_of", kept_any), ("one_of", kept_one)):
            if value:
                fields[name] = value

    def _list(self, schema: dict[str, Any], place: Place, nodes: Nodes, keyword: str) -> list[int]:
        return [nodes.child(place, branch, keyword, i) for i, branch in enumerate(schema.get(keyword, ()))]

    def _negation(self, node: int) -> int:
        if node == ANYTHING:
            return NOTHING
        return ANYTHING if node == NOTHING else ~node

    def _condition(self, schema: dict[str, Any], place: Place, nodes: Nodes) -> list[list[int]]:
        condition = nodes.child(place, schema["if"], "if")
        groups = []
        if "then" in schema:
            groups.append(self._implication(condition, nodes.child(place, schema["then"], "then")))
        if "else" in schema:
            groups.append(self._implication(self._negation(condition), nodes.child(place, schema["else"], "else")))
        if self._has_unevaluated and condition not in (ANYTHING, NOTHING):
            groups.append([condition, ANYTHING])  # says nothing of values, but what it evaluates counts
        return groups

    def _dependencies(self, schema: dict[str, Any], place: Place, nodes: Nodes) -> list[list[int]]:
        groups = []
        for keyword in ("dependencies", "dependentRequired", "dependentSchemas"):
            for key, needed in schema.get(keyword, {}).items():
                if isinstance(needed, list):
                    consequence = self._has(needed, ALL_TYPES)
                else:
                    consequence = nodes.child(place, needed, keyword, key)
                groups.append(self._implication(self._has([key], _OBJECT), consequence, is_key=True))
        return groups

    def _implication(self, condition: int, consequence: int, *, is_key: bool = False) -> list[int]:
        """The group of "if condition, then consequence": not the one, or both.

        Both, for beside unevaluated* a consequence that does not apply must evaluate nothing, and the two ways of a
        condition that speaks of values exclude each other then. Whether a key is there is simpler without.
        """
        if is_key and not self._has_unevaluated:
            return [self._negation(condition), consequence]
        if condition == ANYTHING:
            return [consequence]
        both = self._builder.schema()
        self._builder.define_schema(both, types=ALL_TYPES, all_of=[condition, consequence])
        return [self._negation(condition), both]

    def _has(self, keys: Sequence[str], types: int) -> int:
        """The node of "is of these types, and if an object has these keys"."""
        if not keys and types == ALL_TYPES:
            return ANYTHING
        if (types, *keys) not in self._having:
            node = self._having[types, *keys] = self._builder.schema()
            self._builder.define_schema(node, types=types, required=list(keys))
        return self._having[types, *keys]
