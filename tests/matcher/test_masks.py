"""A mask says exactly what accepting says, and whoever follows masks ends in a valid text."""

import json
import os
import random
import re
from fractions import Fraction

import jsonschema
import numpy as np
import pytest

import guided
from tests.matcher.cases import PATTERNS, SCHEMAS

# The full counts of the claim take minutes on the large vocabularies; GUIDED_THOROUGH=1 runs them.
THOROUGH = bool(os.environ.get("GUIDED_THOROUGH"))
STATES = {
    "one byte and merges": 1000,
    "sentencepiece 32k": 1000 if THOROUGH else 60,
    "tekken 131k": 1000 if THOROUGH else 24,
}


def constraints():
    out = {f"schema: {name}": guided.JsonSchema(schema) for name, schema in SCHEMAS.items()}
    out |= {f"schema, any order: {name}": guided.JsonSchema(schema, order="any") for name, schema in SCHEMAS.items()}
    out |= {f"schema, dumps: {name}": guided.JsonSchema(schema, whitespace="dumps") for name, schema in SCHEMAS.items()}
    out |= {f"regex: {pattern}": guided.Regex(pattern) for pattern in PATTERNS}
    out["sequence"] = guided.Seq(guided.Regex("[a-z]+"), ": ", guided.JsonSchema({"type": "array"}), "\n")
    out["alternatives"] = guided.JsonSchema({"type": "integer"}) | guided.Choice(["none", "nothing", "é"])
    out["repeat"] = guided.Repeat(guided.JsonSchema({"type": "string"}), 1, 3, "; ")
    return out


def bits(mask, size):
    return np.unpackbits(mask.view(np.uint8), bitorder="little")[:size].astype(bool)


def random_state(compiled, rng, max_steps=25):
    """A matcher some random tokens into a text; long tokens are preferred, they cross more borders."""
    matcher = compiled.matcher()
    for _ in range(rng.randrange(max_steps)):
        allowed = matcher.allowed_tokens()
        if len(allowed) == 0:
            break
        picks = [int(allowed[rng.randrange(len(allowed))]) for _ in range(3)]
        token = max(picks, key=lambda t: len(compiled.vocab.tokens[t] or b""))
        if token in compiled.vocab.eos_ids:
            break
        assert matcher.accept_token(token)
    return matcher


@pytest.mark.parametrize("name", list(STATES))
def test_each_bit_is_what_accepting_says(vocabularies, name):
    vocab = vocabularies[name]
    rng = random.Random(5)
    mask = np.zeros((vocab.size + 31) // 32, dtype=np.int32)
    everything = list(constraints().items())
    for i in range(STATES[name]):
        label, constraint = everything[i % len(everything)]
        matcher = random_state(constraint.compile(vocab), rng)
        matcher.fill_mask(mask)
        said = bits(mask, vocab.size)
        done = np.fromiter((matcher.fork().accept_token(t) for t in range(vocab.size)), dtype=bool, count=vocab.size)
        wrong = np.flatnonzero(said != done)
        assert wrong.size == 0, f"{label}: tokens {[vocab.tokens[t] for t in wrong[:5]]}, mask says {said[wrong[:5]]}"
        assert (matcher.mask_view() == mask).all()
        assert matcher.num_allowed() == said.sum()


def test_a_token_refused_as_a_key_and_as_an_item_is_counted_once():
    tokens = [None, *(bytes([b]) for b in range(256)), b'{"b":"b",{"a', b'"a":"b","a"', b'"a","a"', b'{"a":"b","a":1,']
    vocab = guided.Vocabulary(tokens, eos_ids={0})
    matcher = guided.JsonSchema({"type": "array", "uniqueItems": True}).compile(vocab).matcher()
    matcher.accept_bytes(b"[")
    assert bits(matcher.mask_view(), vocab.size).sum() == len(matcher.allowed_tokens()) == matcher.num_allowed()


def test_eos_is_allowed_exactly_where_the_text_is_complete(small_vocab):
    (eos,) = small_vocab.eos_ids
    rng = random.Random(6)
    for constraint in constraints().values():
        matcher = random_state(constraint.compile(small_vocab), rng)
        assert (eos in matcher.allowed_tokens()) == matcher.is_accepting
        ended = matcher.fork()
        assert ended.accept_token(eos) == matcher.is_accepting
        if ended.is_terminated:
            assert not ended.mask_view().any()


def walk(compiled, rng, max_tokens):
    """The text of random tokens under the mask, brought to an end by the shortest way."""
    matcher, out = compiled.matcher(), b""
    for _ in range(rng.randrange(max_tokens)):
        allowed = matcher.allowed_tokens()
        token = int(allowed[rng.randrange(len(allowed))])
        if token in compiled.vocab.eos_ids:
            assert matcher.is_accepting
            return out.decode()
        assert matcher.accept_token(token)
        out += compiled.vocab.tokens[token]
    rest = matcher.shortest_completion()
    assert matcher.accept_bytes(rest)
    assert matcher.is_accepting
    return (out + rest).decode()


def exactly(number):
    """6e632 is an integer, and no float."""
    value = Fraction(number)
    return int(value) if value.denominator == 1 else value


def without_repeats(pairs):
    assert len({k for k, _ in pairs}) == len(pairs), f"a key twice in {pairs}"
    return dict(pairs)


@pytest.mark.parametrize("order", ["declared", "any"])
def test_walks_through_schemas_end_in_valid_texts(small_vocab, order):
    rng = random.Random(7)
    per_schema = 4000 // len(SCHEMAS) + 1
    for name, schema in SCHEMAS.items():
        validator = jsonschema.Draft202012Validator(schema)
        compiled = guided.JsonSchema(schema, order=order).compile(small_vocab)
        for _ in range(per_schema):
            text = walk(compiled, rng, 30)
            assert validator.is_valid(json.loads(text, parse_float=exactly, object_pairs_hook=without_repeats)), (
                f"{name}: {text}"
            )


def test_walks_through_patterns_end_in_matches(small_vocab):
    rng = random.Random(8)
    per_pattern = 2000 // len(PATTERNS) + 1
    for pattern in PATTERNS:
        compiled = guided.Regex(pattern).compile(small_vocab)
        for _ in range(per_pattern):
            text = walk(compiled, rng, 20)
            assert re.fullmatch(pattern, text), f"{pattern}: {text!r}"


def test_forced_bytes_are_the_only_way(small_vocab):
    rng = random.Random(9)
    for label, constraint in constraints().items():
        matcher = random_state(constraint.compile(small_vocab), rng)
        if matcher.is_terminated:
            continue
        at = matcher.fork()
        for byte in matcher.forced_bytes():
            alive = [b for b in range(256) if at.fork().accept_bytes(bytes([b]))]
            assert alive == [byte], f"{label}: {alive} where {byte} is said to be forced"
            assert not at.is_accepting
            at.accept_bytes(bytes([byte]))


def test_a_matcher_is_a_value(small_vocab):
    compiled = guided.JsonSchema(SCHEMAS["flat object"]).compile(small_vocab)
    start = compiled.matcher()
    ahead = start.fork()
    assert ahead == start
    assert hash(ahead) == hash(start)
    assert ahead.accept_bytes(b'{"name"')
    assert ahead != start
    again = compiled.matcher()
    assert again.accept_bytes(b"{")
    assert again.accept_bytes(b'"name"')
    assert again == ahead
    assert not again.accept_bytes(b'"')
    assert again == ahead


def test_a_view_survives_its_matcher(small_vocab):
    matcher = guided.Regex("[ab]").compile(small_vocab).matcher()
    view = matcher.mask_view()
    expected = view.copy()
    matcher.accept_bytes(b"a")
    del matcher
    assert (view == expected).all()
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1


def test_a_prefix_comes_first_then_the_constraint(small_vocab):
    compiled = guided.Regex("//[a-z]+").compile(small_vocab)
    healed = compiled.matcher(prefix=b"http:")
    assert healed.forced_bytes() == b"http://"
    assert healed.accept_bytes(b"http://x")
    assert healed.is_accepting


def test_many_masks_at_once(small_vocab):
    compiled = guided.Regex("a(b|c)").compile(small_vocab)
    first, second = compiled.matcher(), compiled.matcher()
    second.accept_bytes(b"a")
    out = np.zeros((2, (small_vocab.size + 31) // 32), dtype=np.int32)
    guided.fill_masks([first, second], out)
    assert (out[0] == first.mask_view()).all()
    assert (out[1] == second.mask_view()).all()
    with pytest.raises(ValueError, match="one row"):
        guided.fill_masks([first], out)


def test_a_mask_of_the_wrong_size_is_refused(small_vocab):
    with pytest.raises(ValueError, match="mask must be int32"):
        guided.Regex("a").compile(small_vocab).matcher().fill_mask(np.zeros(1, dtype=np.int32))
