"""Engine, scheduler, sampling and real masks together: what comes out fits, and is the same however it was run."""

from __future__ import annotations

import re

import pytest

import guided
from guided.runtime.engine import Policy
from guided.runtime.sampling import uniform_at
from guided.runtime.scheduler import Ask, Scheduler

PATTERNS = [
    r"[a-c]{2,5}x[0-9]+",
    r"(sword|axe|mace|spear)",
    r"[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?",
    r"-?[0-9]{1,4}(\.[0-9]+)?",
]
MAX_TOKENS = 24


def decode(engine, grammar, prompt, seed):
    """A row: sample under the grammar until it is complete; the way out is taken when the budget ends."""
    tokens = engine.vocab.encode(prompt.encode())
    seq, matcher = engine.open(tokens), grammar.matcher()
    pending, text = list(tokens[seq.length :]), b""
    try:
        for position in range(MAX_TOKENS):
            policy = Policy(temperature=1.0, uniform=uniform_at(seed, 0, position))
            (answer,) = yield [Ask(seq, pending, policy=policy, matcher=matcher)]
            token = int(answer.choice.tokens[0])
            assert matcher.accept_token(token)
            if token in engine.vocab.eos_ids:
                return text.decode()
            text += engine.vocab.tokens[token]
            pending = [token]
        return (text + matcher.shortest_completion()).decode()
    finally:
        engine.close(seq)


def rows(engine, count=6):
    grammars = [guided.Regex(pattern).compile(engine.vocab) for pattern in PATTERNS]
    for seed in range(count):
        for pattern, grammar in zip(PATTERNS, grammars, strict=True):
            yield decode(engine, grammar, f"A value of {pattern}: ", seed)


def test_every_text_fits_its_constraint(engine):
    texts = Scheduler(engine).run(rows(engine), max_batch=7)
    for i, text in enumerate(texts):
        assert re.fullmatch(PATTERNS[i % len(PATTERNS)], text), text
    assert len(set(texts)) > len(PATTERNS) * 2
    assert engine.stats.mask_seconds > 0


@pytest.mark.parametrize("options", [{}, {"reuse": False}], ids=["reuse", "no reuse"])
def test_texts_do_not_depend_on_the_batch(load, options):
    alone = []
    for row in rows(engine := load(**options)):
        alone.append(Scheduler(engine).run_one(row))
    for max_batch in (3, 64):
        engine = load(**options)
        assert Scheduler(engine).run(rows(engine), max_batch=max_batch) == alone


def test_a_run_costs_one_forward_per_sampled_token(engine):
    grammar = guided.Regex(r"[a-c]{7}").compile(engine.vocab)
    text = Scheduler(engine).run_one(decode(engine, grammar, "Seven letters: ", 3))
    assert re.fullmatch("[a-c]{7}", text)
    sampled = engine.stats.forward_calls
    assert sampled <= 8
    assert engine.stats.tokens_computed == len(engine.vocab.encode(b"Seven letters: ")) + sampled - 1
