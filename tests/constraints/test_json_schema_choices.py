"""Choices among schemas of one value: many overlapping ones, and every verdict against jsonschema.

The random schemas are small enough for all objects over their keys to be tried, so a way that was dropped although some
value needs it shows, and so does one that lets a wrong value through.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from typing import Any

import jsonschema
import pytest

from guided import JsonSchema, Limits, Vocabulary
from guided.errors import ConstraintTooComplex, UnsatisfiableConstraint

BYTES = Vocabulary([bytes([b]) for b in range(256)], eos_ids=set())
_VALUES = (1, 2, "x", {"a": 1}, {})
_KEYS = ("a", "b", "c")


def _accepts(schema: Any, values: list[Any], order: str = "any") -> list[bool]:
    try:
        grammar = JsonSchema(schema, order=order).compile(BYTES)
    except UnsatisfiableConstraint:
        return [False] * len(values)
    verdicts = []
    for value in values:
        matcher = grammar.matcher()
        verdicts.append(matcher.accept_bytes(json.dumps(value).encode()) and matcher.is_accepting)
    return verdicts


def _objects() -> list[Any]:
    out: list[Any] = [1, "x"]
    for count in range(len(_KEYS) + 1):
        for keys in itertools.combinations(_KEYS, count):
            for values in itertools.product(_VALUES[:4], repeat=count):
                out.append(dict(zip(keys, values, strict=True)))
    return out


def _random_rule(rng: random.Random, depth: int) -> Any:
    schema: dict[str, Any] = {}
    if rng.random() < 0.5:
        schema["type"] = "object"
    for key in rng.sample(_KEYS, rng.randint(0, 2)):
        kinds = [{"enum": rng.sample((1, 2, "x"), rng.randint(1, 2))}]
        kinds.append({"type": rng.choice(["integer", "string", "object"])})
        if depth < 2:
            kinds.append(_random_rule(rng, depth + 1))
        schema.setdefault("properties", {})[key] = rng.choice(kinds)
    if rng.random() < 0.5:
        schema["required"] = rng.sample(_KEYS, rng.randint(1, 2))
    if rng.random() < 0.25:
        schema["additionalProperties"] = rng.choice([False, {"type": "integer"}])
    if rng.random() < 0.1:
        schema["maxProperties"] = rng.randint(0, 2)
    return schema


def _random_schema(rng: random.Random, depth: int = 0) -> Any:
    if depth == 2 or rng.random() < 0.2:
        return _random_rule(rng, depth)
    parts = [_random_schema(rng, depth + 1) for _ in range(rng.randint(2, 4))]
    outer = _random_rule(rng, 1) if rng.random() < 0.5 else {}
    kind = rng.choice(["oneOf", "oneOf", "anyOf", "allOf", "not", "if", "dependentSchemas"])
    if kind == "not":
        return {**outer, "not": parts[0]}
    if kind == "if":
        return {**outer, "if": parts[0], "then": parts[1], "else": parts[-1]}
    if kind == "dependentSchemas":
        return {**outer, kind: dict(zip(_KEYS, parts, strict=False))}
    return {**outer, kind: parts}


@pytest.mark.parametrize("seed", range(60))
def test_random_choices_agree_with_jsonschema_on_every_small_object(seed):
    rng = random.Random(seed)
    schema, values = _random_schema(rng), _objects()
    oracle = jsonschema.Draft202012Validator(schema)
    assert _accepts(schema, values) == [oracle.is_valid(v) for v in values], json.dumps(schema)


def test_one_of_many_objects_that_only_an_optional_constant_tells_apart():
    members = [
        {"properties": {"type": {"enum": [f"t{i}"]}, "data": {"type": "object", "required": [f"k{i}"]}}}
        for i in range(33)
    ]
    schema = {"type": "object", "oneOf": members}
    values: list[Any] = [{"type": "t7"}, {"type": "t7", "data": {"k7": 1}}, {"type": "t7", "data": {"k8": 1}}]
    values += [{"type": "none"}, {}]
    oracle = jsonschema.Draft202012Validator(schema)
    values += [{"data": {"k3": 1}}, {"type": "t1", "data": {}}, {"data": {f"k{i}": 0 for i in range(33)}}]
    assert _accepts(schema, values) == [oracle.is_valid(v) for v in values]


def test_conditions_on_a_key_that_may_be_missing_do_not_multiply():
    rules = [
        {"if": {"properties": {"kind": {"const": f"k{i}"}}}, "then": {"properties": {f"p{i}": {"type": "integer"}}}}
        for i in range(24)
    ]
    schema = {"type": "object", "allOf": rules}
    values: list[Any] = [{"kind": "k3", "p3": 1, "p4": "x"}, {"kind": "k3", "p3": "x"}, {"p3": "x"}, {"p3": 1}, {}]
    assert _accepts(schema, values) == [True, False, False, True, True]


def test_dependencies_on_one_discriminator_do_not_multiply():
    kinds = ["a", "b", "c", "d"]
    needs = {f"{kind}{i}": {"properties": {"type": {"enum": [kind]}}} for kind in kinds for i in range(5)}
    schema = {"properties": {"type": {"enum": kinds}}, "dependentSchemas": needs}
    values = [{"type": "a", "a0": 1, "a4": 1}, {"type": "a", "b0": 1}, {"a0": 1, "b0": 1}, {"type": "d"}]
    assert _accepts(schema, values) == [True, False, True, True]


def test_closed_members_that_share_some_keys():
    names = [f"k{i}" for i in range(8)]
    members = [
        {"properties": {n: {"type": "integer"} for n in names[i : i + 3]}, "additionalProperties": False}
        for i in range(6)
    ]
    schema = {"oneOf": members}
    oracle = jsonschema.Draft202012Validator(schema)
    values: list[Any] = [dict.fromkeys(c, 1) for n in (0, 1, 2, 3) for c in itertools.combinations(names, n)]
    assert _accepts(schema, values) == [oracle.is_valid(v) for v in values]


def test_two_hundred_overlapping_objects_get_an_answer_or_a_typed_error():
    members = [{"properties": {"v": {"type": "integer"}, f"k{i}": {"type": "string"}}} for i in range(200)]
    started = time.thread_time()
    refusals: list[ConstraintTooComplex] = []
    try:
        verdict = JsonSchema({"oneOf": members}).compile(BYTES).matcher().accept_bytes(b"{}")
    except ConstraintTooComplex as problem:
        refusals, verdict = [problem], False
    assert not verdict
    assert all(problem.limit > 0 for problem in refusals)
    assert time.thread_time() - started < 2


def test_a_negated_unique_array_is_dropped_where_items_differ_anyway():
    unique = {"type": "array", "uniqueItems": True}
    members = [{**unique, "items": {"type": [kind, "null"]}} for kind in ("string", "object")]
    schema = {"oneOf": members}
    values: list[Any] = [["a", "b"], [{}, {"a": 1}], [None], [], ["a", "a"], ["a", None]]
    assert _accepts(schema, values) == [True, True, False, False, False, True]


def test_declared_order_keeps_the_order_of_first_appearance_across_choices():
    first = {"anyOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"a": {"const": 2}}}]}
    schema = {"allOf": [first, {"properties": {"b": True}}], "required": ["a", "b"]}
    assert _accepts(schema, [{"a": 1, "b": 0}], "declared") == [True]
    grammar = JsonSchema(schema).compile(BYTES)
    assert not grammar.matcher().accept_bytes(b'{"b":')


def _tagged(tag: str, *keys: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"t": {"enum": [tag]}}, "required": ["t", *keys]}


def test_a_tag_tells_members_apart_beside_one_without_it():
    members = [_tagged(f"kind{i}", f"a{i}", f"b{i}", f"c{i}") for i in range(12)]
    untagged = {"type": "object", "required": ["t", "x", "y"]}
    schema = {"$ref": "#/$defs/e", "$defs": {"e": {"oneOf": [*members, untagged]}}}
    few = Limits(max_alternatives=100, max_choices=3_000)  # three ways for each of twelve to fail would be 3 ** 12
    grammar = JsonSchema(schema, order="any").compile(BYTES, limits=few)
    oracle = jsonschema.Draft202012Validator(schema)
    filled = {f"{k}{i}": 0 for k in "abc" for i in range(12)}
    for value in [{"t": "kind3", **filled}, {"t": "kind3", "x": 1, "y": 1}, {"t": "kind3", **filled, "x": 1, "y": 1}]:
        for left_out in [None, "a3", "y", "b7"]:
            instance = {k: v for k, v in value.items() if k != left_out}
            m = grammar.matcher()
            accepted = m.accept_bytes(json.dumps(instance).encode()) and m.is_accepting
            assert accepted == oracle.is_valid(instance), instance


@pytest.mark.parametrize("order", ["any", "declared"])
def test_readings_do_not_multiply_with_depth(order):
    choice = [{"required": [key]} if i % 2 else {"minProperties": i + 1} for i, key in enumerate("bcde")]
    schema: dict[str, Any] = {"properties": {"a": {"$ref": "#"}, "n": {"items": {"$ref": "#"}}}, "anyOf": choice}
    grammar = JsonSchema(schema, order=order).compile(BYTES, limits=Limits(max_readings=64))
    m = grammar.matcher()
    text = b'{"a":' * 30 + b'{"n":[' + b'{"a":' * 30 + b'{"c":1'
    assert m.accept_bytes(text)
    end = m.shortest_completion()
    assert len(end) == len("}" + "}" * 30 + "]}" + "}" * 30)
    assert m.accept_bytes(end)
    assert m.is_accepting


def test_what_another_question_has_solved_is_heard_of():
    """The cost of `password` is settled while a choice beside it is judged, amid the counting for the object."""
    text = {"type": "string"}
    store = {"properties": {"name": text}, "required": ["name"], "type": "object"}
    schema = {
        "properties": {
            "account": text,
            "auth": {"oneOf": [{"properties": {"key": text}, "required": ["key"]}, {"required": ["duration"]}]},
            "password": {"properties": {"store": store}, "required": ["store"]},
        },
        "required": ["auth", "account", "password"],
    }
    value = {"auth": {"key": "k"}, "account": "a", "password": {"store": {"name": "n"}}}
    assert _accepts(schema, [value]) == [True]
