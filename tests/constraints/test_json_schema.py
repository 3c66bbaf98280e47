"""Keywords one by one, against jsonschema on generated schemas, and every refusal with its pointer."""

from __future__ import annotations

import gc
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guided.constraints import JsonSchema, Limits
from guided.errors import (
    ConstraintError,
    ConstraintTooComplex,
    InvalidRegex,
    InvalidSchema,
    UnsatisfiableConstraint,
    UnsupportedSchema,
)

from .conftest import BYTES, accepts
from .judge import NodeJudge

D4, D6, D7, D2019 = (
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
)
TREE = {
    "type": "object",
    "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}},
    "required": ["v"],
    "additionalProperties": False,
}

# schema, accepted instances, refused instances
CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "true": (True, [None, 1, "x", [], {}], []),
    "empty": ({}, [None, 1.5, "x", [1], {"a": 1}], []),
    "type list": ({"type": ["null", "boolean"]}, [None, True, False], [0, "true", []]),
    "type applies alone": ({"minLength": 2, "minimum": 5, "minItems": 1}, ["ab", 5, [0], {}, None], ["a", 4, []]),
    "required without properties": ({"required": ["a"]}, [{"a": 1}, 3, {"b": 1, "a": 2}], [{}, {"b": 1}]),
    "siblings of a combinator": ({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 1}]}, [5, 1], [3, 5.5, "x"]),
    "optional key is not additional": (
        {"properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
        [{"a": 1}, {"b": "x"}, {"a": 1, "b": "x"}],
        [{"a": "x"}, {"b": 1}],
    ),
    "no additional": (
        {"properties": {"a": {}}, "additionalProperties": False},
        [{}, {"a": 1}, 1],
        [{"b": 1}, {"ab": 1}],
    ),
    "counts of keys": (
        {"type": "object", "minProperties": 1, "maxProperties": 2},
        [{"a": 1}, {"a": 1, "b": 2}],
        [{}, dict.fromkeys("abc")],
    ),
    "prefix items": (
        {"prefixItems": [{"type": "integer"}], "items": {"type": "string"}},
        [[], [1], [1, "a"]],
        [["a"], [1, 2]],
    ),
    "draft 7 items": (
        {"$schema": D7, "items": [{"type": "integer"}], "additionalItems": False},
        [[], [1]],
        [["a"], [1, 2]],
    ),
    "additionalItems alone": (
        {"$schema": D7, "items": {"type": "integer"}, "additionalItems": False},
        [[1, 2]],
        [["a"]],
    ),
    "item counts": ({"type": "array", "minItems": 1, "maxItems": 2}, [[0], [0, 1]], [[], [0, 1, 2]]),
    "counts as floats": ({"type": "array", "maxItems": 2.0}, [[0, 1]], [[0, 1, 2]]),
    "lengths are code points": (
        {"type": "string", "minLength": 2, "maxLength": 2},
        ["ab", "\U0001f600\u00e9", "\n\\"],
        ["a", "abc"],
    ),
    "pattern searches": ({"type": "string", "pattern": "b+"}, ["b", "abbc"], ["", "ac"]),
    "pattern and length": ({"type": "string", "pattern": "^a", "maxLength": 2}, ["a", "ab"], ["b", "abc"]),
    "enum by value": (
        {"enum": [1, "a", None, {"x": [1, 2]}, [True]]},
        [1, 1.0, "a", None, {"x": [1.0, 2]}, [True]],
        [2, "1", True, {"x": [2, 1]}, [1], {}],
    ),
    "const object": (
        {"const": {"a": 1, "b": {"c": []}}},
        [{"a": 1, "b": {"c": []}}, {"a": 1.0, "b": {"c": []}}],
        [{"a": 1}, {"a": 1, "b": {}}, {"a": 1, "b": {"c": []}, "d": 1}],
    ),
    "const false is not 0": ({"const": False}, [False], [0, None]),
    "const 0 is not false": ({"const": 0}, [0, 0.0, -0.0], [False]),
    "const empty string": ({"const": ""}, [""], ["a"]),
    "enum and type": ({"type": "string", "enum": [1, "a"]}, ["a"], [1]),
    "enum and bounds": ({"enum": [1, 5, 9, "x"], "minimum": 4}, [5, 9, "x"], [1]),
    "enum and pattern": ({"enum": ["ab", "b"], "pattern": "^a"}, ["ab"], ["b"]),
    "enum and const": ({"enum": [1, 2], "const": 2.0}, [2], [1]),
    "enum of objects and keys": ({"enum": [{"a": 1}, {"b": 1}, 3], "required": ["a"]}, [{"a": 1}, 3], [{"b": 1}]),
    "allOf": (
        {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
        [{"a": 1}, 2],
        [{}, {"a": "x"}],
    ),
    "oneOf by type": ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], [1.5, None]),
    "oneOf by discriminator": (
        {
            "type": "object",
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"k": {"const": "a"}, "x": {"type": "integer"}},
                    "required": ["k", "x"],
                },
                {"type": "object", "properties": {"k": {"enum": ["b", "c"]}}, "required": ["k"]},
            ],
        },
        [{"k": "a", "x": 1}, {"k": "b", "x": "s"}],
        [{"k": "a"}, {"k": "d"}, {}],
    ),
    "definitions": ({"$ref": "#/definitions/a~1b%25", "definitions": {"a/b%": {"type": "integer"}}}, [1], ["a"]),
    "ref with siblings": ({"$ref": "#/$defs/n", "maximum": 5, "$defs": {"n": {"type": "integer"}}}, [5], [6, "a"]),
    "ref siblings in draft 7": (
        {"$schema": D7, "$ref": "#/definitions/n", "maximum": 5, "definitions": {"n": {"type": "integer"}}},
        [6],
        ["a"],
    ),
    "recursion": (TREE, [{"v": 1}, {"v": 1, "next": {"v": 2, "next": {"v": 3}}}], [{}, {"v": 1, "next": {}}]),
    "anchor": ({"$ref": "#n", "$defs": {"x": {"$anchor": "n", "type": "integer"}}}, [1], ["a"]),
    "embedded id": (
        {
            "$id": "http://x.test/root",
            "$ref": "item",
            "$defs": {
                "i": {"$id": "item", "type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "null"}}}
            },
        },
        [[], [None]],
        [[1], 1],
    ),
    "a property called $ref": ({"properties": {"$ref": {"type": "integer"}}}, [{"$ref": 1}], [{"$ref": "a"}]),
    "names are escaped": (
        {"properties": {'a"\\\n': {"type": "integer"}}, "additionalProperties": False},
        [{'a"\\\n': 1}],
        [{'a"\\\n': "x"}, {"a": 1}],
    ),
    "annotations": (
        {
            "title": "t",
            "description": "d",
            "default": 3,
            "examples": [1],
            "$comment": "c",
            "x-mine": {"type": 5},
            "readOnly": True,
            "contentEncoding": "base64",
        },
        [1, "x"],
        [],
    ),
    "harmless values of refused keywords": (
        {"uniqueItems": False, "not": False, "patternProperties": {}, "propertyNames": True, "then": False},
        [1, {"a": 1}],
        [],
    ),
    "multipleOf": ({"multipleOf": 3}, [0, 3, -9, 3.0, 3e22, "x"], [1, 1.5, 1e22]),
    "multipleOf of decimals": ({"type": "number", "multipleOf": 0.01}, [19.99, 0.07, 5, -0.1], [0.001, 1e-07]),
    "multipleOf and bounds": ({"multipleOf": 25, "minimum": 10, "maximum": 60}, [25, 50.0], [0, 75, 30]),
    "multipleOf and enum": ({"multipleOf": 0.5, "enum": [1, 1.5, 1.25, "x"]}, [1, 1.5, "x"], [1.25, 2]),
    "not multipleOf": ({"type": "integer", "not": {"multipleOf": 2}}, [1, -3], [2, 0, 1.5]),
    "not": ({"not": {"type": "integer", "minimum": 5}}, [4, 5.5, "x", None, -7], [5, 5.0, 1e22]),
    "not an enum": ({"not": {"enum": [1, "a", [1]]}}, [2, 1.5, "b", [], [2]], [1, 1.0, "a", [1.0]]),
    "not required": ({"type": "object", "not": {"required": ["a"]}}, [{}, {"b": 1}], [{"a": 1}]),
    "if then else": (
        {"if": {"type": "integer"}, "then": {"minimum": 5}, "else": {"type": "string"}},
        [5, 7, "x"],
        [4, 5.5, None],
    ),
    "if without then": ({"if": {"type": "integer"}, "else": False}, [5, -1], ["x", 1.5]),
    "oneOf that overlaps": ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, [1, 2.5, "x"], [3, 1.5]),
    "patternProperties": (
        {"patternProperties": {"^a": {"type": "integer"}, "b$": {"maximum": 5}}, "additionalProperties": False},
        [{}, {"ax": 7}, {"ab": 5}, {"b": "x"}],
        [{"ab": 6}, {"ax": "s"}, {"c": 1}],
    ),
    "propertyNames": (
        {"propertyNames": {"maxLength": 2, "pattern": "^a"}},
        [{}, {"a": 1, "ab": 2}, 5],
        [{"abc": 1}, {"b": 1}],
    ),
    "dependentRequired": (
        {"dependentRequired": {"a": ["b", "c"]}},
        [{}, {"b": 1}, {"a": 1, "b": 1, "c": 1}, 3],
        [{"a": 1}, {"a": 1, "b": 1}],
    ),
    "dependentSchemas": (
        {"dependentSchemas": {"a": {"maxProperties": 1}}},
        [{"a": 1}, {"b": 1, "c": 1}],
        [{"a": 1, "b": 1}],
    ),
    "dependencies": (
        {"$schema": D7, "dependencies": {"a": ["b"], "c": {"minProperties": 3}}},
        [{"a": 1, "b": 1}, {"b": 1}],
        [{"a": 1}, {"c": 1}, {"a": 1, "c": 1}],
    ),
    "contains": ({"contains": {"type": "integer"}}, [[1], ["a", 1], 5], [[], ["a"]]),
    "minContains and maxContains": (
        {"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3},
        [[1, 2], [1, "a", 2, 3]],
        [[1], [1, 2, 3, 4], []],
    ),
    "minContains 0": ({"contains": {"type": "integer"}, "minContains": 0}, [[], ["a"]], []),
    "uniqueItems": (
        {"uniqueItems": True},
        [[], [1], [1, 2], ["a", "b"], [{"a": 1}, {"a": 2}], 5, {"a": 1, "b": 1}],
        [[1, 1], [1, 1.0], [0, -0.0], ["a", 2, "a"], [None, None], [[], []], [{}, {}], [[1, 2], 3, [1.0, 2]]],
    ),
    "uniqueItems tells types apart": (
        {"uniqueItems": True},
        [[1, True], [0, False], ["1", 1], [[1], [True]], [{"a": 0}, {"a": False}], [[], {}, "", None, False, 0]],
        [[True, 1, True]],
    ),
    "uniqueItems with keys in any order": (
        {"uniqueItems": True},
        [[{"a": 1, "b": 2}, {"a": 2, "b": 1}], [{"a": {"b": 1}}, {"a": {"c": 1}}]],
        [[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], [[{"x": {"a": 1, "b": 2}}], [{"x": {"b": 2, "a": 1}}]]],
    ),
    "uniqueItems and items": (
        {"type": "array", "uniqueItems": True, "items": {"enum": ["x", "y", 1]}, "minItems": 2},
        [["x", "y"], [1, "y", "x"]],
        [["x"], ["x", "x"], ["x", "y", 1, "x"], [1, 1.0]],
    ),
    "uniqueItems and enum": (
        {"uniqueItems": True, "enum": [[1, 2], [1, 1.0], [{"a": 1}, {"a": 1}], [[3, 3]], "x"]},
        [[1, 2.0], [[3, 3]], "x"],
        [[1, 1], [2, 1], [{"a": 1}, {"a": 1}], [1]],
    ),
    "uniqueItems of nested arrays": (
        {"items": {"type": "array", "uniqueItems": True}, "uniqueItems": True},
        [[[1, 2], [2, 1]], [[], [1]]],
        [[[1, 1]], [[1, 2], [1, 2]]],
    ),
    "unevaluatedProperties": (
        {"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}], "unevaluatedProperties": False},
        [{}, {"a": 1, "b": 1}],
        [{"c": 1}, {"a": 1, "c": 1}],
    ),
    "a constant evaluates nothing": (
        {"anyOf": [{"const": {"a": 1}}, {"type": "null"}], "unevaluatedProperties": False},
        [None],
        [{"a": 1}, {}],
    ),
    "unevaluatedItems": ({"prefixItems": [{}], "unevaluatedItems": {"type": "string"}}, [[], [1], [1, "a"]], [[1, 2]]),
    "format date": (
        {"type": "string", "format": "date"},
        ["2024-02-29", "2000-02-29", "1999-12-31"],
        ["2023-02-29", "1900-02-29", "2023-04-31", "2023-1-1", "x"],
    ),
    "format date-time": (
        {"format": "date-time"},
        ["2024-02-29T23:59:60Z", "2024-02-29t01:02:03.5+05:30", 7],
        ["2024-02-29", "2024-02-29T24:00:00Z", "2024-02-29T22:59:60Z"],
    ),
    "format time": (
        {"format": "time"},
        ["08:30:06Z", "01:29:60+01:30", "15:59:60-08:00"],
        ["08:30:06", "01:29:60+01:31", "25:00:00Z"],
    ),
    "format ipv4": ({"format": "ipv4"}, ["127.0.0.1", "255.255.255.255"], ["256.1.1.1", "1.1.1", "01.1.1.1"]),
    "format ipv6": (
        {"format": "ipv6"},
        ["::", "::1", "1::8", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"],
        ["1::2::3", ":1", "12345::", "fe80::1%eth0"],
    ),
    "format uri": (
        {"format": "uri"},
        ["http://a.b/c?d#e", "urn:x:y", "http://[::1]:80/", "mailto:a@b"],
        ["//a.b", "a b:c", "http://[::g]", "é:x"],
    ),
    "format uri-reference": ({"format": "uri-reference"}, ["", "//a.b", "../c?d", "#x"], ["a\\b", "%zz"]),
    "format iri": ({"format": "iri"}, ["http://ƒøø.com/∂", "x:é"], ["http://a b", "∂"]),
    "format email": (
        {"format": "email"},
        ["joe.bloggs@example.com", '"a b"@c.d', "x@[127.0.0.1]", "x@[IPv6:::1]"],
        ["2962", ".a@b", "a..b@c", "a@-b.c", "a@b, c@d", "x@[127.0.0.300]"],
    ),
    "format uuid": ({"format": "uuid"}, ["2EB8AA08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380"]),
    "format duration": ({"format": "duration"}, ["P4DT12H30M5S", "P4W", "PT36H"], ["P", "PT", "P1D2H", "P2D1Y", "4D"]),
    "format json-pointer": ({"format": "json-pointer"}, ["", "/a~0b/~1", "/"], ["a", "/~2", "/~"]),
    "unknown format": ({"format": "colour"}, ["anything"], []),
}


def both_ways(instance: Any) -> list[str]:
    return [
        json.dumps(instance),
        json.dumps(instance, ensure_ascii=False),
        json.dumps(instance, indent=1),
        json.dumps(instance, separators=(",", ":")),
    ]


@pytest.mark.parametrize("name", CASES)
def test_keywords(name):
    schema, good, bad = CASES[name]
    constraint = JsonSchema(schema)
    assert [t for i in good for t in both_ways(i) if not accepts(constraint, t)] == []
    assert [t for i in bad for t in both_ways(i) if accepts(constraint, t)] == []


JSON = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -1, 2.5, 10, 1e22, "", "a", "b", "ab", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
SMALL = st.integers(0, 3)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 2.5, 10])


def _schemas(inner):
    keywords = {
        "type": st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
        | st.just(["string", "integer"]),
        "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
        "additionalProperties": inner,
        "minProperties": SMALL,
        "maxProperties": SMALL,
        "items": inner,
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "minItems": SMALL,
        "maxItems": SMALL,
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["a", "^a", "b$", "^ab?$"]),
        "minimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
        "enum": st.lists(JSON, min_size=1, max_size=4),
        "const": JSON,
        "anyOf": st.lists(inner, min_size=1, max_size=3),
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "$ref": st.just("#/$defs/d"),
        "multipleOf": st.sampled_from([1, 2, 2.5, 5]),
        "not": inner,
        "oneOf": st.lists(inner, min_size=1, max_size=3),
        "if": inner,
        "then": inner,
        "else": inner,
        "patternProperties": st.dictionaries(st.sampled_from(["a", "^b", "[bc]$"]), inner, max_size=2),
        "propertyNames": st.sampled_from([{"maxLength": 1}, {"enum": ["a", "c"]}, {"pattern": "[ab]"}]),
        "dependentRequired": st.dictionaries(
            st.sampled_from("ab"), st.lists(st.sampled_from("bc"), max_size=2, unique=True), max_size=2
        ),
        "dependentSchemas": st.dictionaries(st.sampled_from("ab"), inner, max_size=1),
        "contains": inner,
        "minContains": SMALL,
        "maxContains": SMALL,
        "uniqueItems": st.booleans(),
        "unevaluatedProperties": inner,
        "unevaluatedItems": inner,
    }
    names = st.sets(st.sampled_from(sorted(keywords)), min_size=1, max_size=4)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in sorted(chosen)}))


SCHEMAS = st.recursive(st.booleans() | st.just({}) | st.just({"type": "integer"}), _schemas, max_leaves=8)


@given(schema=SCHEMAS, definition=SCHEMAS, instances=st.lists(JSON, min_size=1, max_size=8))
@settings(max_examples=500, deadline=None)
def test_lowered_schemas_mean_what_jsonschema_says(schema, definition, instances):
    assume(isinstance(schema, dict))
    assume("$ref" not in json.dumps(definition))
    document = {**schema, "$defs": {"d": definition}}
    validator = jsonschema.Draft202012Validator(document)
    judge = NodeJudge(JsonSchema(document))
    for instance in instances:
        assert judge.accepts(instance) == validator.is_valid(instance), instance


@given(schema=SCHEMAS, definition=SCHEMAS, instances=st.lists(JSON, min_size=1, max_size=8))
@settings(max_examples=500, deadline=None)
def test_generated_schemas_agree_with_jsonschema(schema, definition, instances):
    assume(isinstance(schema, dict))
    assume("$ref" not in json.dumps(definition))
    document = {**schema, "$defs": {"d": definition}}
    validator = jsonschema.Draft202012Validator(document)
    constraint = JsonSchema(document, order="any")
    try:
        for instance in instances:
            assert accepts(constraint, json.dumps(instance)) == validator.is_valid(instance), instance
    except UnsatisfiableConstraint:
        assert not any(validator.is_valid(i) for i in instances)
    except UnsupportedSchema:
        assert '"uniqueItems": true' in json.dumps(schema) + json.dumps(
            definition
        )  # beside prefixItems with few values


@pytest.mark.parametrize(
    ("schema", "pointer", "keyword"),
    [
        ({"items": {"format": "idn-email"}}, "/items/format", "format"),
        ({"properties": {"a/b": {"format": "idn-email"}}}, "/properties/a~1b/format", "format"),
        (
            {"$ref": "#/$defs/x", "$defs": {"x": {"contains": {"format": "idn-email"}}}},
            "/$defs/x/contains/format",
            "format",
        ),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "/$schema", "$schema"),
    ],
)
def test_unsupported_keywords_are_named(schema, pointer, keyword):
    with pytest.raises(UnsupportedSchema) as caught:
        JsonSchema(schema).compile(BYTES)
    assert (caught.value.pointer, caught.value.keyword) == (pointer, keyword)


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [({"patternProperties": {"a/b?": {}}}, "/patternProperties/a~1b?"), ({"pattern": "never kept?"}, "/pattern")],
)
def test_patterns_that_cannot_be_enforced_are_named(schema, pointer, monkeypatch):
    def refuse(pattern: str, dialect: str) -> None:
        raise InvalidRegex(pattern, 0, "this is not supported")

    monkeypatch.setattr("guided.constraints.json_schema.outside.parse_pattern", refuse)
    with pytest.raises(UnsupportedSchema, match="position 0") as caught:
        JsonSchema(schema).compile(BYTES)
    assert (caught.value.pointer, caught.value.keyword) == (pointer, "pattern")


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "strin"}, "/type"),
        ({"type": []}, "/type"),
        ({"properties": []}, "/properties"),
        ({"properties": {"a": 5}}, "/properties"),
        ({"required": ["a", "a"]}, "/required"),
        ({"required": True}, "/required"),
        ({"minLength": -1}, "/minLength"),
        ({"maxItems": 1.5}, "/maxItems"),
        ({"minimum": "1"}, "/minimum"),
        ({"exclusiveMinimum": True}, "/exclusiveMinimum"),
        ({"$schema": D4, "exclusiveMinimum": 3}, "/exclusiveMinimum"),
        ({"items": [{}]}, "/items"),
        ({"anyOf": []}, "/anyOf"),
        ({"dependentRequired": {"a": "b"}}, "/dependentRequired"),
        ({"$schema": D7, "dependencies": {"a": 5}}, "/dependencies"),
        ({"contains": 5}, "/contains"),
        ({"multipleOf": 0}, "/multipleOf"),
        ({"not": 5}, "/not"),
        ({"minContains": -1}, "/minContains"),
        ({"not": {"$ref": "#"}}, ""),
        ({"anyOf": [{"enum": 5}]}, "/anyOf/0/enum"),
        ({"pattern": "("}, "/pattern"),
        ({"pattern": "(?P<a>b)"}, "/pattern"),
        ({"$ref": "#/$defs/nothing"}, "/$ref"),
        ({"$ref": "http://nowhere.test/x"}, "/$ref"),
        ({"$ref": 5}, "/$ref"),
        ({"$ref": "#"}, "/$ref"),
        ({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}}, "/properties/b/$ref"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, ""),
        ({"$schema": 5}, "/$schema"),
        ({"format": 5}, "/format"),
        ({"minimum": float("nan")}, "/minimum"),
        ({"enum": [{1, 2}]}, "/enum/0"),
        ('{"type": "string"', ""),
        ("[1]", ""),
        ('{"maximum": NaN}', ""),
        (b"\xff", ""),
    ],
)
def test_invalid_schemas_are_refused_with_their_place(schema, pointer):
    with pytest.raises(InvalidSchema) as caught:
        JsonSchema(schema).compile(BYTES)
    if schema != {"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}}:
        assert caught.value.pointer == pointer
    else:
        assert caught.value.pointer.endswith("/$ref")


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"allOf": [{"type": "null"}, {"type": "string"}]},
        {"enum": []},
        {"required": ["a"], "type": "object", "additionalProperties": False},
    ],
)
def test_what_nothing_satisfies(schema):
    with pytest.raises(UnsatisfiableConstraint):
        JsonSchema(schema).compile(BYTES)


def test_keywords_of_other_drafts_are_annotations():
    assert accepts(JsonSchema({"$schema": D4, "const": 5, "if": {}, "then": False, "contains": {}}), "6")
    assert accepts(JsonSchema({"$schema": D7, "prefixItems": [False], "dependentRequired": {"a": ["b"]}}), "[1]")
    assert accepts(JsonSchema({"additionalItems": False, "dependencies": {"a": ["b"]}}), '{"a": [1]}')
    assert not accepts(JsonSchema({"const": 5}, draft="6"), "6")
    assert JsonSchema({"const": 5}, draft="4") != JsonSchema({"const": 5}, draft="6")


def test_a_registry_gives_remote_schemas():
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    remote = Resource.from_contents({"$defs": {"n": {"type": "integer"}}}, default_specification=DRAFT202012)
    registry = Registry().with_resource("http://x.test/defs", remote)
    schema = {"properties": {"a": {"$ref": "http://x.test/defs#/$defs/n"}}}
    assert not accepts(JsonSchema(schema, registry=registry), '{"a": "x"}')
    with pytest.raises(InvalidSchema, match="never the network"):
        JsonSchema(schema).compile(BYTES)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"whitespace": "dumps"}, json.dumps({"a": [1, 2], "b": {}})),
        ({"whitespace": "compact"}, json.dumps({"a": [1, 2], "b": {}}, separators=(",", ":"))),
        ({"indent": 2}, json.dumps({"a": [1, 2], "b": {}}, indent=2)),
        ({"indent": 0}, json.dumps({"a": [1, 2], "b": {}}, indent=0)),
    ],
)
def test_layouts_are_those_of_json_dumps(options, text):
    assert accepts(JsonSchema({}, **options), text)
    assert accepts(JsonSchema({}), text)
    others = {json.dumps({"a": [1, 2], "b": {}}, indent=i) for i in (0, 1, 2)} | {
        '{"a": [1, 2], "b": {}}',
        '{"a":[1,2],"b":{}}',
    }
    assert [t for t in others - {text} if accepts(JsonSchema({}, **options), t)] == []


def test_order_of_keys():
    schema = {"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}
    swapped = '{"b": 1, "a": 2}'
    assert not accepts(JsonSchema(schema), swapped)
    assert accepts(JsonSchema(schema, order="any"), swapped)
    assert not accepts(JsonSchema(schema, order="any"), '{"a": 1, "a": 1, "b": 1}')


@pytest.mark.parametrize(
    "text",
    [
        r'["a", "\u0061"]',
        r'["/", "\/"]',
        r'["\ud83d\ude00", "😀"]',
        r'[{"a": 1}, {"\u0061": 1}]',
        "[1e2, 100]",
        "[100.0, 1E2]",
        "[0.10, 1e-1]",
    ],
)
def test_items_are_compared_by_value_and_not_by_spelling(text):
    assert accepts(JsonSchema({}), text)
    assert not accepts(JsonSchema({"uniqueItems": True}), text)
    assert accepts(JsonSchema({"uniqueItems": True}), text.rpartition(",")[0] + "]")


def test_the_mask_avoids_items_already_written():
    schema = {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "uniqueItems": True}
    matcher = JsonSchema(schema, whitespace="compact").compile(BYTES).matcher()
    assert matcher.accept_bytes(b"[true,")
    assert matcher.forced_bytes() == b"false]"
    with pytest.raises(UnsatisfiableConstraint):
        JsonSchema({**schema, "minItems": 3}).compile(BYTES)


def test_formats_can_be_annotations_and_unknown_ones_errors():
    assert accepts(JsonSchema({"format": "regex"}, formats="annotate"), '"("')
    with pytest.raises(UnsupportedSchema, match="colour"):
        JsonSchema({"format": "colour"}, unknown_formats="error").compile(BYTES)


@pytest.mark.parametrize("depth", [500, 3000])
def test_deep_schemas_need_no_stack(depth):
    schema: Any = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    constraint = JsonSchema(schema)
    hash(constraint)
    assert accepts(constraint, '{"a":' * depth + "1" + "}" * depth)


def test_a_deep_constant_needs_no_stack():
    value: Any = 1
    for _ in range(2000):
        value = [value]
    assert accepts(JsonSchema({"const": value}), "[" * 2000 + "1" + "]" * 2000)


def test_long_chains_of_references():
    definitions = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(3000)} | {"d3000": {"type": "null"}}
    assert accepts(JsonSchema({"$ref": "#/$defs/d0", "$defs": definitions}), "null")


def test_large_enums_and_lengths_are_quick():
    assert accepts(JsonSchema({"enum": [f"value{i}" for i in range(20_000)]}), '"value19999"')
    assert accepts(JsonSchema({"type": "string", "maxLength": 100_000}), json.dumps("x" * 100_000))


def test_limits():
    schema = {"properties": {f"k{i}": {"properties": {}} for i in range(50)}}
    with pytest.raises(ConstraintTooComplex, match="limit 20"):
        JsonSchema(schema).compile(BYTES, limits=Limits(max_schema_nodes=20))


def test_the_callers_schema_may_change_afterwards():
    schema = {"type": "integer"}
    constraint = JsonSchema(schema)
    schema["type"] = "string"
    assert accepts(constraint, "1")
    assert constraint != JsonSchema(schema)


def test_equal_schemas_are_compiled_once():
    first = JsonSchema({"type": "integer"}).compile(BYTES)
    assert JsonSchema('{"type": "integer"}') == JsonSchema({"type": "integer"})
    assert first.matcher() == JsonSchema(b'{"type": "integer"}').compile(BYTES).matcher()


@pytest.mark.parametrize(
    "options", [{"order": "random"}, {"whitespace": "none"}, {"indent": -1}, {"formats": "no"}, {"draft": "5"}]
)
def test_options_are_checked(options):
    with pytest.raises((ConstraintError, InvalidSchema)):
        JsonSchema({}, **options)


def test_other_sources_are_refused():
    with pytest.raises(ConstraintError, match=r"guided\.constraint"):
        JsonSchema(5)


def test_reading_instances():
    assert JsonSchema({}).parse('{"a": 1.5}') == {"a": 1.5}
    with pytest.raises(ConstraintError, match="not JSON"):
        JsonSchema({}).parse("{")


def test_compiling_leaves_nothing_to_the_garbage_collector():
    schema = {
        "properties": {"a": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/n"}]}, "b": {"enum": [1, "x", [2]]}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        "$defs": {"n": {"type": "integer", "minimum": 3, "not": {"const": 7}}},
    }
    JsonSchema(schema).compile(BYTES)
    gc.collect()
    gc.disable()
    try:
        JsonSchema({"title": "another", **schema}).compile(BYTES)
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("order", ["declared", "any"])
def test_the_shortest_way_on_is_known_at_every_byte_of_a_key(order):
    keys = ["abc", "abd", 'ä"\U0001f600\n', "x" * 40]
    grammar = JsonSchema(
        {"type": "object", "required": keys, "properties": {"abc": {"enum": [1]}}}, order=order
    ).compile(BYTES)
    for is_ascii in (False, True):
        text = json.dumps({"abc": 1, "abe": 0, **dict.fromkeys(keys[1:], 0)}, ensure_ascii=is_ascii).encode()
        for end in range(len(text)):
            matcher = grammar.matcher()
            assert matcher.accept_bytes(text[:end])
            way_out = matcher.shortest_completion()
            assert is_ascii or len(way_out) <= len(text) - end  # within an escape it may be a longer way
            assert matcher.accept_bytes(way_out), (text[:end], way_out)
            assert matcher.is_accepting
            assert set(json.loads(text[:end] + way_out)) >= set(keys)
