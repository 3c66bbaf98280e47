"""Choosing: greedy, sampled, best; the distribution under a mask is the renormalised one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.errors import GenerationError
from guided.runtime.engine import Policy
from guided.runtime.sampling import allowed_bits, choose, choose_from_all, log_softmax, logsumexp, uniform_at

PROBABILITIES = np.array([0.30, 0.05, 0.20, 0.15, 0.02, 0.28])
LOGITS = np.log(PROBABILITIES).astype(np.float32)
ALL = np.arange(6, dtype=np.int32)


def draw(logits: np.ndarray, ids: np.ndarray, count: int = 20_000, **policy: float) -> np.ndarray:
    """How often each of six tokens comes."""
    counts = np.zeros(6)
    for i in range(count):
        chosen = choose(
            logits,
            ids,
            Policy(temperature=policy.get("temperature", 1.0), **_rest(policy), uniform=uniform_at(1, 0, i)),
        )
        counts[chosen.tokens[0]] += 1
    return counts / count


def _rest(policy: dict) -> dict:
    return {key: value for key, value in policy.items() if key != "temperature"}


def test_greedy_takes_the_smaller_id_of_equals():
    logits = np.array([1, 5, 5, 2], np.float32)
    assert choose(logits, np.array([10, 20, 30, 40], np.int32), Policy()).tokens.tolist() == [20]


def test_sampling_under_a_mask_has_the_renormalised_distribution():
    ids = np.array([1, 2, 5], np.int32)
    expected = np.where(np.isin(ALL, ids), PROBABILITIES, 0) / PROBABILITIES[ids].sum()
    assert np.abs(draw(LOGITS[ids], ids) - expected).max() < 0.01


def test_masked_sampling_of_a_markov_chain_has_the_renormalised_transitions():
    chain = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])).astype(np.float32)
    allowed = [np.array([0, 2], np.int32), np.array([0, 1], np.int32), np.array([1, 2], np.int32)]
    counts, state = np.zeros((3, 3)), 0
    for i in range(30_000):
        ids = allowed[state]
        policy = Policy(temperature=1.0, uniform=uniform_at(9, 2, i))
        after = int(choose(chain[state][ids], ids, policy).tokens[0])
        counts[state, after] += 1
        state = after
    expected = np.zeros((3, 3))
    for state, ids in enumerate(allowed):
        expected[state, ids] = np.exp(chain[state][ids]) / np.exp(chain[state][ids]).sum()
    assert np.abs(counts / counts.sum(1, keepdims=True) - expected).max() < 0.015


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ({"temperature": 0.5}, [0, 1, 2, 3, 4, 5]),
        ({"top_k": 2}, [0, 5]),
        ({"top_k": 99}, [0, 1, 2, 3, 4, 5]),
        ({"top_p": 0.57}, [0, 5]),
        ({"top_p": 0.59}, [0, 2, 5]),
        ({"top_p": 1e-9}, [0]),
        ({"min_p": 0.6}, [0, 2, 5]),
        ({"top_k": 3, "top_p": 0.7}, [0, 5]),
        ({"top_k": 1}, [0]),
    ],
    ids=str,
)
def test_filters_keep_what_they_should(policy, kept):
    weights = PROBABILITIES ** (1 / policy.get("temperature", 1.0))
    expected = np.where(np.isin(ALL, kept), weights, 0)
    assert np.abs(draw(LOGITS, ALL, 5000, **policy) - expected / expected.sum()).max() < 0.025


def test_top_k_keeps_the_smaller_ids_of_equals():
    drawn = draw(np.zeros(6, np.float32), ALL, 500, top_k=2)
    assert np.flatnonzero(drawn).tolist() == [0, 1]


@given(st.floats(0, 1, exclude_max=True), st.floats(0.05, 3), st.lists(st.integers(0, 299), min_size=2, unique=True))
def test_the_choice_does_not_depend_on_which_head_rows_were_computed(uniform, temperature, allowed):
    logits = np.random.default_rng(len(allowed)).normal(0, 3, 300).astype(np.float32)
    ids = np.array(sorted(allowed), np.int32)
    policy = Policy(temperature=temperature, uniform=uniform, top_p=0.9)
    sparse, dense = choose(logits[ids], ids, policy), choose_from_all(logits, bits(*ids, size=300), policy)
    assert sparse.tokens.tolist() == dense.tokens.tolist()
    assert sparse.tokens[0] in ids


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_choose_tokens_with_weight(uniform):
    logits = np.array([-np.inf, 1, 1, -np.inf], np.float32)
    chosen = choose(logits, np.arange(4, dtype=np.int32), Policy(temperature=1.0, uniform=uniform))
    assert chosen.tokens[0] == (1 if uniform == 0 else 2)


def test_the_best_tokens_come_with_log_p_before_the_mask():
    ids = np.array([1, 2, 3, 4], np.int32)
    choice = choose_from_all(LOGITS + 3, bits(*ids), Policy(num=3, logprobs=True))
    assert choice.tokens.tolist() == [2, 3, 1]
    assert np.allclose(choice.logprobs, np.log([0.20, 0.15, 0.05]), atol=1e-6)
    assert choice.log_allowed_mass == pytest.approx(np.log(0.42), abs=1e-6)
    few = choose_from_all(LOGITS, bits(1, 2), Policy(num=3, logprobs=True))
    assert few.tokens.tolist() == [2, 1]
    assert choose_from_all(LOGITS, None, Policy(logprobs=True)).log_allowed_mass == 0.0


def test_the_best_of_equals_are_the_smaller_ids():
    choice = choose_from_all(np.array([0, 2, 2, 2, 1], np.float32), None, Policy(num=2))
    assert choice.tokens.tolist() == [1, 2]
    assert choice.logprobs is None


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf], ids=str)
def test_logits_that_are_not_numbers_are_a_typed_error(broken):
    with pytest.raises(GenerationError, match="finite"):
        choose(np.full(3, broken, np.float32), ALL[:3], Policy())


def test_large_logits_do_not_overflow():
    logits = np.array([5000, 4999, -5000], np.float32)
    assert np.allclose(log_softmax(logits)[:2], np.log([0.7310585786, 0.2689414213]))
    assert logsumexp(np.stack([logits, logits])).shape == (2,)


def test_uniforms_are_uniform_and_differ_by_seed_row_and_position():
    values = np.array([uniform_at(s, r, p) for s in range(10) for r in range(10) for p in range(200)])
    assert len(set(values.tolist())) == len(values)
    assert ((values >= 0) & (values < 1)).all()
    assert abs(values.mean() - 0.5) < 0.01
    assert np.abs(np.histogram(values, 20, (0, 1))[0] / 1000 - 1).max() < 0.15
    assert 0 <= uniform_at(-5, 0, 0) < 1
    assert 0 <= uniform_at(2**80, 1, 1) < 1


def bits(*ids, size=6):
    allowed = np.zeros(size, bool)
    allowed[list(ids)] = True
    return allowed


def test_allowed_bits_ignores_bits_beyond_the_vocabulary():
    assert allowed_bits(np.array([-1, -1], np.int32), 40).sum() == 40
    assert np.flatnonzero(allowed_bits(np.array([1 << 30, -(1 << 31)], np.int32), 64)).tolist() == [30, 63]
    assert len(allowed_bits(np.array([-1], np.int32), 40)) == 40  # a head wider than the vocabulary
