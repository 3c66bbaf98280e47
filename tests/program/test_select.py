"""The choice of a select is that of exact enumeration over canonical tokens."""

from __future__ import annotations

import math

import pytest

from guided.runtime.hole_select import SelectRequest, select_option
from guided.runtime.hole_text import append_text, start
from guided.runtime.sampling import uniform_at
from guided.runtime.scheduler import Scheduler

CASES = [
    ("I said ", ["no", "nothing", "the"], ""),
    ("I said ", ["no", "nothing", "the"], "; well"),
    ("a", [" cross", " crossbow", "sword"], '", "x'),
    ('w": "', ["sword", "the", "http"], '",\n'),
    ("see http:", ["//a", "//bc", "x"], " is"),
    ("x", ["a", "b", "c", "d", "e", "f"], ""),
    ("x", ["aaa", "aab", "aac", "abc", "b"], "."),
    ("", ["yes", "no"], "."),
]


def scores(engine, prompt, options, following):
    """log p of each option's canonical tokens up to the first boundary in `following` that all share."""
    vocab = engine.vocab
    window = following.encode()
    tokens = [vocab.encode((prompt + o).encode() + window) for o in options]
    first = [min(vocab.eos_ids)] if not prompt else []
    cuts = []
    for o, ids in zip(options, tokens, strict=True):
        size, at, found = len((prompt + o).encode()), 0, set()
        for t in ids:
            at += len(vocab.tokens[t])
            if at >= size:
                found.add(at - size)
        cuts.append(found)
    extra = min(set.intersection(*cuts))
    fixed = vocab.encode(prompt.encode())
    stable = max(1 if prompt else 0, len(fixed) - 4)
    out = []
    for o, ids in zip(options, tokens, strict=True):
        prefix, total, at = list(first), 0.0, 0
        for i, t in enumerate(ids):
            if at >= len((prompt + o).encode()) + extra:
                break
            if i >= stable:
                total += float(engine.logprobs_after(prefix)[t])
            prefix.append(t)
            at += len(vocab.tokens[t])
        out.append(total)
    return out


def choose(engine, prompt, options, following, **how):
    request = SelectRequest(options=tuple(o.encode() for o in options), following=following.encode(), **how)
    row = select_option(engine, append_text(start(engine.vocab), prompt.encode()), request)
    result = Scheduler(engine).run_one(row)
    engine.close(result.state.seq)
    assert engine.num_open == 0
    return result


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("prompt", "options", "following"), CASES)
def test_the_distribution_is_that_of_enumeration(engine_of, vocab, prompt, options, following, seed):
    engine = engine_of(vocab, seed=seed)
    result = choose(engine, prompt, options, following, wants_distribution=True)
    exact = scores(engine, prompt, options, following)
    total = sum(math.exp(s - max(exact)) for s in exact)
    expected = {o: math.exp(s - max(exact)) / total for o, s in zip(options, exact, strict=True)}
    assert result.distribution == pytest.approx(expected)
    assert sum(result.distribution.values()) == pytest.approx(1)
    assert engine.stats.forward_calls <= 2


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("prompt", "options", "following"), CASES)
def test_greedy_takes_the_maximum(engine_of, vocab, prompt, options, following, seed):
    engine = engine_of(vocab, seed=seed)
    result = choose(engine, prompt, options, following)
    exact = scores(engine, prompt, options, following)
    assert result.text.decode() == options[exact.index(max(exact))]


@pytest.mark.parametrize(("prompt", "options", "following"), CASES)
def test_the_tokens_are_canonical_and_computed_once(engine_of, vocab, prompt, options, following):
    engine = engine_of(vocab, seed=3)
    result = choose(engine, prompt, options, following)
    tokens = [*result.state.seq.tokens, *result.state.pending]
    text = (prompt + result.text.decode()).encode() + result.extra
    assert vocab.decode(tokens) + result.state.tail == text
    whole = vocab.encode(prompt.encode() + result.text + following.encode())
    assert [t for t in tokens if vocab.tokens[t] is not None] == whole[: len([t for t in tokens if vocab.tokens[t]])]


def test_a_temperature_samples_the_distribution(engine_of, vocab):
    engine = engine_of(vocab, seed=1)
    options = ["no", "nothing", "the"]
    exact = choose(engine, "I said ", options, "", wants_distribution=True).distribution
    counts = dict.fromkeys(options, 0)
    for draw in range(3000):
        result = choose(
            engine, "I said ", options, "", temperature=1.0, uniform=lambda n, draw=draw: uniform_at(9, draw, n)
        )
        counts[result.text.decode()] += 1
    for option in options:
        spread = 4 * math.sqrt(exact[option] * (1 - exact[option]) / 3000)
        assert abs(counts[option] / 3000 - exact[option]) < spread + 1e-9


def test_by_length_divides_by_the_number_of_tokens(engine_of, vocab):
    engine = engine_of(vocab, seed=2)
    options = ["a", "bcdefg", "the"]
    result = choose(engine, "x", options, "", by_length=True)
    exact = scores(engine, "x", options, "")
    fixed = len(vocab.encode(b"x"))
    lengths = [len(vocab.encode(b"x" + o.encode())) - fixed for o in options]
    means = [s / n for s, n in zip(exact, lengths, strict=True)]
    assert result.text.decode() == options[means.index(max(means))]


def test_one_option_costs_nothing(engine_of, vocab, play):
    run = play('{{ select("a", ["only"]) }}!')
    assert (run.result.text, run.calls) == ("only!", 0)


def test_options_of_one_token_cost_one_call(engine_of, vocab):
    engine = engine_of(vocab)
    choose(engine, "x;", ["a", "b", "c"], "")
    assert engine.stats.forward_calls == 1
