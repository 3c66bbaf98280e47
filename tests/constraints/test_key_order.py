"""The declared order of keys: where they first appear in the text of the schema, depth first, references followed."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import jsonschema
import pytest

from guided import JsonSchema, Vocabulary
from guided.errors import UnsatisfiableConstraint
from tests.oracles.key_order import KeyOrder, differences
from tests.oracles.real_schemas import real_schemas

BYTES = Vocabulary([bytes([b]) for b in range(256)], eos_ids=set())
_KEYS = "abc"


def _is_let(schema: Any, value: Any, order: str = "declared") -> bool:
    matcher = JsonSchema(schema, order=order).compile(BYTES).matcher()
    return matcher.accept_bytes(json.dumps(value).encode()) and matcher.is_accepting


def _orders(schema: Any, keys: str) -> list[str]:
    return ["".join(p) for p in itertools.permutations(keys) if _is_let(schema, dict.fromkeys(p, 1))]


def _keys(keys: str) -> dict[str, Any]:
    return {"properties": {key: {"type": "integer"} for key in keys}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({**_keys("ab"), "allOf": [_keys("cd")]}, ["abcd"]),
        ({"allOf": [_keys("cd")], **_keys("ab")}, ["cdab"]),
        ({"$ref": "#/$defs/x", **_keys("ab"), "$defs": {"x": _keys("cd")}}, ["cdab"]),
        ({"oneOf": [_keys("dc")], "allOf": [_keys("ab")]}, ["dcab"]),
        ({"allOf": [{"allOf": [_keys("d")], **_keys("c")}, _keys("ba")]}, ["dcba"]),
        ({"anyOf": [_keys("ab"), _keys("dc")]}, ["abcd", "abdc", "dcab", "dcba"]),
        ({"allOf": [_keys("ca")], **_keys("abcd"), "additionalProperties": False}, ["abcd"]),
        ({"required": list("dcba"), **_keys("ab")}, ["abcd", "abdc"]),
        ({"else": _keys("ab"), "if": _keys("x") | {"required": ["x"]}, **_keys("cd")}, ["abcd"]),
        ({"if": {"required": ["a"]}, "then": _keys("dc"), **_keys("ab")}, ["dcab"]),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_keys_come_in_the_order_of_the_text(schema, expected):
    assert _orders(schema, "abcd") == expected


def _random_schema(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for keyword in rng.sample(["properties", "allOf", "oneOf", "if", "then", "else", "required"], rng.randint(1, 4)):
        if keyword == "properties":
            keys = rng.sample(_KEYS, rng.randint(1, 3))
            schema[keyword] = {key: {"type": rng.choice(["integer", "string"])} for key in keys}
        elif keyword == "required":
            schema[keyword] = rng.sample(_KEYS, 1)
        elif depth < 2:
            branches = [_random_schema(rng, depth + 1) for _ in range(rng.randint(1, 2))]
            schema[keyword] = branches if keyword.endswith("Of") else branches[0]
    if rng.random() < 0.2:
        schema["additionalProperties"] = False
    return schema


def _values() -> list[dict[str, Any]]:
    out = []
    for count in range(len(_KEYS) + 1):
        for keys in itertools.permutations(_KEYS, count):
            out += [dict(zip(keys, values, strict=True)) for values in itertools.product((1, "x"), repeat=count)]
    return out


@pytest.mark.parametrize("seed", range(200))
def test_random_schemas_are_read_as_the_oracle_reads_them(seed):
    schema = _random_schema(random.Random(seed))
    judge, order = jsonschema.Draft202012Validator(schema), KeyOrder(schema)
    try:
        grammar = JsonSchema(schema).compile(BYTES)
    except UnsatisfiableConstraint:
        return
    for value in _values():
        matcher = grammar.matcher()
        is_let = matcher.accept_bytes(json.dumps(value).encode()) and matcher.is_accepting
        assert is_let == (judge.is_valid(value) and order.allows(value)), value


def test_real_schemas_are_read_as_the_oracle_reads_them(shared_data):
    found = [d for d in differences(real_schemas(random.Random(4), 400), BYTES) if d[2] != "not read"]
    assert found == []
