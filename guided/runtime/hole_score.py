"""log p of text that is decided but not computed yet: what a score of a whole text still lacks at its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from guided.runtime.hole_text import OUTSIDE, TextState, prepare
from guided.runtime.scheduler import Ask, Row

if TYPE_CHECKING:
    from guided.runtime.engine import Engine

__all__ = ["prefill", "score_pending"]


def score_pending(engine: Engine, text: TextState, *, close: bool = False) -> Row[float]:
    """The sum of log p of the pending tokens that are marked, but for the first, which stands after no row.

    All but the last of them are computed; with `close` the sequence is given back.
    """
    text = prepare(engine, text, scored=True)
    tokens, marks = text.pending, text.marks
    assert text.seq is not None
    try:
        first = next((i for i, mark in enumerate(marks) if mark != OUTSIDE), len(marks))
        if first > 1:  # what needs no score is computed without the head
            yield [Ask(text.seq, tokens[: first - 1], want="none")]
            tokens, marks = tokens[first - 1 :], marks[first - 1 :]
        if len(tokens) < 2:
            return 0.0
        answers = yield [Ask(text.seq, tokens[:-1], want="all", targets=tokens[1:])]
        logprobs: npt.NDArray[np.float64] | None = answers[0].logprobs
        assert logprobs is not None
        return float(sum(p for p, mark in zip(logprobs, marks[1:], strict=True) if mark != OUTSIDE))
    finally:
        if close:
            engine.close(text.seq)


def prefill(engine: Engine, text: TextState) -> Row[TextState]:
    """Compute the pending tokens that need no score, so that the next question has only tokens that do."""
    text = prepare(engine, text, scored=True)
    scored = next((i for i, mark in enumerate(text.marks) if mark != OUTSIDE), len(text.marks))
    count = min(scored, len(text.pending)) - 1
    if count < 1 or text.seq is None:
        return text
    yield [Ask(text.seq, text.pending[:count], want="none")]
    return replace(text, pending=text.pending[count:], marks=text.marks[count:])
