"""What every local engine must do; a new backend joins in conftest.BACKENDS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import pytest

from guided.errors import GenerationError
from guided.runtime.engine import Engine, Extend, Policy

TOLERANCE = 1e-4
RNG = np.random.default_rng(3)
PROMPT = RNG.integers(2, 384, 90).tolist()
OTHER = RNG.integers(2, 384, 41).tolist()


def all_logits(engine: Engine, tokens: Sequence[int]) -> np.ndarray:
    """Logits after every token, in one forward, from a fresh path (nothing reused)."""
    seq = engine.open([])
    (hidden,) = engine.step([Extend(seq, tokens, "all")])
    engine.close(seq)
    return engine.logits(hidden)


def last_logits(engine: Engine, seq: object, tokens: Sequence[int]) -> np.ndarray:
    (hidden,) = engine.step([Extend(seq, tokens)])
    return engine.logits(hidden)[0]


def greedy(engine: Engine, tokens: Sequence[int], count: int) -> list[int]:
    seq = engine.open(tokens)
    pending, chosen = list(tokens[seq.length :]), []
    while len(chosen) < count:
        (hidden,) = engine.step([Extend(seq, pending)])
        (choice,) = engine.select([hidden], None, [Policy()])
        pending = [int(choice.tokens[0])]
        chosen += pending
    engine.close(seq)
    return chosen


def close_to(left: np.ndarray, right: np.ndarray) -> bool:
    return bool(np.abs(left - right).max() < TOLERANCE)


def words(*tokens: int) -> np.ndarray:
    mask = np.zeros((1, 12), np.int32)
    for token in tokens:
        mask[0, token >> 5] |= np.int32(np.uint32(1 << (token & 31)).view(np.int32))
    return mask


@pytest.mark.parametrize("chunks", [[1] * 90, [7] * 12 + [6], [89, 1], [1, 89]], ids=["ones", "sevens", "tail", "head"])
def test_chunked_prefill_gives_the_same_logits(load, chunks):
    reference = all_logits(load(), PROMPT)
    engine = load()
    seq, at = engine.open([]), 0
    for size in chunks:
        (hidden,) = engine.step([Extend(seq, PROMPT[at : at + size], "all")])
        assert close_to(engine.logits(hidden), reference[at : at + size])
        at += size
    assert list(seq.tokens) == PROMPT


def test_a_ragged_batch_gives_the_logits_of_each_row_alone(load):
    texts = [PROMPT[:50], OTHER, PROMPT[60:], OTHER[::-1], [5]]
    alone = [all_logits(load(), text)[-1] for text in texts]
    engine = load()
    seqs = [engine.open([]) for _ in texts]
    halves = [len(text) // 2 for text in texts]
    engine.step([Extend(s, t[:h], "none") for s, t, h in zip(seqs, texts, halves, strict=True) if h])
    hidden = engine.step([Extend(s, t[h:]) for s, t, h in zip(seqs, texts, halves, strict=True)])
    for row, expected in zip(hidden, alone, strict=True):
        assert close_to(engine.logits(row)[0], expected)


def test_crop_then_extend(load):
    reference = all_logits(load(), PROMPT[:20] + OTHER)
    engine = load()
    seq = engine.open([])
    engine.step([Extend(seq, PROMPT, "none")])
    engine.crop(seq, 20)
    assert list(seq.tokens) == PROMPT[:20]
    assert close_to(last_logits(engine, seq, OTHER), reference[-1])
    engine.crop(seq, 0)
    assert seq.length == 0
    assert close_to(last_logits(engine, seq, PROMPT[:20]), reference[19])


def test_forks_do_not_see_each_other(load):
    left_reference = all_logits(load(), PROMPT + OTHER)[-1]
    right_reference = all_logits(load(), PROMPT + OTHER[::-1])[-1]
    engine = load()
    seq = engine.open([])
    engine.step([Extend(seq, PROMPT, "none")])
    left, right = engine.fork(seq, 2)
    for a, b in zip(OTHER[:-1], OTHER[:0:-1], strict=True):
        engine.step([Extend(left, [a], "none")])
        engine.step([Extend(right, [b], "none")])
    engine.close(seq)
    assert close_to(last_logits(engine, left, OTHER[-1:]), left_reference)
    engine.close(left)
    assert close_to(last_logits(engine, right, OTHER[:1]), right_reference)
    assert list(right.tokens) == PROMPT + OTHER[::-1]


def test_a_tree_of_forks_in_one_step(load):
    tails = [[7], [8], [7, 9], [7, 9, 10, 11], [8, 12]]
    references = [all_logits(load(), PROMPT + tail)[-1] for tail in tails]
    engine = load()
    seq = engine.open([])
    engine.step([Extend(seq, PROMPT, "none")])
    before = engine.stats.tokens_computed
    hidden = engine.step([Extend(s, t) for s, t in zip(engine.fork(seq, len(tails)), tails, strict=True)])
    for row, expected in zip(hidden, references, strict=True):
        assert close_to(engine.logits(row)[0], expected)
    assert engine.stats.tokens_computed - before == 6  # 7, 8, 7-9, 7-9-10, 7-9-10-11, 8-12: each path once


def test_rows_that_begin_alike_compute_the_beginning_once(load):
    reference = all_logits(load(), [*PROMPT, 5])[-1]
    engine = load()
    seqs = [engine.open([*PROMPT, last]) for last in (4, 5, 5)]
    hidden = engine.step([Extend(seq, [*PROMPT, last]) for seq, last in zip(seqs, (4, 5, 5), strict=True)])
    assert close_to(engine.logits(hidden[1])[0], reference)
    assert close_to(engine.logits(hidden[2])[0], reference)
    assert engine.stats.tokens_computed == len(PROMPT) + 2
    assert engine.stats.tokens_reused == 2 * len(PROMPT) + 1


def test_reuse_gives_the_same_logits_and_tokens(load):
    plain, cached = load(reuse=False), load()
    for text in (PROMPT, PROMPT[:60] + OTHER, PROMPT, PROMPT + OTHER):
        rows = []
        for engine in (plain, cached):
            seq = engine.open(text)
            rows.append(last_logits(engine, seq, text[seq.length :]))
            engine.close(seq)
        assert close_to(*rows)
        assert greedy(plain, text, 8) == greedy(cached, text, 8)
    assert plain.stats.tokens_reused == 0
    assert cached.stats.tokens_reused > 300


def test_statistics_are_exact(load):
    engine = load()
    seq = engine.open(PROMPT)
    engine.step([Extend(seq, PROMPT)])
    assert astuple(engine.stats)[:3] == (1, 90, 0)
    engine.close(seq)

    again = engine.open(PROMPT)
    assert again.length == 89  # the last token is computed, so that there is a row to choose from
    engine.step([Extend(again, PROMPT[89:])])
    assert astuple(engine.stats)[:3] == (2, 91, 89)

    branch = engine.open(PROMPT[:50] + OTHER)
    assert branch.length == 50
    engine.step([Extend(branch, OTHER), Extend(again, [7], "none")])
    assert astuple(engine.stats)[:3] == (3, 91 + 41 + 1, 89 + 50)

    engine.crop(branch, 50)
    engine.step([Extend(branch, OTHER[:10], "none")])  # still cached, and no row is wanted: nothing to compute
    assert astuple(engine.stats)[:3] == (3, 133, 139 + 10)
    assert engine.stats.model_seconds > 0


def test_open_reuses_what_live_sequences_hold(engine):
    first = engine.open(PROMPT)
    engine.step([Extend(first, PROMPT)])
    assert engine.open(PROMPT + OTHER).length == 90
    assert engine.open([PROMPT[0]]).length == 0
    assert engine.open([]).length == 0


@pytest.mark.budget_in_tokens
def test_evicted_prefixes_are_computed_again_and_live_ones_are_kept(load):
    engine = load(cache_bytes=150 * slot_bytes(load))
    kept = engine.open([])
    engine.step([Extend(kept, OTHER, "none")])
    reference = all_logits(load(), [*OTHER, 9])[-1]
    prompts = [RNG.integers(2, 384, 60).tolist() for _ in range(6)]
    expected = [all_logits(load(), prompt)[-1] for prompt in prompts]
    for _ in range(2):
        for prompt, row in zip(prompts, expected, strict=True):
            seq = engine.open(prompt)
            assert close_to(last_logits(engine, seq, prompt[seq.length :]), row)
            engine.close(seq)
    latest = engine.open(prompts[-1])
    assert latest.length == 59  # the latest one is still there
    engine.close(latest)
    assert close_to(last_logits(engine, kept, [9]), reference)


@pytest.mark.budget_in_tokens
def test_the_oldest_prefix_goes_first_and_leaves_before_parents(load):
    engine = load(cache_bytes=101 * slot_bytes(load))  # 100 tokens: one slot is the bin
    for text in (PROMPT[:40], OTHER[:40]):
        seq = engine.open(text)
        engine.step([Extend(seq, text[seq.length :])])
        engine.close(seq)
    seq = engine.open([1])
    engine.step([Extend(seq, [1] * 30, "none")])  # needs 10 more than are free
    assert engine.open([*PROMPT[:40], 2]).length == 30
    assert engine.open([*OTHER[:40], 2]).length == 40


def slot_bytes(load) -> int:
    return int(load().cache_bytes_per_token)


@pytest.mark.budget_in_tokens
def test_an_arena_full_of_live_sequences_is_a_typed_error_and_changes_nothing(load):
    engine = load(cache_bytes=101 * slot_bytes(load))
    first, second = engine.open([]), engine.open([])
    engine.step([Extend(first, PROMPT, "none")])
    with pytest.raises(GenerationError, match="cache_bytes"):
        engine.step([Extend(first, [7], "none"), Extend(second, OTHER, "none")])
    assert (first.length, second.length) == (90, 0)
    assert engine.num_cached == 90
    engine.close(first)
    reference = all_logits(load(), OTHER)[-1]
    assert close_to(last_logits(engine, second, OTHER), reference)


def test_the_arena_grows_to_its_budget_and_keeps_what_it_holds(load):
    engine = load()
    prompts = [RNG.integers(2, 384, 400).tolist() for _ in range(4)]
    seqs = [engine.open([]) for _ in prompts]
    before = engine.num_slots
    for seq, prompt in zip(seqs, prompts, strict=True):
        engine.step([Extend(seq, prompt, "none")])
    assert engine.num_slots > before
    for seq, prompt in zip(seqs, prompts, strict=True):
        assert close_to(last_logits(engine, seq, [3]), all_logits(load(), [*prompt, 3])[-1])


def test_a_text_longer_than_the_model_is_refused(engine):
    seq = engine.open([])
    with pytest.raises(GenerationError, match=r"0 \+ 513 tokens, at most 512"):
        engine.step([Extend(seq, [3] * 513)])
    engine.step([Extend(seq, [3] * 512)])
    with pytest.raises(GenerationError, match="too long"):
        engine.step([Extend(seq, [3])])
    assert seq.length == 512


@pytest.mark.parametrize("tokens", [[384], [-1], []], ids=["above", "negative", "none"])
def test_tokens_that_the_model_does_not_have_are_refused(engine, tokens):
    seq = engine.open([])
    with pytest.raises(GenerationError):
        engine.step([Extend(seq, tokens)])
    assert seq.length == 0


def test_misuse_of_sequences_is_refused(engine):
    seq = engine.open([])
    with pytest.raises(GenerationError, match="twice"):
        engine.step([Extend(seq, [3]), Extend(seq, [4])])
    with pytest.raises(GenerationError, match="cannot crop"):
        engine.crop(seq, 1)
    engine.close(seq)
    engine.close(seq)
    with pytest.raises(GenerationError, match="closed"):
        engine.step([Extend(seq, [3])])


def test_select_agrees_with_the_logits(load):
    engine = load()
    rows = engine.step([Extend(engine.open([]), text) for text in (PROMPT, OTHER)])
    logits = np.stack([engine.logits(row)[0] for row in rows])
    free = engine.select(rows, None, [Policy()] * 2)
    assert [int(c.tokens[0]) for c in free] == logits.argmax(1).tolist()
    few, many = [3, 70, 200], list(range(2, 380, 2))
    for allowed in (few, many):
        masks = np.concatenate([words(*allowed)] * 2)
        picked = engine.select(rows, masks, [Policy(), Policy(num=3, logprobs=True)])
        order = sorted(allowed, key=lambda t: -logits[0, t])
        assert int(picked[0].tokens[0]) == order[0]
        assert picked[0].logprobs is None
        best = sorted(allowed, key=lambda t: -logits[1, t])[:3]
        assert picked[1].tokens.tolist() == best
        exact = logits[1] - np.log(np.exp(logits[1].astype(np.float64)).sum())
        assert np.allclose(picked[1].logprobs, exact[best], atol=1e-4)
        assert picked[1].log_allowed_mass == pytest.approx(np.log(np.exp(exact[allowed]).sum()), abs=1e-4)


def test_select_with_one_or_no_token_allowed(engine):
    (row,) = engine.step([Extend(engine.open([]), OTHER)])
    (only,) = engine.select([row], words(77), [Policy(temperature=1.0, uniform=0.9)])
    assert only.tokens.tolist() == [77]
    with pytest.raises(GenerationError, match="no token is allowed"):
        engine.select([row], words(), [Policy()])


def test_logprobs_of_given_tokens(engine):
    seq = engine.open([])
    (hidden,) = engine.step([Extend(seq, PROMPT, "all")])
    exact = engine.logits(hidden).astype(np.float64)
    exact -= np.log(np.exp(exact).sum(1, keepdims=True))
    targets = PROMPT[1:]
    scored = engine.logprobs(hidden, targets)
    assert np.allclose(scored, exact[np.arange(89), targets], atol=1e-4)
    assert hidden.rows == 90
    assert np.allclose(engine.logits(hidden.row(-1))[0], engine.logits(hidden)[89], atol=1e-5)


def test_shutdown_gives_back_what_is_not_in_use(engine):
    seq = engine.open([])
    engine.step([Extend(seq, PROMPT, "none")])
    engine.close(seq)
    assert engine.num_cached == 90
    engine.shutdown()
    assert engine.num_cached == 0
