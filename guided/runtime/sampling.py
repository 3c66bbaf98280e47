"""How the next token is chosen from logits.

Everything works on the tokens that the mask allows, in order of their ids, so the choice is the same whether the
head was computed for all tokens or for the allowed ones only. Sampling inverts the cumulative distribution at the
row's own `uniform`: no state, so a row's tokens do not depend on the batch it runs in. Sums are float64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from guided.errors import GenerationError
from guided.runtime.engine import Choice, Policy

__all__ = ["allowed_ids", "choose", "choose_from_all", "log_softmax", "logsumexp", "uniform_at"]

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int32]


def allowed_ids(mask: npt.NDArray[np.int32], size: int) -> Ids:
    """The ids below `size` whose bits are set: bit (t & 31) of word (t >> 5).

    >>> allowed_ids(np.array([0b101, 1], np.int32), 64).tolist()
    [0, 2, 32]
    """
    bits = np.unpackbits(np.ascontiguousarray(mask).view(np.uint8), count=size, bitorder="little")
    return np.flatnonzero(bits).astype(np.int32)


def logsumexp(logits: npt.NDArray[np.floating]) -> Floats:
    """float64[...]: log of the sum of exp over the last axis."""
    top = logits.max(axis=-1, keepdims=True).astype(np.float64)
    summed = np.exp(logits - top).sum(axis=-1)
    return np.asarray(np.log(summed) + top[..., 0])


def log_softmax(logits: npt.NDArray[np.floating]) -> Floats:
    """float64[..., V]: log p over the last axis."""
    return np.asarray(logits.astype(np.float64) - logsumexp(logits)[..., None])


def choose_from_all(logits: npt.NDArray[np.float32], ids: Ids | None, policy: Policy) -> Choice:
    """Choose given the whole head, float32[V]; `ids` are those allowed (None: all)."""
    allowed = logits if ids is None else logits[ids]
    names = np.arange(len(logits), dtype=np.int32) if ids is None else ids
    log_total = float(logsumexp(logits)) if policy.logprobs else None
    return choose(allowed, names, policy, log_total=log_total)


def choose(logits: npt.NDArray[np.float32], ids: Ids, policy: Policy, *, log_total: float | None = None) -> Choice:
    """Choose among `ids`, whose logits are float32[len(ids)].

    `log_total` is the logsumexp of the whole row before the mask: with it the choice carries log p.
    """
    if not np.isfinite(logits.max()):
        raise GenerationError("the model gave no finite logit for any allowed token: its weights or dtype are broken")
    if policy.num > 1:
        picked = _best(logits, policy.num)
    elif policy.temperature <= 0:
        picked = np.array([logits.argmax()])
    else:
        picked = np.array([_sample(logits, policy)])
    if log_total is None:
        return Choice(ids[picked])
    return Choice(
        tokens=ids[picked],
        logprobs=logits[picked].astype(np.float64) - log_total,
        log_allowed_mass=min(0.0, float(logsumexp(logits)) - log_total),
    )


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
    scaled = logits.astype(np.float64) / policy.temperature
    weights = np.exp(scaled - scaled.max())
    if policy.top_k is not None and 0 < policy.top_k < len(weights):
        kept = np.zeros_like(weights)
        best = _best(logits, policy.top_k)
        kept[best] = weights[best]
        weights = kept
    if policy.top_p < 1.0:
        weights = _nucleus(weights, policy.top_p)
    if policy.min_p > 0.0:
        weights[weights < policy.min_p * weights.max()] = 0.0
    cumulative = np.cumsum(weights)
    place = int(np.searchsorted(cumulative, policy.uniform * cumulative[-1], side="right"))
    return min(place, int(np.flatnonzero(weights)[-1]))


def _nucleus(weights: Floats, top_p: float) -> Floats:
    """The smallest set of the heaviest tokens whose share reaches `top_p`; the heaviest one always stays."""
    order = np.argsort(-weights, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    kept = order[before < top_p * weights.sum()]
    kept = kept if len(kept) else order[:1]
    nucleus = np.zeros_like(weights)
    nucleus[kept] = weights[kept]
    return nucleus
