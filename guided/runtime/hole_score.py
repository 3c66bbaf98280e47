"""log p of text that is decided but not computed yet: what a score of a whole text still lacks at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from guided.runtime.hole_text import OUTSIDE, TextState, prepare
from guided.runtime.scheduler import Ask, Row

if TYPE_CHECKING:
    from guided.runtime.engine import Engine

__all__ = ["ask_scores", "prefill", "score_pending"]


def ask_scores(engine: Engine, text: TextState) -> tuple[Ask, TextState] | None:
    """The question for log p of all pending tokens but the first, and the text after it; None where there are none."""
    text = prepare(engine, text)
    if len(text.pending) < 2 or text.seq is None:
        return None
    ask = Ask(text.seq, text.pending[:-1], want="all", targets=text.pending[1:])
    return ask, replace(text, pending=text.pending[-1:], marks=text.marks[-1:])


def score_pending(engine: Engine, text: TextState, more: Sequence[int] = ()) -> Row[float]:
    """The sum of log p of the pending tokens that belong to a hole, and of `more` after them."""
    text = prepare(engine, text)
    marks = text.marks[1:] + bytes([1]) * len(more)
    asked = ask_scores(engine, replace(text, pending=(*text.pending, *more), marks=text.marks + bytes([1]) * len(more)))
    if asked is None:
        return 0.0
    answers = yield [asked[0]]
    logprobs: npt.NDArray[np.float64] | None = answers[0].logprobs
    assert logprobs is not None
    return float(sum(p for p, mark in zip(logprobs, marks, strict=True) if mark != OUTSIDE))


def prefill(engine: Engine, text: TextState) -> Row[TextState]:
    """Compute the pending tokens that need no score, so that the next question has only tokens that do."""
    text = prepare(engine, text)
    scored = next((i for i, mark in enumerate(text.marks) if mark != OUTSIDE), len(text.marks))
    count = min(scored, len(text.pending)) - 1
    if count < 1 or text.seq is None:
        return text
    yield [Ask(text.seq, text.pending[:count], want="none")]
    return replace(text, pending=text.pending[count:], marks=text.marks[count:])
