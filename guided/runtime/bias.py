"""What is added to logits before a token is drawn: a caller's bias, and penalties for what was written before.

Penalties as in the papers and in OpenAI's API: *repetition* (Keskar et al. 2019, CTRL) divides a positive logit of a
token that occurs anywhere before, the prompt included, and multiplies a negative one; *presence* and *frequency* are
taken off once, and once per occurrence, for tokens that were generated here. log p stays that of the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guided.errors import InputError
from guided.runtime.engine import Bias
from guided.vocab import Vocabulary

__all__ = ["NO_PENALTIES", "Penalties", "bias_ids", "check_bias"]


MOST = 1e6
"""The most that may be added to a logit: beyond it float32 loses what the model said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalties:
    """What a hole adds to logits; `logit_bias` by token id."""

    repetition: float = 1.0
    presence: float = 0.0
    frequency: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()

    @property
    def looks_back(self) -> bool:
        """Whether the tokens before matter."""
        return self.repetition != 1.0 or self.presence != 0.0 or self.frequency != 0.0

    def bias(self, before: Sequence[int], generated: Sequence[int], banned: Sequence[int] = ()) -> Bias | None:
        """For the token after `before` (all tokens, those `generated` here included); `banned` may not come."""
        if self == NO_PENALTIES and not banned:
            return None
        added: dict[int, float] = dict(self.logit_bias)
        if self.presence or self.frequency:
            written, counts = np.unique(np.asarray(generated, np.int64), return_counts=True)
            for token, count in zip(written.tolist(), counts.tolist(), strict=True):
                added[token] = added.get(token, 0.0) - self.presence - self.frequency * count
        for token in banned:
            added[token] = -np.inf
        ids: npt.NDArray[np.int32] = np.array(sorted(added), np.int32)
        repeated: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        if self.repetition != 1.0:
            repeated = np.array(sorted(set(before)), np.int32)
        amounts = np.array([added[token] for token in ids.tolist()], np.float32)
        return Bias(ids, amounts, repeated, self.repetition)


NO_PENALTIES = Penalties()


def bias_ids(vocab: Vocabulary, given: Mapping[int | str, float]) -> tuple[tuple[int, float], ...]:
    """`logit_bias` as a caller writes it, by token id: keys are ids, or texts that are one token."""
    found: dict[int, float] = {}
    for key, value in given.items():
        if isinstance(key, str):
            try:
                tokens = vocab.encode(key.encode())
            except UnicodeEncodeError:
                raise InputError(f"logit_bias: {key!r} is not valid Unicode") from None
            if len(tokens) != 1:
                raise InputError(f"logit_bias: {key!r} is {len(tokens)} tokens of this vocabulary; give one, or its id")
            key = tokens[0]
        if not 0 <= key < vocab.size:
            raise InputError(f"logit_bias: there is no token {key}; ids run from 0 to {vocab.size - 1}")
        found[key] = float(value)
    return tuple(sorted(found.items()))


def check_bias(given: object) -> None:
    """Refuse what is no `logit_bias`."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise InputError(f"logit_bias maps tokens to numbers, not {given!r}")
    for key, value in given.items():
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise InputError(f"logit_bias: a token is an id or a text, not {key!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise InputError(f"logit_bias: what is added for {key!r} is a number, not {value!r}")
        if not (value == -math.inf or abs(value) <= MOST):
            raise InputError(
                f"logit_bias: {value} for {key!r} is out of range: it must be from -{MOST:g} to {MOST:g}, or -inf"
            )
