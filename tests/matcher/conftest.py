"""Vocabularies of three families: single bytes with merges, SentencePiece, tekken."""

from pathlib import Path

import pytest

import guided

MERGES = (
    b'true false null ": ", " "} {" [] {} [[ ]] }, ], \\" \\u00 \\n\\ 12 000 0.5 e+ ab abc name "a" "a":1 "a":1,"a": '
    b'","b":" ","a","a" -- --- \xc3\xa9" \xc3\xa9\xc3\xa9 \xf0\x9f\x98 th the ing'
).split(b" ")


def one_byte() -> guided.Vocabulary:
    tokens = [bytes([b]) for b in range(256)] + [m for m in MERGES if m] + [b"  ", b"\n  ", b' "', b', "', None]
    return guided.Vocabulary(tokens, eos_ids={len(tokens) - 1})


def sentencepiece() -> guided.Vocabulary:
    mistral_common = pytest.importorskip("mistral_common", reason="mistral-common brings the vocabularies")
    data = Path(mistral_common.__file__).parent / "data"
    return guided.Vocabulary.from_tokenizer(next(iter(sorted(data.glob("*.model.v3*")))))


def tekken() -> guided.Vocabulary:
    mistral_common = pytest.importorskip("mistral_common", reason="mistral-common brings the vocabularies")
    return guided.Vocabulary.from_tokenizer(Path(mistral_common.__file__).parent / "data" / "tekken_240911.json")


@pytest.fixture(scope="session")
def vocabularies():
    return {"one byte and merges": one_byte(), "sentencepiece 32k": sentencepiece(), "tekken 131k": tekken()}


@pytest.fixture(scope="session")
def small_vocab(vocabularies):
    return vocabularies["one byte and merges"]
