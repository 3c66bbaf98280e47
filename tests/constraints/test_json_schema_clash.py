"""Schemas that nothing satisfies say which keywords clash, and where."""

from __future__ import annotations

from typing import Any

import pytest

from guided import JsonSchema, Seq, Vocabulary
from guided.errors import UnsatisfiableConstraint

BYTES = Vocabulary([bytes([b]) for b in range(256)] + [None], eos_ids={256})

_CASES: dict[str, tuple[Any, list[str]]] = {
    "bounds": (
        {"type": "number", "minimum": 5, "maximum": 3, "title": "t"},
        ['type "number" at /type', "minimum 5 at /minimum", "maximum 3 at /maximum"],
    ),
    "deep": (
        {
            "type": "object",
            "properties": {"a/b": {"type": "string", "minLength": 4, "maxLength": 2}, "c": {"type": "integer"}},
            "required": ["a/b", "c"],
        },
        ["minLength 4 at /properties/a~1b/minLength", "maxLength 2 at /properties/a~1b/maxLength", "at /required"],
    ),
    "a closed object": (
        {
            "type": "object",
            "properties": {"a": {}},
            "required": ["b"],
            "additionalProperties": False,
            "minProperties": 1,
        },
        ['required ["b"] at /required', "additionalProperties false at /additionalProperties"],
    ),
    "across allOf": (
        {"allOf": [{"const": 1}, {"type": ["string", "integer"]}, {"enum": [2, 3]}]},
        ["const 1 at /allOf/0/const", "enum [2, 3] at /allOf/2/enum"],
    ),
    "too few values": (
        {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3, "maxItems": 9},
        ["uniqueItems true at /uniqueItems", "minItems 3 at /minItems", "enum [1, 2] at /items/enum"],
    ),
    "through a reference": (
        {"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "const": "x"},
        ['const "x" at /const', 'type "integer" at /$defs/n/type'],
    ),
}


@pytest.mark.parametrize("case", _CASES)
def test_the_keywords_that_clash_are_named_and_no_others(case):
    schema, words = _CASES[case]
    with pytest.raises(UnsatisfiableConstraint) as caught:
        JsonSchema(schema).compile(BYTES)
    witness = caught.value.witness
    assert witness is not None
    assert all(word in witness for word in words), witness
    for other in ("title", "/properties/c", "maxItems", "minProperties", "/allOf/1"):
        assert other not in witness


def test_a_part_of_a_sequence_is_explained_too():
    with pytest.raises(UnsatisfiableConstraint, match="minimum 5 at /minimum"):
        Seq("x=", JsonSchema({"type": "integer", "minimum": 5, "maximum": 3})).compile(BYTES)
