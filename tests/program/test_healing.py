"""Healing at cuts of real text; `python -m tests.oracles.healing` tries 2,000 of them."""

import numpy as np
import pytest

from guided.runtime.healing import boundaries, spellings
from tests.oracles.healing import ByHeart, cuts_of, judge, vocabularies

VOCABULARIES = ["shipped", pytest.param("tekken", marks=pytest.mark.slow), "sentencepiece"]


@pytest.fixture(scope="module")
def vocabs():
    return dict(vocabularies())


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_text_cut_anywhere_goes_on_as_if_it_were_not(vocabs, name):
    if name not in vocabs:
        pytest.skip("mistral-common has this vocabulary")
    cuts = cuts_of(100 if name == "shipped" else 30, seed=11)
    found = judge(vocabs[name], cuts)
    assert found.changed == []
    assert found.violated == []
    assert len(found.lost) <= 0.01 * len(cuts), found.lost


def test_the_judge_sees_what_healing_is_for(vocabs):
    cuts = cuts_of(40, seed=11)
    assert len(judge(vocabs["shipped"], cuts, heal=False).lost) > 8


def test_other_spellings_are_the_tokenizers_own(vocabs):
    vocab = vocabs["shipped"]
    for text in ("@dataclass(slo", "x\n        ", "need", "the end"):
        data = text.encode()
        ends = boundaries(vocab, vocab.encode(data))
        for place, index, ids in spellings(vocab, data, ends):
            for token in ids.tolist():
                spelled = vocab.tokens[token]
                canonical = vocab.encode(data[:place] + spelled)
                assert canonical[-1] == token
                assert boundaries(vocab, canonical)[:index] == ends[:index]
        assert spellings(vocab, data, ends) is spellings(vocab, data, ends)


def test_the_model_by_heart_is_lost_off_its_path(vocabs):
    vocab = vocabs["shipped"]
    tokens = vocab.encode(b"The quick brown fox")
    model = ByHeart(vocab, tokens)
    assert int(np.argmax(model.logits_after(tuple(tokens[:2])))) == tokens[2]
    assert model.logits_after((tokens[0], tokens[0])).max() < 50
