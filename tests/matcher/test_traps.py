"""The traps that other engines fell into, each by its name (see docs/schema.md)."""

import json
import re

import numpy as np
import pytest

import guided


def accepts(constraint, text, vocab):
    matcher = constraint.compile(vocab).matcher()
    return matcher.accept_bytes(text if isinstance(text, bytes) else text.encode()) and matcher.is_accepting


@pytest.fixture
def schema_accepts(small_vocab):
    return lambda schema, text, **options: accepts(guided.JsonSchema(schema, **options), text, small_vocab)


def test_combinators_keep_their_siblings(schema_accepts):
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    assert schema_accepts(schema, '{"a":1}')
    assert not schema_accepts(schema, '{"a":"x"}')
    assert not schema_accepts(schema, '{"c":1}')


def test_required_without_properties_is_enforced(schema_accepts):
    assert not schema_accepts({"type": "object", "required": ["x"]}, "{}")
    assert schema_accepts({"type": "object", "required": ["x"]}, '{"y":1,"x":2}')


def test_a_declared_key_never_comes_back_as_an_extra_one(schema_accepts):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"}}
    assert schema_accepts(schema, '{"b":"x"}')
    assert not schema_accepts(schema, '{"a":"x"}')
    assert not schema_accepts(schema, '{"b":"x","a":"x"}')
    assert not schema_accepts(schema, '{"\\u0061":"x"}')


def test_excluded_keys_are_pruned_along_their_path(small_vocab):
    """Blocked at the closing quote only, a model would be driven into escapes of a key that may not come."""
    closed = {"type": "object", "properties": {"ab": True, "cd": True}, "additionalProperties": False}
    matcher = guided.JsonSchema(closed).compile(small_vocab).matcher()
    assert matcher.accept_bytes(b'{"ab":1')
    assert not matcher.fork().accept_bytes(b',"a')
    assert matcher.accept_bytes(b',"cd":1')
    assert not matcher.accept_bytes(b",")
    names = {"type": "object", "propertyNames": {"enum": ["ab"]}}
    matcher = guided.JsonSchema(names, order="any").compile(small_vocab).matcher()
    assert matcher.accept_bytes(b'{"')
    alive = {chr(b) for b in range(256) if matcher.fork().accept_bytes(bytes([b]))}
    assert alive == {"a", "\\"}  # the escape spells the same character
    assert matcher.accept_bytes(b'ab":1')
    assert not matcher.accept_bytes(b",")


def test_a_buffer_that_the_caller_changes_changes_no_other_mask(small_vocab):
    matcher = guided.Regex("[ab]c").compile(small_vocab).matcher()
    out = np.zeros((small_vocab.size + 31) // 32, dtype=np.int32)
    matcher.fill_mask(out)
    before = out.copy()
    out[:] = -1
    tokens = matcher.allowed_tokens()
    tokens[:] = 7
    assert (matcher.mask_view() == before).all()
    assert (matcher.fork().mask_view() == before).all()
    assert (
        matcher.allowed_tokens().tolist()
        == np.flatnonzero(np.unpackbits(before.view(np.uint8), bitorder="little")).tolist()
    )


def test_a_grammar_belongs_to_its_vocabulary(small_vocab):
    other = guided.Vocabulary([None, *(bytes([b]) for b in range(255, -1, -1))], eos_ids={0})
    constraint = guided.Regex("[ab]")
    here, there = constraint.compile(small_vocab).matcher(), constraint.compile(other).matcher()
    assert {small_vocab.tokens[t] for t in here.allowed_tokens()} == {b"a", b"b"}
    assert {other.tokens[t] for t in there.allowed_tokens()} == {b"a", b"b"}
    assert here != there


def test_exclusive_minimum_is_a_flag_in_draft_4(schema_accepts):
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    assert schema_accepts(schema, "4")
    assert not schema_accepts(schema, "3")
    assert schema_accepts({**schema, "exclusiveMinimum": False}, "3")


def test_siblings_of_ref_count_since_2019_only(schema_accepts):
    schema = {"definitions": {"s": {"type": "string"}}, "$ref": "#/definitions/s", "maxLength": 1}
    assert schema_accepts({**schema, "$schema": "http://json-schema.org/draft-07/schema#"}, '"ab"')
    assert not schema_accepts({**schema, "$schema": "https://json-schema.org/draft/2019-09/schema"}, '"ab"')


def test_duplicate_keys_are_refused_in_every_spelling(schema_accepts):
    for text in ['{"k":1,"k":2}', '{"k":1,"\\u006b":2}', '{"é":1,"\\u00e9":2}']:
        assert not schema_accepts({"type": "object"}, text)
        assert not schema_accepts({"type": "object"}, text, order="any")
    assert schema_accepts({"type": "object"}, '{"k":{"k":1},"kk":2}')


def test_a_token_that_holds_a_whole_duplicate_key_is_masked(small_vocab):
    token = small_vocab.tokens.index(b'"a":1,"a":')
    for order in ("declared", "any"):
        matcher = guided.JsonSchema({"type": "object"}, order=order).compile(small_vocab).matcher()
        assert matcher.accept_bytes(b"{")
        assert token not in matcher.allowed_tokens()
        assert not matcher.accept_token(token)


def test_bounded_strings_keep_escapes_and_refuse_control_bytes(schema_accepts):
    schema = {"type": "string", "maxLength": 2, "minLength": 2}
    for good in ['"ab"', '"\\n\\u0041"', '"é😀"', '"\\ud83d\\ude00x"', '"\\"\\\\"']:
        assert schema_accepts(schema, good), good
    for bad in ['"a"', '"abc"', '"a\nb"', '"\\ud83d\\ude00"', '"a\tb"', '"\\ud83dx"', '"\\x41b"']:
        assert not schema_accepts(schema, bad), bad


def test_repeats_have_no_cliff(small_vocab):
    for count in (1, 127, 128, 129, 1000, 100_000):
        constraint = guided.Regex(f"x{{1,{count}}}")
        assert accepts(constraint, "x" * count, small_vocab)
        assert not accepts(constraint, "x" * (count + 1), small_vocab)


@pytest.mark.parametrize("inner", ["*", "+", "?", "{2,}", "{0,2}"])
@pytest.mark.parametrize("outer", ["*", "+", "?", "{2,}", "{0,2}", "{3}"])
def test_repeats_of_repeats_multiply(small_vocab, inner, outer):
    pattern = f"(?:x{inner}){outer}"
    compiled = guided.Regex(pattern).compile(small_vocab)
    for count in range(9):
        matcher = compiled.matcher()
        accepted = matcher.accept_bytes(b"x" * count) and matcher.is_accepting
        assert accepted == bool(re.fullmatch(pattern, "x" * count)), (pattern, count)


def test_patterns_are_searched(schema_accepts):
    assert schema_accepts({"type": "string", "pattern": "b"}, '"abc"')
    assert not schema_accepts({"type": "string", "pattern": "^b"}, '"abc"')
    assert schema_accepts({"type": "string", "pattern": "c$"}, '"abc"')


@pytest.mark.parametrize(
    ("schema", "inside", "outside"),
    [
        (
            {"minimum": -4, "maximum": 4},
            ["-0.5", "-4", "4", "0", "-0", "3.99", "-4.0"],
            ["-4.1", "4.01", "5", "-40", "1e1"],
        ),
        ({"minimum": 1, "maximum": 5}, ["1", "5.0", "4.7", "1.0"], ["5.7", "0.99", "-3", "10"]),
        (
            {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ["0.5", "1e-07", "0.000001"],
            ["0", "1", "1.0", "-0.5", "0.0"],
        ),
        ({"minimum": 1e21}, ["1e+21", "1e+22", "1.5e+300", "1000000000000000000000"], ["1e+20", "999", "-1e+22"]),
    ],
)
def test_numbers_are_compared_by_value(schema_accepts, schema, inside, outside):
    for text in inside:
        assert schema_accepts({"type": "number", **schema}, text), text
    for text in outside:
        assert not schema_accepts({"type": "number", **schema}, text), text


def test_const_and_enum_compare_by_value(schema_accepts):
    assert schema_accepts({"const": 1}, "1.0")
    assert schema_accepts({"const": 1.0}, "1")
    assert not schema_accepts({"const": 1}, "true")
    assert not schema_accepts({"const": False}, "0")
    assert schema_accepts({"const": {"a": 1, "b": 2}}, '{"b":2,"a":1}', order="any")
    assert schema_accepts({"enum": ["é"]}, '"\\u00E9"')


def test_property_names_are_escaped(schema_accepts):
    schema = {
        "type": "object",
        "properties": {'a"b\\': {"type": "integer"}},
        "additionalProperties": False,
        "required": ['a"b\\'],
    }
    assert schema_accepts(schema, json.dumps({'a"b\\': 1}))
    assert not schema_accepts(schema, '{"a"b\\":1}')


def test_uncommon_tokens_are_allowed_too(small_vocab):
    """A mask is not restricted to how a tokenizer would cut the text."""
    matcher = guided.Choice(["true"]).compile(small_vocab).matcher()
    allowed = {small_vocab.tokens[t] for t in matcher.allowed_tokens()}
    assert allowed == {b"t", b"true"}


def test_the_state_inside_a_character_is_part_of_the_mask(small_vocab):
    compiled = guided.Regex("[é😀]+").compile(small_vocab)
    first, second = compiled.matcher(), compiled.matcher()
    assert first.accept_bytes("é".encode()[:1])
    assert second.accept_bytes("😀".encode()[:1])
    assert first != second
    assert not (first.mask_view() == second.mask_view()).all()


def test_white_space_is_bounded(schema_accepts):
    assert schema_accepts({"type": "array"}, "[ \n\t 1 , 2 ]")
    assert not schema_accepts({"type": "array"}, "[" + " " * 10_000 + "]")


def test_references_with_escapes(schema_accepts):
    schema = {"$defs": {"a/b~c d": {"type": "integer"}}, "items": {"$ref": "#/$defs/a~1b~0c%20d"}, "type": "array"}
    assert schema_accepts(schema, "[1]")
    assert not schema_accepts(schema, '["1"]')


def test_a_vocabulary_without_needed_bytes_says_so():
    vocab = guided.Vocabulary([b"a", b"b", None], eos_ids={2})
    matcher = guided.Regex("ac").compile(vocab).matcher()
    assert matcher.accept_token(0)
    with pytest.raises(guided.UnsatisfiableConstraint, match="vocabulary"):
        matcher.fill_mask(np.zeros(1, dtype=np.int32))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]}},
        },
        {"type": "array", "minItems": 2, "prefixItems": [{}], "items": False},
        {"enum": [1, 2], "type": "string"},
        False,
    ],
)
def test_what_nothing_satisfies_is_said_at_compile(small_vocab, schema):
    with pytest.raises(guided.UnsatisfiableConstraint):
        guided.JsonSchema(schema).compile(small_vocab)


@pytest.mark.parametrize(
    ("schema", "shortest"),
    [
        ({"contains": {"enum": [1, 2]}, "minContains": 2, "maxItems": 2}, b"[1,2]"),
        ({"contains": {"minimum": 100}, "minItems": 4}, b'[0,1,2,""]'),
        ({"contains": True, "minContains": 3}, b"[0,1,2]"),
        ({"items": {"contains": {"type": "array"}, "minContains": 2, "uniqueItems": True}, "minItems": 1}, b"[0]"),
    ],
)
def test_items_that_differ_are_counted_as_different_ones(small_vocab, schema, shortest):
    schema = {"type": "array", "uniqueItems": True, **schema}
    matcher = guided.JsonSchema(schema).compile(small_vocab).matcher()
    rest = matcher.shortest_completion()
    assert len(rest) == len(shortest)
    for cut in range(len(rest)):
        at = matcher.fork()
        assert at.accept_bytes(rest[:cut])
        assert at.accept_bytes(at.shortest_completion())
        assert at.is_accepting


@pytest.mark.parametrize(
    "schema",
    [
        {"contains": {"const": 1}, "minContains": 2},
        {"contains": {"const": 1}, "items": {"const": 1.0}, "minItems": 2},
        {"contains": {"type": "boolean"}, "minContains": 3},
    ],
)
def test_too_few_values_to_differ_are_found_at_compile(small_vocab, schema):
    with pytest.raises(guided.UnsatisfiableConstraint):
        guided.JsonSchema({"type": "array", "uniqueItems": True, **schema}).compile(small_vocab)


def test_an_integer_of_draft_4_is_one_by_its_spelling(schema_accepts):
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "enum": [100, 2.0]}
    assert schema_accepts(schema, "100")
    assert schema_accepts(schema, "2")
    for text in ("1e+2", "100.0", "2.0", "2e0"):
        assert not schema_accepts(schema, text), text


def test_hostile_patterns_are_answered(small_vocab):
    assert accepts(guided.Regex("(" * 30_000 + "a" + ")" * 30_000), "a", small_vocab)
    assert not accepts(guided.Regex("(a+)+b"), "a" * 5000, small_vocab)
    many = guided.JsonSchema({"enum": [f"value {i}" for i in range(100_000)]})
    assert accepts(many, '"value 99999"', small_vocab)
    assert not accepts(many, '"value 100000"', small_vocab)


def test_deeply_nested_values_and_schemas(small_vocab):
    depth = 500
    assert accepts(guided.JsonSchema({}), "[" * depth + "]" * depth, small_vocab)
    schema = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    constraint = guided.JsonSchema(schema)
    assert accepts(constraint, '{"a":' * depth + "1" + "}" * depth, small_vocab)
    assert constraint.compile(small_vocab).matcher().shortest_completion() == b'{"a":' * depth + b"0" + b"}" * depth
