"""guided.Limits: the same numbers on both sides, named by every refusal, and met when a schema is compiled or never."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from guided import JsonSchema, Limits, Regex, Vocabulary, _native
from guided.errors import ConstraintError, ConstraintTooComplex, UnsatisfiableConstraint, UnsupportedSchema

BYTES = Vocabulary([bytes([b]) for b in range(256)] + [None], eos_ids={256})


def _choices(num: int) -> list[Any]:
    return [{"properties": {"v": {"type": "integer"}, f"k{i}": {"type": "string"}}} for i in range(num)]


def test_defaults_are_those_of_the_core():
    ours = dataclasses.asdict(Limits())
    assert {name: ours[name] for name in _native.default_limits()} == _native.default_limits()
    assert ours.keys() - _native.default_limits().keys() == {"max_schema_nodes", "max_grown_bytes"}


@pytest.mark.parametrize(("name", "value"), [("max_states", 0), ("max_witnesses", 17), ("max_goals", "many")])
def test_a_limit_must_make_sense(name, value):
    with pytest.raises(ConstraintError, match=name):
        Limits(**{name: value})


_CASES: dict[str, Any] = {
    "max_alternatives": {"oneOf": _choices(4)},
    "max_choices": {"oneOf": _choices(4)},
    "max_goals": {"anyOf": [{"properties": {f"k{i}": {"minLength": i}}} for i in range(9)]},
    "max_split": {"anyOf": _choices(4), "unevaluatedProperties": False},
    "max_key_kinds": {"patternProperties": {c: {"type": "integer"} for c in "abcd"}},
    "max_witnesses": {"allOf": [{"not": {"additionalProperties": {"minimum": i}}} for i in range(3)]},
    "max_counted_items": {"allOf": [{"contains": {"const": i}} for i in range(3)]},
    "max_unique_items": {"type": "array", "uniqueItems": True, "minItems": 4},
    "max_required_items": {"type": "array", "minItems": 4},
    "max_required_keys": {"type": "object", "minProperties": 4},
    "max_unordered_keys": {"type": "object", "required": ["a", "b", "c"]},
    "max_schema_nodes": {"properties": {f"k{i}": {"minLength": i} for i in range(9)}},
}
_SMALL = {"max_key_kinds": 4}


@pytest.mark.parametrize("name", _CASES)
def test_a_refusal_names_the_limit_that_can_be_raised(name):
    schema = {"properties": {"x/y": _CASES[name]}, "required": ["x/y"]}
    with pytest.raises(ConstraintTooComplex, match=rf"guided.Limits\({name}=") as caught:
        JsonSchema(schema).compile(BYTES, limits=Limits(**{name: _SMALL.get(name, 2)}))
    assert (caught.value.name, caught.value.limit) == (name, _SMALL.get(name, 2))
    JsonSchema(schema).compile(BYTES)


def test_a_limit_is_met_at_compile_though_the_place_is_optional_and_deep():
    schema = {"properties": {"a": {"items": {"properties": {"x/y": {"oneOf": _choices(200)}}}}}}
    with pytest.raises(ConstraintTooComplex) as caught:
        JsonSchema(schema).compile(BYTES)
    assert caught.value.pointer == "/properties/a/items/properties/x~1y"
    assert caught.value.name == "max_alternatives"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "minProperties": 2_000, "maxProperties": 5},
        {"type": "object", "minProperties": 2_000, "properties": {"a": {}}, "additionalProperties": False},
        {"type": "string", "minLength": 200_000, "maxLength": 10},
    ],
)
def test_what_cannot_be_is_unsatisfiable_and_not_too_complex(schema):
    with pytest.raises(UnsatisfiableConstraint):
        JsonSchema(schema).compile(BYTES)


def test_required_keys_in_declared_order_are_not_counted_as_unordered():
    keys = [f"key{i}" for i in range(5)]
    schema = {"type": "object", "properties": dict.fromkeys(keys, True), "required": keys}
    JsonSchema(schema).compile(BYTES, limits=Limits(max_unordered_keys=2))
    with pytest.raises(ConstraintTooComplex, match="max_unordered_keys"):
        JsonSchema(schema, order="any").compile(BYTES, limits=Limits(max_unordered_keys=2))


def test_long_strings_are_refused_at_compile_beyond_the_length_that_is_allowed():
    assert (
        len(JsonSchema({"type": "string", "minLength": 125_000}).compile(BYTES).matcher().shortest_completion())
        == 125_002
    )
    with pytest.raises(ConstraintTooComplex, match="characters of a shortest text"):
        JsonSchema({"type": "object", "properties": {"a": {"minLength": 125_001}}}).compile(BYTES)


def test_may_exceed_compiles_it_and_raises_where_the_text_gets_there():
    schema = {"properties": {"c": {"properties": {"a": {"oneOf": _choices(200)}}}, "b": True}}
    grammar = JsonSchema(schema, order="any", may_exceed=True).compile(BYTES)
    assert grammar.matcher().accept_bytes(b'{"b": 1}')
    m = grammar.matcher()
    assert m.accept_bytes(b'{"c"')
    before = m.fork()
    with pytest.raises(ConstraintTooComplex):
        m.accept_bytes(b': {"a": {"v": 1}')
    assert m == before


def test_a_refused_keyword_of_the_core_has_its_pointer():
    item = {"type": "array", "items": {"enum": [1, 2, 3]}}
    schema = {"properties": {"a": {**item, "not": {"uniqueItems": True}}}}
    with pytest.raises(UnsupportedSchema) as caught:
        JsonSchema(schema).compile(BYTES)
    assert caught.value.pointer == "/properties/a"
    assert caught.value.keyword == "not"


def test_too_many_ways_to_count_items_that_differ_are_refused_at_compile():
    counted = [{"contains": {"enum": [*range(i, i + 3)]}, "minContains": 3} for i in range(6)]
    unique = {"type": "array", "uniqueItems": True, "allOf": counted}
    with pytest.raises(ConstraintTooComplex) as caught:
        JsonSchema({"properties": {"a": {"items": unique}}}).compile(BYTES)
    assert caught.value.pointer == "/properties/a/items"
    assert caught.value.name == "max_plan_work"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "format": "date-time", "pattern": ".+T[^Z+\\-]+"}, "2010-12-31T11:55:00Z"),
        ({"oneOf": [{"maxLength": 32767}, {"minLength": 32767}]}, "x"),
        ({"allOf": [{"maxLength": 60000}, {"not": {"maxLength": 3}}, {"pattern": "z$"}]}, "abcz"),
        ({"oneOf": [{"format": "date-time", "type": "string"}, {"format": "date-time"}, {"const": 5}]}, 7),
    ],
)
def test_patterns_and_lengths_that_need_no_long_search(schema, value):
    m = JsonSchema(schema).compile(BYTES, limits=Limits(max_pattern_search=2000)).matcher()
    assert m.accept_bytes(json.dumps(value).encode())
    assert m.is_accepting


def test_a_text_without_a_token_to_go_on_with_says_why():
    no_end = Vocabulary([b"a", b"b"], eos_ids=set())
    m = Regex("ab").compile(no_end).matcher()
    assert m.accept_bytes(b"ab")
    with pytest.raises(UnsatisfiableConstraint, match="no token that ends it"):
        m.allowed_tokens()
    with pytest.raises(UnsatisfiableConstraint, match="lacks single bytes"):
        Regex("c").compile(no_end).matcher().allowed_tokens()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "contains": {"$ref": "#"}, "unevaluatedItems": False},
        {"type": "array", "contains": {"$ref": "#"}, "unevaluatedItems": {"type": "integer", "multipleOf": 0.01}},
    ],
)
def test_an_array_that_must_contain_itself_is_refused_and_not_searched_for_ever(schema):
    with pytest.raises(ConstraintTooComplex, match="max_plan_work"):
        JsonSchema(schema).compile(BYTES)
