"""log p of a given text is the sum over its tokens."""

from __future__ import annotations

import pytest

from guided.program import score_row
from guided.runtime.scheduler import Scheduler


@pytest.mark.parametrize(("prompt", "text"), [("p", "abc"), ("http:", "//x"), ("", "ab"), ("said ", "nothing")])
def test_score(engine_of, vocab, prompt, text):
    engine = engine_of(vocab)
    tokens = vocab.encode((prompt + text).encode())
    prefix = [] if prompt else [min(vocab.eos_ids)]
    expected, at = 0.0, 0
    for token in tokens:
        at += len(vocab.tokens[token])
        if at > len(prompt):
            expected += float(engine.logprobs_after(prefix)[token])
        prefix.append(token)
    assert Scheduler(engine).run_one(score_row(engine, prompt, text)) == pytest.approx(expected)
    assert engine.num_open == 0
