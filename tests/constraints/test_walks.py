"""Random walks under the masks end in texts that independent checkers accept, and bits mean what they say."""

from __future__ import annotations

import json
import random
import re

import jsonschema
import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from guided.constraints import Choice, JsonSchema, Regex, Repeat
from guided.vocab import Vocabulary

from .conftest import BYTES

SCHEMAS = {
    "person": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 6},
            "age": {"type": "integer", "minimum": -3, "maximum": 130},
            "tags": {"type": "array", "items": {"enum": ["a", "b", 1.5, None]}, "maxItems": 3},
        },
        "required": ["age"],
        "additionalProperties": False,
    },
    "numbers": {
        "type": "array",
        "items": {"type": "number", "exclusiveMinimum": -4.5, "maximum": 57.25},
        "minItems": 2,
        "maxItems": 4,
    },
    "union": {
        "anyOf": [
            {"type": "object", "properties": {"k": {"const": [1, {"x": True}]}}, "required": ["k"], "maxProperties": 2},
            {"type": "null"},
        ]
    },
    "strings": {
        "type": "object",
        "required": ["d", "p"],
        "properties": {
            "d": {"type": "string", "format": "date"},
            "p": {"type": "string", "pattern": "^[ab]+\\d$", "maxLength": 5},
        },
    },
    "tree": {
        "$ref": "#/$defs/t",
        "$defs": {
            "t": {
                "type": "object",
                "properties": {"l": {"$ref": "#/$defs/t"}, "v": {"type": "boolean"}},
                "required": ["v"],
                "additionalProperties": False,
            }
        },
    },
    "merged": {
        "allOf": [
            {"properties": {"a": {"minimum": 2}}, "required": ["a"]},
            {"properties": {"a": {"type": "integer", "maximum": 9}}, "maxProperties": 2},
        ],
        "type": "object",
    },
    "texts": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 3},
}
PATTERNS = [
    r"[A-Z][a-z]{2,5}",
    r"(a|bc)*d",
    r"\d+(\.\d{1,3})?",
    r"(?i)yes|no",
    r"[^\x00-\x7f]{1,3}",
    r"a{2,4}$",
    r"(?:[a-c]+ ?)+\.",
]


def _trained() -> Vocabulary:
    """Byte-level BPE over JSON, so that tokens cross the ends of strings and keys."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    corpus = [
        json.dumps({"name": "Ann", "age": i, "tags": ["a", None, True], "é": '\\"\n'}, indent=i % 3) for i in range(40)
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return Vocabulary.from_tokenizer(tokenizer)


VOCABULARIES = {"bytes": BYTES, "trained": _trained()}


def walk(constraint, vocab, rng, budget=60):
    """A text chosen token by token among those allowed; near the end of the budget the shortest way out."""
    matcher = constraint.compile(vocab).matcher()
    text = b""
    for _ in range(budget):
        allowed = matcher.allowed_tokens()
        assert len(allowed), f"dead end after {text!r}"
        token = int(rng.choice(allowed))
        if token in vocab.eos_ids:
            assert matcher.is_accepting
            return text
        assert matcher.accept_token(token)
        text += vocab.tokens[token]
    rest = matcher.shortest_completion()
    assert matcher.accept_bytes(rest)
    assert matcher.is_accepting
    return text + rest


@pytest.mark.parametrize("vocab", VOCABULARIES)
@pytest.mark.parametrize("order", ["declared", "any"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_walks_under_a_schema_end_in_valid_json(name, vocab, order):
    validator = jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=jsonschema.FormatChecker())
    constraint = JsonSchema(SCHEMAS[name], order=order)
    rng = random.Random(name)
    for _ in range(25):
        text = walk(constraint, VOCABULARIES[vocab], rng)
        instance = json.loads(text)
        validator.validate(instance)


@pytest.mark.parametrize("vocab", VOCABULARIES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_walks_under_a_pattern_match_it(pattern, vocab):
    rng = random.Random(pattern)
    for _ in range(25):
        text = walk(Regex(pattern), VOCABULARIES[vocab], rng).decode()
        assert re.fullmatch(pattern, text), text


@pytest.mark.parametrize("vocab", VOCABULARIES)
def test_walks_under_repeats_of_choices(vocab):
    rng = random.Random(5)
    constraint = Repeat(Choice(["no", "nothing", "none"]), 1, 4, sep=", ")
    for _ in range(40):
        words = walk(constraint, VOCABULARIES[vocab], rng).decode().split(", ")
        assert 1 <= len(words) <= 4
        assert set(words) <= {"no", "nothing", "none"}


@pytest.mark.parametrize("name", ["person", "numbers", "strings"])
def test_each_bit_is_what_accepting_the_token_says(name):
    vocab = VOCABULARIES["trained"]
    rng = random.Random(name)
    matcher = JsonSchema(SCHEMAS[name]).compile(vocab).matcher()
    mask = np.zeros((vocab.size + 31) // 32, dtype=np.int32)
    for _ in range(25):
        matcher.fill_mask(mask)
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: vocab.size]
        for token in range(vocab.size):
            assert bool(bits[token]) == matcher.fork().accept_token(token), (token, vocab.tokens[token])
        choices = [t for t in np.flatnonzero(bits) if t not in vocab.eos_ids]
        if not choices:
            return
        assert matcher.accept_token(int(rng.choice(choices)))
