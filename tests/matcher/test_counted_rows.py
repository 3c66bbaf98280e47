"""Rows of strings with bounds are cut from rows without them: every bit must still be what accepting says."""

import itertools
import random

import numpy as np
import pytest

import guided

from .test_masks import bits

WORDS = [
    " ",
    "  ",
    "a",
    "b",
    "ab",
    "a b",
    " a",
    "b ",
    " a b",
    "a b a",
    " b a b",
    "a b a b a b",
    " a b a b a b a",
    "aaaaaaaa",
    "a" * 40,
    " " * 20,
]
ENDS = [
    '"',
    'a"',
    ' "',
    'b a"',
    '",',
    'a",',
    'a b a b a b"',
    "a" * 12 + '"',
    '":',
    'a":"',
    '":"',
    '","',
    '"",',
    'b":"a","',
]
ESCAPES = [
    "\\",
    "\\u",
    "\\u0",
    "\\u00",
    "\\u006",
    "u0061",
    "\\u0061",
    "\\t",
    "a\\",
    "b\\t",
    "\\ud83d",
    "\\ud83d\\",
    "\\ude00",
    "a\\u00",
    "\\n a",
]
BYTES = [bytes([b]) for b in (*range(0x20, 0x7F), 0x80, 0xA9, 0xC3, 0xF0, 0x9F, 0x98)]
TOKENS = [text.encode() for text in [*WORDS, *ENDS, *ESCAPES, "é", "aé", "é ", "😀"]] + [
    b"a\xc3",
    b" \xf0\x9f",
    b"\xa9a",
    *BYTES,
]
VOCAB = guided.Vocabulary([*dict.fromkeys(TOKENS), None], eos_ids={len(set(TOKENS))})

PATTERNS = [
    r"^(?:\S+\s+){0,9}\S+$",
    r"^(?:\S+\s+){0,49}\S+$",
    r"^$|(^(?:\S+\s+){0,29}\S+$)",
    r"^(?:[ab]{2} ?){0,12}$",
    r"^(?:ab|a b){1,7}$",
    r"^(?:(?:a b){0,6}|(?:[^a] ){1,8})+$",
    r"^(?:(?:aa){0,5}b ){0,20}\S$",
    r"^[^ab]*(?:a.b){0,30}$",
    r"^(?:a{3,9}(?:b b)?){1,11}$",
]
BOUNDS = [
    {},
    {"maxLength": 3},
    {"maxLength": 9},
    {"maxLength": 17},
    {"maxLength": 33},
    {"maxLength": 60},
    {"minLength": 5, "maxLength": 41},
]


KEYS = [
    {"patternProperties": {"^[ab ]{1,9}$": {"type": "string"}}, "additionalProperties": False},
    {"patternProperties": {"^[ab ]{1,40}$": {"type": "string"}}},
    {"propertyNames": {"maxLength": 6}, "additionalProperties": {"type": "string"}},
    {"propertyNames": {"pattern": r"^(?:\S+\s+){0,9}\S+$", "maxLength": 30}, "maxProperties": 2},
    {
        "properties": {"ab": {"const": "a"}, "aab a": {"maxLength": 4}},
        "patternProperties": {"^[ab]{2,12}$": {"maxLength": 7}},
        "additionalProperties": False,
    },
    {"patternProperties": {"^a{1,30}$": {"enum": ["a", "a b"]}}, "additionalProperties": {"pattern": "b$"}},
]


def assert_exact(compiled, rng, num_walks, ends=0.1):
    """Random walks of some tokens; `ends` is how often one of them may be a token with a quote in it."""
    mask = np.zeros((VOCAB.size + 31) // 32, dtype=np.int32)
    for _ in range(num_walks):
        matcher = compiled.matcher()
        for _ in range(rng.randrange(40)):
            matcher.fill_mask(mask)
            said = bits(mask, VOCAB.size)
            done = np.fromiter(
                (matcher.fork().accept_token(t) for t in range(VOCAB.size)), dtype=bool, count=VOCAB.size
            )
            wrong = [VOCAB.tokens[t] for t in np.flatnonzero(said != done)]
            assert not wrong, wrong[:5]
            allowed = [t for t in np.flatnonzero(said) if t not in VOCAB.eos_ids]
            inside = [t for t in allowed if b'"' not in VOCAB.tokens[t]] or allowed  # most walks stay in the string
            if not allowed or not matcher.accept_token(int(rng.choice(allowed if rng.random() < ends else inside))):
                break


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_bit_is_what_accepting_says(pattern):
    rng = random.Random(pattern)
    for bound, whitespace in itertools.product(BOUNDS, ("flexible", "dumps")):
        schema = {"type": "string", "pattern": pattern, **bound}
        assert_exact(guided.JsonSchema(schema, whitespace=whitespace).compile(VOCAB), rng, num_walks=60)


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("order", ["declared", "any"])
def test_rows_of_keys_are_exact_too(keys, order):
    compiled = guided.JsonSchema({"type": "object", **keys}, order=order, whitespace="dumps").compile(VOCAB)
    assert_exact(compiled, random.Random(repr(keys)), num_walks=120, ends=0.3)


def test_states_that_count_further_share_their_rows():
    """The words of a long text are told apart by their number; what may come next is not."""
    compiled = guided.JsonSchema({"type": "string", "pattern": r"^(?:\S+\s+){0,49}\S+$", "maxLength": 500}).compile(
        VOCAB
    )
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b'"')
    for _ in range(40):
        assert matcher.accept_bytes(b"ab ")
        matcher.mask_view()
    assert compiled.num_rows <= 8
