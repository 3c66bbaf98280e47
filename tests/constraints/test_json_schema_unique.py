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


def _places(*enums: list[Any], **more: Any) -> dict[str, Any]:
    places = {"prefixItems": [{"enum": e} for e in enums]} if enums else {}
    return {"type": "array", "uniqueItems": True, **places, **more}


_USED_UP: dict[str, dict[str, Any]] = {
    "a place whose only value an earlier one could take": _places([1, 2], [1], minItems=2, items=False),
    "a chain of places": _places([1, 2, 3], [1, 2], [1], minItems=3, items=False),
    "two places for two values, taken by a third": _places([1, 2, 3], [1, 2], [1, 2], minItems=3, items=False),
    "items behind the places": _places([1, 2, 3, 4], minItems=3, items={"enum": [1, 2]}, maxItems=4),
    "what must be contained": _places(
        [1, 3], contains={"enum": [1, 2]}, minContains=2, maxItems=2, items={"enum": [2, 4]}
    ),
    "contained beside a place": _places(
        [False, "", 1], [False], contains={"not": {"const": False}}, minContains=2, items={"enum": [1, 2]}, maxItems=4
    ),
    "two conditions for the same values": {
        **_places(items={"enum": [1, 2, 3]}, contains={"enum": [1, 2]}, minContains=2, maxItems=3),
        "allOf": [{"contains": {"enum": [2, 3]}, "maxContains": 1}],
    },
    "arrays that must differ, of items that must differ": _places(
        items={"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 2}, maxItems=3
    ),
}


def _random_places(seed: int) -> dict[str, Any]:
    rng = random.Random(seed)

    def enum() -> list[Any]:
        return rng.sample([1, 2, 3, "x"], rng.randint(1, 3))

    more: dict[str, Any] = {"minItems": rng.randint(0, 4), "items": {"enum": enum()}, "maxItems": 4}
    if rng.random() < 0.5:
        more |= {"contains": {"enum": enum()}, "minContains": rng.randint(1, 2)}
        if rng.random() < 0.5:
            more["maxContains"] = rng.randint(more["minContains"], 3)
    return _places(*(enum() for _ in range(rng.randint(0, 3))), **more)


def _all_values(schema: dict[str, Any]) -> list[Any]:
    """Every array that the schema could mean."""
    pool: list[Any] = [1, 2, 3, 4, "x", "", False]
    if schema["items"] and "enum" not in schema["items"]:
        pool = [list(t) for n in range(3) for t in itertools.permutations([1, 2], n)]
    values = [list(t) for n in range(5) for t in itertools.permutations(pool, n)]
    oracle = jsonschema.Draft202012Validator(schema)
    return [v for v in values if oracle.is_valid(v)]


@pytest.mark.parametrize("schema", [*_USED_UP.values(), *map(_random_places, range(40))])
def test_a_text_goes_on_exactly_if_its_items_leave_enough_values(schema):
    texts = [json.dumps(v, separators=(",", ":")) for v in _all_values(schema)]
    if not texts:
        with pytest.raises(UnsatisfiableConstraint):
            JsonSchema(schema).compile(BYTES)
        return
    grammar = JsonSchema(schema, whitespace="compact").compile(BYTES)
    heads = {text[:n] for text in texts for n in range(len(text) + 1)}
    shortest = min(map(len, texts))
    assert len(grammar.matcher().shortest_completion()) == shortest
    for head in heads:
        m = grammar.matcher()
        assert m.accept_bytes(head.encode()), head
        way = m.shortest_completion().decode()
        assert len(way) == min(len(t) - len(head) for t in texts if t.startswith(head)), (head, way)
        assert m.accept_bytes(way.encode()), (head, way)
        assert m.is_accepting, (head, way)
        for item in ["1", "2", "3", "4", '"x"', '""', "false", "[1", "[2"]:
            for end in [",", "]"] if head[-1:] in ("[", ",") else []:
                goes_on = any(t.startswith(head + item + end) for t in heads)
                assert grammar.matcher().accept_bytes((head + item + end).encode()) == goes_on, head + item + end
