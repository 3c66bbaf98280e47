"""Does a value have its keys in the declared order? Read off the schema and the value, without any automaton.

    python -m tests.oracles.key_order

compares this reading with what masks let through, on all real schemas. Keys are declared where they first appear in the
text of the schema, depth first, references followed where they stand; a schema that closes its objects has named their
keys itself. Branches count that hold of the value; of an `anyOf` one of them does.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

import jsonschema

import guided
from tests.oracles.real_schemas import RealSchema, real_schemas

__all__ = ["KeyOrder", "NotRead", "differences"]

_MOST_READINGS = 200
_DEPENDENCIES = ("dependencies", "dependentSchemas")


class NotRead(Exception):
    """The schema refers to something that this reading does not follow."""


class KeyOrder:
    """The declared order of one schema, for whole values that are valid."""

    def __init__(self, document: Any) -> None:
        self._document = document
        draft = jsonschema.validators.validator_for(document, default=jsonschema.Draft202012Validator)
        self._validator = draft(document)
        old = ("draft-03", "draft-04", "draft-06", "draft-07")
        self._ref_stands_alone = isinstance(document, dict) and any(d in str(document.get("$schema")) for d in old)
        self._held: dict[tuple[int, int], bool] = {}

    def allows(self, value: Any) -> bool:
        """Whether some reading of the schema has the keys of all objects of this value in order."""
        return self._allows([self._document], value)

    def _allows(self, schemas: list[Any], value: Any) -> bool:
        if not isinstance(value, dict | list):
            return True
        parts = [self._readings(s, value, frozenset()) for s in schemas]
        return any(self._follows(_joined(reading), value) for reading in itertools.product(*parts))

    def _follows(self, applied: tuple[Any, ...], value: Any) -> bool:
        if isinstance(value, list):
            return all(self._allows(_item_schemas(applied, i), item) for i, item in enumerate(value))
        ranks: dict[str, int] = {}
        for schema in applied:
            for key in schema.get("properties", ()):
                ranks.setdefault(key, len(ranks))
        positions = [ranks.get(key, len(ranks)) for key in value]
        if positions != sorted(positions):
            return False
        return all(self._allows(_key_schemas(applied, key), item) for key, item in value.items())

    def _readings(self, schema: Any, value: Any, above: frozenset[int]) -> list[tuple[Any, ...]]:
        """Each way to read it: the schemas that apply to the value in place, in the order in which they declare."""
        if not isinstance(schema, dict) or id(schema) in above:
            return [()]
        if "$ref" in schema and self._ref_stands_alone:
            return self._readings(self._resolved(schema["$ref"]), value, above | {id(schema)})
        keywords = list(schema)
        if "properties" not in schema:
            keywords.append("properties")
        elif schema.get("additionalProperties") is False:
            keywords.sort(key=lambda keyword: keyword != "properties")
        parts = [self._applied(schema, keyword, value, above | {id(schema)}) for keyword in keywords]
        return [_joined(part) for part in itertools.islice(itertools.product(*parts), _MOST_READINGS)]

    def _applied(self, schema: Any, keyword: str, value: Any, above: frozenset[int]) -> list[tuple[Any, ...]]:
        what = schema.get(keyword)
        if keyword == "properties":
            return [(schema,)]
        if keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            return self._readings(self._resolved(what), value, above)
        if keyword in ("anyOf", "oneOf"):
            held = [self._readings(branch, value, above) for branch in what if self._holds(branch, value)]
            return list(itertools.chain.from_iterable(held)) or [()]
        applied = list(self._applied_together(schema, keyword, value))
        readings = itertools.product(*(self._readings(branch, value, above) for branch in applied))
        return [_joined(reading) for reading in itertools.islice(readings, _MOST_READINGS)]

    def _applied_together(self, schema: Any, keyword: str, value: Any) -> Iterator[Any]:
        what = schema.get(keyword)
        if keyword == "allOf":
            yield from what
        elif keyword in _DEPENDENCIES and isinstance(value, dict):
            yield from (branch for key, branch in what.items() if key in value and not isinstance(branch, list))
        elif keyword in ("if", "then", "else") and self._applies(schema, keyword, value):
            yield what

    def _applies(self, schema: Any, keyword: str, value: Any) -> bool:
        is_conditional = (
            "if" in self._validator.VALIDATORS and "if" in schema and ("then" in schema or "else" in schema)
        )
        return is_conditional and self._holds(schema["if"], value) == (keyword != "else")

    def _holds(self, schema: Any, value: Any) -> bool:
        key = id(schema), id(value)
        if key not in self._held:
            self._held[key] = self._validator.evolve(schema=schema).is_valid(value)
        return self._held[key]

    def _resolved(self, reference: str) -> Any:
        own = self._document.get("$id", self._document.get("id", "")).rstrip("#")
        fragment = reference.removeprefix(own) if own else reference
        target = self._document
        for token in unquote(fragment).split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            target = target[int(name)] if isinstance(target, list) else target[name]
        if fragment not in ("", "#") and not fragment.startswith("#/"):
            raise NotRead(reference)
        return target


def _joined(parts: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(itertools.chain.from_iterable(parts))


def _item_schemas(applied: tuple[Any, ...], index: int) -> list[Any]:
    out = []
    for schema in applied:
        items = schema.get("items")
        listed = items if isinstance(items, list) else schema.get("prefixItems", [])
        rest = schema.get("additionalItems") if isinstance(items, list) else items
        out.append(listed[index] if index < len(listed) else rest)
    return out


def _key_schemas(applied: tuple[Any, ...], key: str) -> list[Any]:
    out = []
    for schema in applied:
        own = [schema["properties"][key]] if key in schema.get("properties", {}) else []
        own += [what for pattern, what in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        out += own or [schema.get("additionalProperties")]
    return out


def differences(schemas: Iterable[RealSchema], vocab: guided.Vocabulary) -> Iterator[tuple[str, int, str]]:
    """(name, number of the valid instance, who alone allows it: "masks", "oracle", or "not read")."""
    for real in schemas:
        grammar = real.compile(vocab, "declared")
        order = KeyOrder(real.schema)
        for number, value in enumerate(real.valid if grammar else ()):
            assert grammar
            matcher = grammar.matcher()
            is_let = matcher.accept_bytes(json.dumps(value, ensure_ascii=False).encode()) and matcher.is_accepting
            try:
                is_allowed = order.allows(value)
            except (NotRead, KeyError, re.error):
                yield real.name, number, "not read"
                continue
            if is_let != is_allowed:
                yield real.name, number, "masks" if is_let else "oracle"


def main() -> None:
    """All real schemas; prints each difference and how many there are."""
    vocab = guided.Vocabulary([bytes([byte]) for byte in range(256)], eos_ids=set())
    counts: Counter[str] = Counter()
    for name, number, kind in differences(real_schemas(), vocab):
        counts[kind] += 1
        print(f"{name} instance {number}: {kind}")
    print(dict(counts))


if __name__ == "__main__":
    main()
