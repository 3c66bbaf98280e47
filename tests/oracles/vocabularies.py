"""Vocabularies of three families: single bytes with merges, SentencePiece, tekken."""

from __future__ import annotations

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


def _data() -> Path:
    mistral_common = pytest.importorskip("mistral_common", reason="mistral-common brings the vocabularies")
    return Path(mistral_common.__file__).parent / "data"


def sentencepiece() -> guided.Vocabulary:
    return guided.Vocabulary.from_tokenizer(next(iter(sorted(_data().glob("*.model.v3*")))))


def tekken() -> guided.Vocabulary:
    return guided.Vocabulary.from_tokenizer(_data() / "tekken_240911.json")


VOCABULARIES = {"one byte and merges": one_byte, "sentencepiece 32k": sentencepiece, "tekken 131k": tekken}
