"""Vocabularies of three families: single bytes with merges, SentencePiece, tekken."""

import pytest

from tests.oracles.vocabularies import VOCABULARIES


@pytest.fixture(scope="session")
def vocabularies():
    return {name: make() for name, make in VOCABULARIES.items()}


@pytest.fixture(scope="session")
def small_vocab(vocabularies):
    return vocabularies["one byte and merges"]
