"""uniqueItems over objects and arrays: many items, every verdict against jsonschema, and no dead ends."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import jsonschema
import pytest

from guided import JsonSchema, Vocabulary
from guided.errors import UnsatisfiableConstraint

BYTES = Vocabulary([bytes([b]) for b in range(256)] + [None], eos_ids={256})
_RECORD = {
    "type": "object",
    "properties": {"a": {"enum": [1, 2]}, "b": {"enum": ["x"]}},
    "required": ["a"],
    "additionalProperties": False,
}
_RECORDS: list[Any] = [{"a": 1}, {"a": 2}, {"a": 1, "b": "x"}, {"a": 2, "b": "x"}]


def _accepts(schema: Any, value: Any, order: str) -> bool:
    matcher = JsonSchema(schema, order=order).compile(BYTES).matcher()
    return matcher.accept_bytes(json.dumps(value).encode()) and matcher.is_accepting


@pytest.mark.parametrize("order", ["any", "declared"])
def test_every_list_of_small_records(order):
    schema = {"type": "array", "items": _RECORD, "uniqueItems": True}
    matcher = JsonSchema(schema, order=order).compile(BYTES).matcher()
    oracle = jsonschema.Draft202012Validator(schema)
    for count in range(5):
        for items in itertools.product(_RECORDS, repeat=count):
            m = matcher.fork()
            text = json.dumps(items).encode()
            assert (m.accept_bytes(text) and m.is_accepting) == oracle.is_valid(list(items)), items


@pytest.mark.parametrize("order", ["any", "declared"])
def test_when_all_records_are_used_up_the_list_must_end(order):
    schema = {"type": "array", "items": _RECORD, "uniqueItems": True}
    m = JsonSchema(schema, order=order).compile(BYTES).matcher()
    assert m.accept_bytes(json.dumps(_RECORDS).encode()[:-1])
    assert not m.fork().accept_bytes(b",")
    assert m.accept_bytes(b"]")


@pytest.mark.parametrize("order", ["any", "declared"])
def test_the_path_is_pruned_where_the_last_difference_is_made(order):
    m = JsonSchema({"items": _RECORD, "uniqueItems": True}, order=order).compile(BYTES).matcher()
    assert m.accept_bytes(b'[{"a": 1}, {"a": 1, "b": "x"}, {"a": ')
    assert not m.accept_bytes(b"1")  # with or without b, it has been
    assert m.accept_bytes(b"2")


@pytest.mark.parametrize("order", ["any", "declared"])
def test_many_records_of_three_keys(order):
    item = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"items": {}}}}
    schema = {"type": "array", "items": item, "uniqueItems": True}
    items: list[Any] = [{"a": f"x{i // 3}", "b": i, "c": ["q", i % 2]} for i in range(40)]
    assert _accepts(schema, items, order)
    assert _accepts(schema, [*items, {"a": "x0", "b": 0, "c": ["q", 1]}], order)
    assert not _accepts(schema, [*items, {"a": "x1", "b": 3, "c": ["q", 1]}], order)


def test_arrays_in_arrays():
    schema = {"items": {"items": {"enum": [1, 2]}, "maxItems": 2}, "uniqueItems": True}
    oracle = jsonschema.Draft202012Validator(schema)
    inner: list[Any] = [list(t) for n in range(3) for t in itertools.product([1, 2], repeat=n)]
    for items in itertools.product(inner, repeat=3):
        assert _accepts(schema, list(items), "any") == oracle.is_valid(list(items)), items
    assert _accepts(schema, inner, "any")


def test_items_of_unlike_types_and_spellings():
    schema = {"uniqueItems": True}
    assert _accepts(schema, [1, True, "1", [1], {"a": 1}, {"a": True}, {}, [], None, {"b": 1}], "any")
    assert not _accepts(schema, [{"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2}]}], "any")
    m = JsonSchema(schema).compile(BYTES).matcher()
    assert not m.accept_bytes(rb'[{"a":1,"b":10}, {"\u0062":1e1,"a":1.0}')


def test_as_many_as_there_are_can_be_asked_for_and_no_more():
    JsonSchema({"items": _RECORD, "uniqueItems": True, "minItems": 4, "type": "array"}).compile(BYTES)
    with pytest.raises(UnsatisfiableConstraint):
        JsonSchema({"items": _RECORD, "uniqueItems": True, "minItems": 5, "type": "array"}).compile(BYTES)


@pytest.mark.parametrize("order", ["any", "declared"])
@pytest.mark.parametrize("seed", range(10))
def test_random_walks_end_in_a_valid_text(seed, order):
    rng = random.Random(seed)
    item: Any = rng.choice([_RECORD, {"items": {"enum": [1, {"a": 1}]}, "maxItems": 2, "type": "array"}])
    schema = {"type": "array", "items": item, "uniqueItems": True, "minItems": rng.randint(0, 4)}
    grammar = JsonSchema(schema, order=order, whitespace="compact").compile(BYTES)
    m, text = grammar.matcher(), b""
    for _ in range(200):
        token = int(rng.choice(list(m.allowed_tokens())))
        if token == 256:
            break
        byte = bytes([token])
        assert m.accept_bytes(byte)
        text += byte
        end = m.shortest_completion()
        assert jsonschema.Draft202012Validator(schema).is_valid(json.loads(text + end)), text + end
        assert m.fork().accept_bytes(end)
