"""Only what the tokenizer itself would write: the spelling that a model has been trained on.

A token is refused where the tokenizer, given the text so far (from the last control token on), the token's bytes and
what must follow them, would not spell this hole's text with this hole's tokens. That is asked of the tokenizer itself,
so it holds whatever its pre-tokenizer does, at the price of encoding the text at every step. It is known for byte pair
encodings, whose text begins with the same tokens however it goes on, but for the last word; for others it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from guided.errors import GenerationError, VocabularyError
from guided.runtime import sampling
from guided.runtime.engine import Choice, Policy
from guided.runtime.healing import utf8_length

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["MAX_TRIES", "Spelling", "choose_accepted"]

MAX_TRIES = 512
"""How many tokens may be refused at one step before the first of them is taken after all."""


class Spelling:
    """The tokenizer's own spelling of texts; raises `VocabularyError` where that cannot be known."""

    def __init__(self, vocab: Vocabulary) -> None:
        if not vocab.is_byte_pair:
            raise VocabularyError(
                "canonical=True: this vocabulary has no byte pair tokenizer that spells every text exactly, so its own "
                "spelling of a text that is not finished is not known; leave canonical out"
            )
        self._vocab = vocab

    def is_own(self, before: Sequence[int], tokens: Sequence[int], ahead: bytes) -> bool:
        """Whether `tokens`, after the tokens `before` and before the bytes `ahead`, are as the tokenizer spells them.

        True as long as they end inside of a character: then it shows with the next token.
        """
        vocab = self._vocab
        start = next((i for i in range(len(before), 0, -1) if vocab.tokens[before[i - 1]] is None), 0)
        context, own = vocab.decode(before[start:]), vocab.decode(tokens)
        data = context + own + ahead
        data = data[: utf8_length(data)]
        if len(data) < len(context) + len(own):
            return True
        place = 0
        spelled = vocab.spell(data)
        for i, token in enumerate(spelled):
            if place >= len(context):
                return place == len(context) and spelled[i : i + len(tokens)] == list(tokens)
            place += len(vocab.tokens[token] or b"")
        return not tokens


def choose_accepted(
    logits: npt.NDArray[np.float32],
    mask: npt.NDArray[np.int32] | None,
    policy: Policy,
    accepts: Callable[[int], bool],
) -> Choice:
    """Choose after float32[V] `logits` until a token is accepted: a draw from the accepted ones alone.

    A refused token is taken out of the mask and another one drawn, with another random number. Where none is accepted,
    or too many are refused, the first one stands: a text never ends for it.
    """
    words = (len(logits) + 31) // 32
    left = np.full(words, -1, np.int32) if mask is None else np.array(mask[:words], np.int32)
    bits = left.view(np.uint32)
    first: Choice | None = None
    now = policy
    for attempt in range(MAX_TRIES):
        try:
            choice = sampling.choose_under(logits, left, now)
        except GenerationError:
            if first is None:
                raise
            break  # a bias forbids all that is left
        token = int(choice.tokens[0])
        if accepts(token):
            return choice
        first = choice if first is None else first
        bits[token >> 5] &= np.uint32(0xFFFFFFFF ^ (1 << (token & 31)))
        if not sampling.num_allowed(left, len(logits)):
            break
        now = replace(policy, uniform=sampling.uniform_at(int(policy.uniform * 2**53), 1, attempt))
    assert first is not None
    return first
