"""Real schemas: exact masks, valid walks, every spelling. Subsets; tests/oracles tells how to run the whole."""

import random

import pytest

from tests.oracles import exactness, spellings, walks
from tests.oracles.judge import Judge
from tests.oracles.real_schemas import real_schemas

STATES = {"one byte and merges": 120, "sentencepiece 32k": 24, "tekken 131k": 6}


@pytest.mark.parametrize("order", ["declared", "any"])
@pytest.mark.parametrize("name", STATES)
def test_masks_are_exact(shared_data, vocabularies, name, order):
    count, wrong = exactness.run(vocabularies[name], order, STATES[name], seed=1)
    assert count >= STATES[name]
    assert [str(w) for w in wrong] == []


@pytest.mark.slow
@pytest.mark.parametrize("order", ["declared", "any"])
def test_walks_end_in_valid_texts(shared_data, vocabularies, order):
    found = walks.run(vocabularies["one byte and merges"], order, 400, seed=1)
    assert found.walks >= 400
    assert found.wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("order", ["declared", "any"])
def test_every_spelling_of_a_value_is_let_through_and_no_key_twice(shared_data, small_vocab, order):
    rng, count, wrong = random.Random(1), 0, []
    for entry in real_schemas(rng, 250):
        tried, found = spellings.faults(entry, small_vocab, order, rng)
        count += tried
        wrong += found
    assert count > 1000
    assert wrong == []


@pytest.mark.parametrize(
    ("schema", "text", "fault"),
    [
        ({"multipleOf": 0.01}, "19.99", None),
        ({"multipleOf": 0.01}, "19.991", "multipleOf"),
        ({"maximum": 1e300}, "1e301", "maximum"),
        ({"type": "integer"}, "6e632", None),
        ({"type": "integer", "$schema": "http://json-schema.org/draft-04/schema#"}, "7.0", "type"),
        ({"format": "date-time"}, '"x"', "format"),
        ({}, '{"a": 1, "\\u0061": 1}', "a key twice"),
        ({}, "[1,]", "not JSON"),
    ],
)
def test_the_judge_is_exact(schema, text, fault):
    said = Judge(schema).fault(text)
    assert said is None if fault is None else fault in said
