"""Schemas without values: the grammar of one accepts exactly the other instances."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.agents.exclusion import canonical, without
from guided.constraints import JsonSchema
from guided.errors import UnsatisfiableConstraint

WORDS = st.text(alphabet="ab(+é\n", max_size=3)
SCHEMA = {
    "type": "object",
    "$defs": {"Unit": {"type": "string", "enum": ["m", "ft"]}},
    "properties": {
        "text": {"type": "string", "minLength": 0, "maxLength": 3, "description": "any"},
        "n": {"type": "integer", "minimum": 0, "exclusiveMaximum": 4},
        "x": {"type": ["number", "null"], "minimum": 0},
        "flag": {"type": "boolean", "default": False},
        "unit": {"$ref": "#/$defs/Unit"},
        "list": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["text", "n"],
    "additionalProperties": False,
}
INSTANCES = st.fixed_dictionaries(
    {"text": WORDS, "n": st.sampled_from([0, 1, 2, 3, 2.0])},
    optional={
        "x": st.sampled_from([None, 0, 0.5, 1, 1.0, 2.5]),
        "flag": st.booleans(),
        "unit": st.sampled_from(["m", "ft"]),
        "list": st.lists(st.integers(0, 1), max_size=2),
    },
)


def accepts(schema, instance, vocab, **spelling) -> bool:
    instance = {key: instance[key] for key in schema["properties"] if key in instance}  # in declared order
    matcher = JsonSchema(schema, whitespace="dumps").compile(vocab).matcher()
    return matcher.accept_bytes(json.dumps(instance, **spelling).encode()) and matcher.is_accepting


@settings(max_examples=150, deadline=None)
@given(values=st.lists(INSTANCES, min_size=1, max_size=3), others=st.lists(INSTANCES, min_size=1, max_size=8))
def test_exactly_the_values_are_missing(vocab, values, others):
    left = without(SCHEMA, values)
    unwanted = {canonical(value) for value in values}
    for instance in [*values, *others]:
        assert accepts(SCHEMA, instance, vocab)
        for is_ascii in (True, False):
            assert accepts(left, instance, vocab, ensure_ascii=is_ascii) == (canonical(instance) not in unwanted)


def test_an_existing_condition_is_kept(vocab):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "allOf": [{"required": ["n"]}]}
    left = without(without(schema, [{"n": 1}]), [{"n": 2}])
    assert [accepts(left, value, vocab) for value in ({}, {"n": 1}, {"n": 2}, {"n": 3})] == [False, False, False, True]


@pytest.mark.parametrize(
    ("properties", "values"),
    [({}, [{}]), ({"a": {"const": 1}}, [{}, {"a": 1}]), ({"a": {"type": "boolean"}}, [{}, {"a": True}, {"a": False}])],
)
def test_nothing_is_left(vocab, properties, values):
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    with pytest.raises(UnsatisfiableConstraint):
        JsonSchema(without(schema, values)).compile(vocab)


def test_no_values_leave_the_schema_as_it_is():
    assert without(SCHEMA, []) is SCHEMA
