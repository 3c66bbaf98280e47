"""Schemas without values, against jsonschema."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.agents.exclusion import Inexpressible, canonical, without

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
        "inner": {
            "type": "object",
            "properties": {"k": {"anyOf": [{"type": "null"}, {"const": 1}]}},
            "additionalProperties": False,
        },
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
        "inner": st.sampled_from([{}, {"k": None}, {"k": 1}]),
    },
)


def is_valid(schema, instance) -> bool:
    schema = json.loads(
        json.dumps(schema).replace(')$"', ')\\\\Z"')
    )  # Python's $ matches before a last newline, ECMA's does not
    return schema is not None and jsonschema.Draft202012Validator(schema).is_valid(instance)


@settings(max_examples=120, deadline=None)
@given(st.lists(INSTANCES, min_size=1, max_size=3), st.lists(INSTANCES, min_size=1, max_size=8))
def test_exactly_the_values_are_missing(values, others):
    left = without(SCHEMA, values)
    unwanted = {canonical(value) for value in values}
    for instance in [*values, *others]:
        assert is_valid(SCHEMA, instance)
        assert is_valid(left, instance) == (canonical(instance) not in unwanted)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=8))
def test_strings(words, others):
    schema = {
        "type": "object",
        "properties": {"s": {"type": "string"}},
        "required": ["s"],
        "additionalProperties": False,
    }
    left = without(schema, [{"s": word} for word in words])
    pattern = re.compile(left["properties"]["s"]["pattern"].replace("$", r"\Z"))
    for text in [*words, *others, *(w + "a" for w in words), *(w[:-1] for w in words)]:
        assert (pattern.search(text) is None) == (text in words)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-3, 6), min_size=1, max_size=6), st.sampled_from(["integer", "number"]))
def test_numbers(numbers, kind):
    schema = {"type": kind, "minimum": -2, "maximum": 5}
    left = without(schema, numbers)
    for number in [x / 2 for x in range(-8, 14)]:
        expected = is_valid(schema, number) and number not in numbers
        assert is_valid(left, number) == expected


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["a"]}, "a"),
        ({"const": {"k": [1]}}, {"k": [1.0]}),
        ({"type": "null"}, None),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {}),
        ({"type": "integer", "minimum": 3, "maximum": 3}, 3),
        (
            {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False},
            {"a": 1},
        ),
    ],
)
def test_nothing_is_left(schema, value):
    assert without(schema, [value]) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {}}, {}),
        ({"type": "string", "pattern": "a"}, "a"),
        ({"type": "string", "format": "date"}, "2024-01-01"),
        ({"type": "array"}, []),
        ({"type": "integer", "multipleOf": 2}, 2),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, 2),
        (True, 1),
        ({"type": "string"}, "a" * 1000),
        ({"type": "string"}, "\ud800"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, 1),
        ({"$ref": "http://localhost:9/x"}, 1),
    ],
)
def test_what_cannot_be_written_is_said(schema, value):
    with pytest.raises(Inexpressible):
        without(schema, [value])
