"""References of every kind: what is static, what depends on the way taken, dialects and vocabularies."""

from __future__ import annotations

import collections
import itertools
import json
import random
import time
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from guided import _native
from guided.constraints import JsonSchema, Limits
from guided.errors import ConstraintTooComplex, InvalidSchema, UnsupportedSchema

from .conftest import BYTES, accepts
from .judge import NodeJudge

D2019 = "https://json-schema.org/draft/2019-09/schema"
LIST = {
    "$id": "list",
    "type": "array",
    "items": {"$dynamicRef": "#item"},
    "$defs": {"any": {"$dynamicAnchor": "item"}},
}


def list_of(name: str, kind: str) -> dict[str, Any]:
    return {"$id": name, "$ref": "list", "$defs": {"mine": {"$dynamicAnchor": "item", "type": kind}}}


TREE_2019 = {
    "$id": "tree",
    "$recursiveAnchor": True,
    "type": "object",
    "properties": {"data": True, "children": {"type": "array", "items": {"$recursiveRef": "#"}}},
}

# schema, accepted instances, refused instances
CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "within one resource it is a $ref": (
        {"items": {"$dynamicRef": "#x"}, "$defs": {"d": {"$dynamicAnchor": "x", "type": "integer"}}},
        [[1], []],
        [["a"]],
    ),
    "a pointer is a $ref": (
        {"items": {"$dynamicRef": "#/$defs/d"}, "$defs": {"d": {"type": "integer"}}},
        [[1]],
        [["a"]],
    ),
    "the outermost anchor wins": (
        {
            "$id": "http://x.test/root",
            **list_of("http://x.test/root", "string"),
            "$defs": {
                "mine": {"$dynamicAnchor": "item", "type": "string"},
                "list": LIST,
            },
        },
        [["a"]],
        [[1], "a"],
    ),
    "two ways to one list": (
        {
            "$id": "http://x.test/root",
            "properties": {"n": {"$ref": "numbers"}, "s": {"$ref": "strings"}, "a": {"$ref": "list"}},
            "$defs": {"l": LIST, "n": list_of("numbers", "number"), "s": list_of("strings", "string")},
        },
        [{"n": [1], "s": ["a"], "a": [1, "a"]}],
        [{"n": ["a"]}, {"s": [1]}, {"n": [1, "a"]}],
    ),
    "the way back forgets": (
        {
            "$id": "http://x.test/root",
            "allOf": [{"$ref": "strings"}, {"$ref": "list"}],
            "$defs": {"l": LIST, "s": list_of("strings", "string")},
        },
        [["a"]],
        [[1]],
    ),
    "a $ref to a dynamic anchor is static": (
        {
            "$id": "http://x.test/root",
            "$ref": "other",
            "$defs": {
                "mine": {"$dynamicAnchor": "item", "type": "string"},
                "o": {
                    "$id": "other",
                    "items": {"$ref": "#item"},
                    "$defs": {"theirs": {"$dynamicAnchor": "item", "type": "integer"}},
                },
            },
        },
        [[1]],
        [["a"]],
    ),
    "strict tree": (
        {
            "$id": "http://x.test/strict",
            "$dynamicAnchor": "node",
            "$ref": "tree",
            "unevaluatedProperties": False,
            "$defs": {
                "t": {
                    "$id": "tree",
                    "$dynamicAnchor": "node",
                    "properties": {"data": True, "children": {"items": {"$dynamicRef": "#node"}}},
                }
            },
        },
        [{"children": [{"data": 1, "children": [{"data": {"any": 1}}]}]}],
        [{"children": [{"daat": 1}]}, {"children": [{"children": [{"x": 1}]}]}, {"x": 1}],
    ),
    "beside other keywords": (
        {"$dynamicRef": "#n", "maximum": 5, "$defs": {"n": {"$dynamicAnchor": "n", "type": "integer"}}},
        [5],
        [6, "a", 1.5],
    ),
    "$recursiveRef without an anchor is a $ref": (
        {"$schema": D2019, "properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": False},
        [{"a": {"a": {}}}],
        [{"a": {"b": 1}}],
    ),
    "$recursiveRef finds the outermost": (
        {
            "$schema": D2019,
            "$id": "http://x.test/strict",
            "$recursiveAnchor": True,
            "$ref": "tree",
            "unevaluatedProperties": False,
            "$defs": {"t": TREE_2019},
        },
        [{"children": [{"data": 1}]}],
        [{"children": [{"daat": 1}]}, {"daat": 1}],
    ),
    "$recursiveRef stops where the outer has no anchor": (
        {
            "$schema": D2019,
            "$id": "http://x.test/strict",
            "$ref": "tree",
            "unevaluatedProperties": False,
            "$defs": {"t": TREE_2019},
        },
        [{"children": [{"daat": 1}]}],
        [{"daat": 1}, {"children": [1]}],
    ),
    "$recursiveRef to a root without an anchor": (
        {
            "$schema": D2019,
            "$id": "http://x.test/outer",
            "$recursiveAnchor": True,
            "anyOf": [{"type": "boolean"}, {"$ref": "inner"}],
            "$defs": {
                "i": {
                    "$id": "inner",
                    "anyOf": [{"type": "integer"}, {"type": "object", "additionalProperties": {"$recursiveRef": "#"}}],
                }
            },
        },
        [True, 1, {"a": 1}, {"a": {"b": 2}}],
        [{"a": True}, "x"],
    ),
    "$recursiveRef that depends on the instance": (
        {
            "$schema": D2019,
            "$id": "http://x.test/main",
            "if": {"required": ["k"]},
            "then": {"$ref": "integers"},
            "else": {"$ref": "strings"},
            "$defs": {
                "n": {"$id": "inner", "$recursiveAnchor": True, "additionalProperties": {"$recursiveRef": "#"}},
                "i": {"$id": "integers", "$recursiveAnchor": True, "type": ["object", "integer"], "$ref": "inner"},
                "s": {"$id": "strings", "$recursiveAnchor": True, "type": ["object", "string"], "$ref": "inner"},
            },
        },
        [{"k": 1}, {"a": "x"}, {"a": {"k": "x"}}, {"k": {"a": 2}}],
        [{"k": "x"}, {"a": 1}, {"k": {"a": "x"}}, {"a": {"k": 1}}],
    ),
    "keywords of other drafts": (
        {"$schema": D2019, "$dynamicRef": "#nowhere", "properties": {"a": {"$dynamicAnchor": "x"}}},
        [1, {"a": 1}],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_dynamic_references(name):
    schema, good, bad = CASES[name]
    constraint = JsonSchema(schema, order="any")
    assert [i for i in good if not accepts(constraint, json.dumps(i))] == []
    assert [i for i in bad if accepts(constraint, json.dumps(i))] == []


def test_the_metaschema_describes_schemas():
    schema = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    constraint = JsonSchema(schema, order="any", formats="annotate")
    texts = [
        {"type": "object", "properties": {"a": {"anyOf": [{"minimum": 1}, {"not": {"items": {"type": "null"}}}]}}},
        {"properties": {"a": {"anyOf": [{"minimum": "1"}]}}},
        {"$defs": {"x": {"prefixItems": [{"type": "nul"}]}}},
        {"allOf": []},
        {"dependentRequired": {"a": ["b"]}, "uniqueItems": True},
        True,
        5,
    ]
    validator = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    assert [accepts(constraint, json.dumps(t)) for t in texts] == [validator.is_valid(t) for t in texts]


def test_every_way_is_lowered_once():
    names = [f"r{i}" for i in range(12)]
    schema = {
        "$id": "http://x.test/root",
        "properties": {n: {"$ref": n} for n in names},
        "$defs": {n: list_of(n, kind) for n, kind in zip(names, itertools.cycle(["string", "number"]), strict=False)}
        | {"l": LIST},
    }
    constraint = JsonSchema(schema)
    assert accepts(constraint, '{"r0": ["a"], "r1": [1], "r10": ["b"]}')
    assert not accepts(constraint, '{"r11": ["a"]}')
    constraint.compile(BYTES, limits=Limits(max_schema_nodes=60))
    with pytest.raises(ConstraintTooComplex):
        constraint.compile(BYTES, limits=Limits(max_schema_nodes=20))


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$dynamicRef": "#x"}, "/$dynamicRef"),
        ({"$dynamicRef": 5}, "/$dynamicRef"),
        ({"$ref": "#nowhere"}, "/$ref"),
        ({"items": {"$dynamicRef": "http://nowhere.test/x#y"}}, "/items/$dynamicRef"),
        ({"$schema": D2019, "$recursiveRef": "#/$defs/x"}, "/$recursiveRef"),
        ({"$schema": D2019, "$recursiveRef": "#"}, ""),
        ({"$dynamicAnchor": "x", "$dynamicRef": "#x"}, ""),
    ],
)
def test_references_to_nothing_or_to_themselves(schema, pointer):
    with pytest.raises(InvalidSchema) as caught:
        JsonSchema(schema).compile(BYTES)
    assert caught.value.pointer == pointer


def _registry(**contents: Any) -> Any:
    return Registry().with_resources(
        (f"http://x.test/{name}", Resource.from_contents(c, default_specification=DRAFT202012))
        for name, c in contents.items()
    )


def test_a_schema_of_another_draft_is_refused():
    remote = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    with pytest.raises(UnsupportedSchema, match="another draft"):
        JsonSchema({"$ref": "http://x.test/old"}, registry=_registry(old=remote)).compile(BYTES)
    assert not accepts(JsonSchema({"$ref": "http://x.test/old"}, registry=_registry(old=remote), draft="7"), '["a"]')


def test_an_explicit_draft_holds_for_the_whole_document():
    inner = {"$schema": D2019, "$id": "inner", "prefixItems": [{"type": "integer"}]}
    schema = {"$schema": D2019, "$id": "http://x.test/outer", "$ref": "inner", "$defs": {"i": inner}}
    assert accepts(JsonSchema(schema), '["a"]')  # 2019-09 has no prefixItems
    assert not accepts(JsonSchema(schema, draft="2020-12"), '["a"]')


VOCABULARIES = "https://json-schema.org/draft/2020-12/vocab/"


def test_keywords_of_vocabularies_that_are_left_out_are_annotations():
    meta = {
        "$id": "http://x.test/meta",
        "$vocabulary": {VOCABULARIES + "core": True, VOCABULARIES + "applicator": True},
    }
    schema = {
        "$schema": "http://x.test/meta",
        "oneOf": [{"type": "string"}, False],
        "properties": {"a": {"minimum": 10}, "b": False},
        "required": "not even a list",
        "unevaluatedProperties": False,
    }
    constraint = JsonSchema(schema, registry=_registry(meta=meta))
    assert accepts(constraint, '{"a": 1, "c": 2}')
    assert accepts(constraint, "5")
    assert not accepts(constraint, '{"b": 1}')
    with pytest.raises(InvalidSchema):
        JsonSchema(schema).compile(BYTES)
    with pytest.raises(UnsupportedSchema, match="references beyond"):
        JsonSchema({**schema, "$ref": "http://x.test/other"}, registry=_registry(meta=meta, other={})).compile(BYTES)


def test_one_of_is_not_told_apart_by_what_is_only_an_annotation():
    meta = {"$vocabulary": {VOCABULARIES + "applicator": True}}
    schema = {"$schema": "http://x.test/meta", "items": {"oneOf": [{"type": "string"}, {"type": "null"}]}}
    constraint = JsonSchema(schema, registry=_registry(meta=meta))
    assert accepts(constraint, "[]")
    assert not accepts(constraint, '["a"]')


def test_a_vocabulary_that_is_required_and_unknown_is_refused():
    meta = {"$vocabulary": {VOCABULARIES + "validation": True, "http://x.test/mine": False}}
    schema = {"$schema": "http://x.test/meta", "type": "integer"}
    assert not accepts(JsonSchema(schema, registry=_registry(meta=meta)), '"a"')
    meta["$vocabulary"]["http://x.test/mine"] = True
    with pytest.raises(UnsupportedSchema, match="mine"):
        JsonSchema(schema, registry=_registry(meta=meta)).compile(BYTES)


def _ring(size: int, **more: Any) -> dict[str, Any]:
    """Resources that refer to the next, each an entrance of its own."""
    ring = {
        f"d{i}": {"$id": f"d{i}", "type": "object", "properties": {"a": {"$ref": f"d{(i + 1) % size}"}}, **more}
        for i in range(size)
    }
    return {"$id": "http://x.test/", "properties": {f"p{i}": {"$ref": f"d{i}"} for i in range(size)}, "$defs": ring}


def test_many_resources_are_found_in_one_walk():
    started = time.process_time()
    assert not accepts(JsonSchema(_ring(500)), '{"p7": {"a": {"a": 1}}}')
    assert time.process_time() - started < 2  # 20 s, when each reference walked the document


def test_too_many_dynamic_scopes_are_refused_soon():
    started = time.process_time()
    with pytest.raises(ConstraintTooComplex, match="dynamic scopes"):
        JsonSchema(_ring(400, additionalProperties={"$dynamicRef": "#x"}, **{"$dynamicAnchor": "x"})).compile(BYTES)
    assert time.process_time() - started < 2


def _random_part(rng: random.Random, depth: int, *, is_anchored: bool) -> dict[str, Any]:
    kind = rng.choice(["type", "ref", "properties", "items", "anyOf"] + ([] if is_anchored else ["dynamic"] * 2))
    if kind == "type" or depth == 0:
        return {"type": rng.choice(["string", "integer", "null", "boolean", "object", "array"])}
    if kind == "ref":
        return {"$ref": rng.choice(["r1", "r2", "r3"])}
    if kind == "dynamic":
        return {"$dynamicRef": rng.choice(["#x", "#y"])}
    part = [_random_part(rng, depth - 1, is_anchored=is_anchored) for _ in range(2)]
    return {kind: {"properties": dict(zip("ab", part, strict=True)), "items": part[0], "anyOf": part}[kind]}


def _random_resource(rng: random.Random, name: str) -> dict[str, Any]:
    # what is anchored refers to no anchor: jsonschema resolves that from the wrong resource after a $dynamicRef
    keywords = {name: rng.choice(["$anchor", "$dynamicAnchor", "$dynamicAnchor"]) for name in "xy"}
    anchors = {n: {k: n, **_random_part(rng, 1, is_anchored=True)} for n, k in keywords.items()}
    return {**_random_part(rng, 2, is_anchored=False), "$id": name, "$defs": anchors}


def _random_value(rng: random.Random, depth: int) -> Any:
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(["s", 1, None, True])
    if rng.random() < 0.6:
        return {k: _random_value(rng, depth - 1) for k in rng.sample("ab", rng.randint(0, 2))}
    return [_random_value(rng, depth - 1) for _ in range(rng.randint(0, 2))]


def test_random_scopes_are_judged_as_by_jsonschema():
    rng = random.Random(5)
    verdicts: collections.Counter[bool] = collections.Counter()
    for _ in range(600):
        schema = _random_resource(rng, "http://x.test/root")
        schema["$defs"] |= {name: _random_resource(rng, name) for name in ("r1", "r2", "r3")}
        try:
            judge = NodeJudge(JsonSchema(schema))
        except InvalidSchema:
            continue  # it applies itself to the same value
        validator = jsonschema.Draft202012Validator(schema)
        for value in [_random_value(rng, 3) for _ in range(8)]:
            verdict = judge.accepts(value)
            assert verdict == validator.is_valid(value), (schema, value)
            verdicts[verdict] += 1
    assert min(verdicts[True], verdicts[False]) > 500


@pytest.mark.parametrize(
    ("schema", "is_plain"),
    [
        pytest.param({"enum": [{"$ref": "a"}]}, True, id="a constant that looks like a reference"),
        pytest.param({"properties": {"enum": {"$ref": "a"}}}, False, id="a property of that name"),
        pytest.param({"enum": [{"$ref": "a"}], "not": {"$ref": "#/enum/0"}}, False, id="a reference to a constant"),
        pytest.param({"enum": [{"$ref": "a"}], "not": {"$ref": "#/%65num/0"}}, False, id="the same, escaped"),
        pytest.param(
            {"enum": [{"$ref": "a"}], "not": {"$ref": "#/$defs/enum"}}, True, id="a reference to what only has the name"
        ),
        pytest.param({"enum": [{"$ref": "a"}], "not": {"$ref": "#/a/%5B-_%5D"}}, True, id="an escaped reference"),
        pytest.param({"items": {"$id": "x", "type": "null"}}, True, id="an identifier that nothing needs"),
        pytest.param({"items": {"$id": "x"}, "not": {"$ref": "#/items"}}, True, id="a reference outside of it"),
        pytest.param({"items": {"$id": "x", "not": {"$ref": "#"}}}, False, id="a reference inside of it"),
        pytest.param({"items": [{"$id": "x", "a": [{"$ref": "#/a"}]}]}, False, id="deep inside of it"),
        pytest.param({"$id": "x", "items": {"$ref": "#/a"}}, True, id="an identifier of the whole"),
        pytest.param({"items": {"$id": "x", "$schema": "y"}}, False, id="another draft"),
    ],
)
def test_where_base_uris_matter(schema, is_plain):
    """Where they do not, references are followed in the core, without the library for them."""
    assert _native.freeze(schema).is_plain(2020) == is_plain


def test_a_reference_to_a_constant_is_read_as_a_schema():
    with pytest.raises(InvalidSchema):
        JsonSchema({"enum": [{"$ref": "a"}], "not": {"$ref": "#/enum/0"}}).compile(BYTES)
