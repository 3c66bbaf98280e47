"""How the next token is chosen from logits.

Everything works on the tokens that the mask allows, in order of their ids, so the choice is the same whether the
head was computed for all tokens or for the allowed ones only. Sampling inverts the cumulative distribution at the
row's own `uniform`: no state, so a row's tokens do not depend on the batch it runs in. Exponentials are taken in
the logits' own precision, sums in float64. Costs at 32k tokens: 30 µs greedy, 0.1 ms sampled.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from guided.errors import GenerationError
from guided.runtime.engine import Bias, Choice, Policy

__all__ = [
    "allowed_bits",
    "allowed_ids",
    "biased",
    "choose",
    "choose_from_all",
    "choose_under",
    "log_softmax",
    "logsumexp",
    "num_allowed",
    "uniform_at",
]

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.floating]
Ids = npt.NDArray[np.int32]
Bits = npt.NDArray[np.bool_]

BLOCK = 256


def allowed_bits(mask: npt.NDArray[np.int32], size: int) -> Bits:
    """bool[size]: bit (t & 31) of word (t >> 5) for every token t.

    >>> allowed_bits(np.array([0b101, 1], np.int32), 34).nonzero()[0].tolist()
    [0, 2, 32]
    """
    return np.unpackbits(np.ascontiguousarray(mask).view(np.uint8), count=size, bitorder="little").view(np.bool_)


def allowed_ids(mask: npt.NDArray[np.int32], size: int) -> Ids:
    """int32[k], ascending: the tokens below `size` whose bit is set. Quick where most words are 0.

    >>> allowed_ids(np.array([0b101, 0, 6], np.int32), 66).tolist()
    [0, 2, 65]
    """
    words = mask[: (size + 31) // 32]
    places = np.flatnonzero(words)
    if 2 * len(places) > len(words):
        return np.flatnonzero(allowed_bits(mask, size)).astype(np.int32)
    found = np.flatnonzero(np.unpackbits(words[places].view(np.uint8), bitorder="little").view(np.bool_))
    ids: Ids = (places[found >> 5] * 32 + (found & 31)).astype(np.int32)
    return ids if not len(ids) or ids[-1] < size else ids[ids < size]


def num_allowed(mask: npt.NDArray[np.int32], size: int) -> int:
    """How many tokens below `size` the mask allows. One long integer counts its bits faster than numpy does.

    >>> num_allowed(np.array([0b101, -1], np.int32), 34)
    4
    """
    number = int.from_bytes(mask[: (size + 31) // 32].tobytes(), "little")
    if size % 32:
        number &= (1 << size) - 1
    return number.bit_count()


def logsumexp(logits: npt.NDArray[np.floating]) -> Floats:
    """float64[...]: log of the sum of exp over the last axis."""
    top = logits.max(axis=-1, keepdims=True)
    summed = np.exp(logits - top).sum(axis=-1, dtype=np.float64)
    return np.asarray(np.log(summed) + top[..., 0].astype(np.float64))


def log_softmax(logits: npt.NDArray[np.floating]) -> Floats:
    """float64[..., V]: log p over the last axis."""
    return np.asarray(logits.astype(np.float64) - logsumexp(logits)[..., None])


def choose_under(logits: npt.NDArray[np.float32], mask: npt.NDArray[np.int32] | None, policy: Policy) -> Choice:
    """`choose_from_all` with the mask as bits: where the most likely token of all is allowed, nothing else is read."""
    if policy.num == 1 and policy.temperature <= 0 and policy.bias is None and not policy.logprobs:
        place = int(logits.argmax())
        if math.isfinite(logits.item(place)) and (mask is None or int(mask[place >> 5]) >> (place & 31) & 1):
            return Choice(np.array([place], np.int32))
    return choose_from_all(logits, None if mask is None else allowed_bits(mask, len(logits)), policy)


def choose_from_all(logits: npt.NDArray[np.float32], allowed: Bits | None, policy: Policy) -> Choice:
    """Choose given the whole head, float32[V]; `allowed` bool[V] (None: all)."""
    if policy.num == 1 and policy.temperature <= 0 and policy.bias is None and not policy.logprobs:
        place = int((logits if allowed is None else np.where(allowed, logits, np.float32(-np.inf))).argmax())
        _check_finite(logits[place])
        return Choice(np.array([place], np.int32))
    log_total = float(logsumexp(logits)) if policy.logprobs else None
    if allowed is not None and policy.num > 1:
        ids = np.flatnonzero(allowed).astype(np.int32)
        return choose(logits[ids], ids, policy, log_total=log_total)
    kept = logits if allowed is None else np.where(allowed, logits, np.float32(-np.inf))
    return choose(kept, _all_ids(len(logits)), policy, log_total=log_total)


@cache
def _all_ids(size: int) -> Ids:
    """0 .. size - 1: every step needs it, and making it takes longer than finding the largest logit."""
    ids = np.arange(size, dtype=np.int32)
    ids.flags.writeable = False
    return ids


def choose(logits: npt.NDArray[np.float32], ids: Ids, policy: Policy, *, log_total: float | None = None) -> Choice:
    """Choose among `ids`, whose logits are float32[len(ids)].

    `log_total` is the logsumexp of the whole row before the mask: with it the choice carries log p.
    """
    _check_finite(logits.max())
    wished = logits if policy.bias is None else biased(logits, ids, policy.bias)
    if policy.num > 1:
        picked = _best(wished, policy.num)
    elif policy.temperature <= 0:
        picked = np.array([wished.argmax()])
    else:
        picked = np.array([_sample(wished, policy)])
    if log_total is None:
        return Choice(ids[picked])
    return Choice(
        tokens=ids[picked],
        logprobs=logits[picked].astype(np.float64) - log_total,
        log_allowed_mass=min(0.0, float(logsumexp(logits)) - log_total),
    )


def _check_finite(greatest: np.floating) -> None:
    if not np.isfinite(greatest):
        raise GenerationError("the model gave no finite logit for any allowed token: its weights or dtype are broken")


def biased(logits: npt.NDArray[np.float32], ids: Ids, bias: Bias) -> npt.NDArray[np.float32]:
    """The logits of `ids` (ascending) with a bias: first the penalty for repetition, then what is added.

    >>> bias = Bias(np.array([7], np.int32), np.array([-1], np.float32), np.array([5, 9], np.int32), 2.0)
    >>> biased(np.array([4, -1, 3], np.float32), np.array([5, 7, 9], np.int32), bias).tolist()
    [2.0, -2.0, 1.5]
    """
    changed = logits.copy()
    if bias.repetition != 1.0:
        places = _places(ids, bias.repeated)
        old = changed[places]
        changed[places] = np.where(old > 0, old / np.float32(bias.repetition), old * np.float32(bias.repetition))
    if len(bias.ids):
        is_there = np.isin(bias.ids, ids, assume_unique=True)
        changed[_places(ids, bias.ids)] += bias.added[is_there]
    if not np.isfinite(changed.max()):
        raise GenerationError("logit_bias or min_tokens forbids every token that may come next; allow one")
    return changed


def _places(ids: Ids, wanted: Ids) -> npt.NDArray[np.intp]:
    """Where those of `wanted` stand in `ids` that do; both ascending."""
    return np.flatnonzero(np.isin(ids, wanted, assume_unique=True))


def uniform_at(seed: int, row: int, position: int) -> float:
    """The random number in [0, 1) of one position of one row: a hash, so it depends on nothing else.

    SplitMix64 (Steele, Lea, Flood, 2014) over the three numbers in turn.

    >>> uniform_at(7, 0, 3) == uniform_at(7, 0, 3) != uniform_at(7, 1, 3)
    True
    """
    state = 0
    for number in (seed, row, position):
        state = _mix(state ^ (number & _WORD))
    return (state >> 11) * 2.0**-53


_WORD = (1 << 64) - 1


def _mix(state: int) -> int:
    state = (state + 0x9E3779B97F4A7C15) & _WORD
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _WORD
    return state ^ (state >> 31)


def _best(logits: npt.NDArray[np.float32], num: int) -> npt.NDArray[np.intp]:
    """The places of the `num` largest, best first, ties to the smaller place."""
    places = np.arange(len(logits))
    if num < len(logits):
        bar = np.partition(logits, len(logits) - num)[len(logits) - num]
        places = np.flatnonzero(logits >= bar)
    order = np.argsort(-logits[places], kind="stable")
    return places[order[:num]]


def _sample(logits: npt.NDArray[np.float32], policy: Policy) -> int:
    """One place, by temperature, then top-k, top-p and min-p, each over what the one before has left."""
    weights = np.exp((logits - logits.max()) / np.float32(max(policy.temperature, 1e-30)))
    if policy.top_k is not None and 0 < policy.top_k < len(weights):
        place = len(weights) - policy.top_k
        weights = _heaviest(weights, policy.top_k, np.partition(weights, place)[place])
    if policy.top_p < 1.0:
        weights = _nucleus(weights, policy.top_p)
    if policy.min_p > 0.0:
        weights[weights < policy.min_p * weights.max()] = 0.0
    place = _invert(weights, policy.uniform)
    return place if weights[place] > 0 else int(np.flatnonzero(weights > 0)[-1])


def _invert(weights: Weights, uniform: float) -> int:
    """The first place whose cumulative share is above `uniform`; by blocks, since a long cumsum is slow."""
    sums = np.add.reduceat(weights, np.arange(0, len(weights), BLOCK), dtype=np.float64)
    ends = np.cumsum(sums)
    target = uniform * ends[-1]
    block = min(int(np.searchsorted(ends, target, side="right")), len(ends) - 1)
    inside = np.cumsum(weights[block * BLOCK : (block + 1) * BLOCK], dtype=np.float64) + (ends[block] - sums[block])
    return min(block * BLOCK + int(np.searchsorted(inside, target, side="right")), len(weights) - 1)


def _nucleus(weights: Weights, top_p: float) -> Weights:
    """The smallest set of the heaviest tokens whose share reaches `top_p`; the heaviest one always stays.

    Tokens lighter than (1 - top_p) / n of the total weigh less than 1 - top_p together, so none of them is needed
    and only the others are sorted. Of tokens as heavy as the lightest one kept, those with smaller ids stay.
    """
    total = weights.sum(dtype=np.float64)
    bar = min(weights.max(), 0.999 * (1 - top_p) * total / len(weights))
    ranked = np.sort(weights[weights >= bar])[::-1].astype(np.float64)
    count = max(1, int(np.count_nonzero(np.cumsum(ranked) - ranked < top_p * total)))
    return _heaviest(weights, count, ranked[count - 1])


def _heaviest(weights: Weights, count: int, lightest: float) -> Weights:
    """`weights` with all but the `count` heaviest set to 0; `lightest` is the last of those."""
    kept = np.where(weights > lightest, weights, 0)
    equal = np.flatnonzero(weights == lightest)[: count - np.count_nonzero(kept)]
    kept[equal] = weights[equal]
    return kept
