"""log p of a given text after a prompt: for comparing texts, whoever wrote them."""

from __future__ import annotations

from guided.runtime.engine import Engine
from guided.runtime.hole_score import score_pending
from guided.runtime.hole_text import HOLE, OUTSIDE, TextState, append_text, beginning, start, take
from guided.runtime.scheduler import Row

__all__ = ["score_row"]


def score_row(engine: Engine, prompt: str, text: str) -> Row[float]:
    """The sum of log p over the canonical tokens of prompt + text that overlap `text`.

    Without a prompt or a BOS token the text begins after the token that ends one.
    """
    whole = start(engine.vocab)
    if not (prompt or whole.pending):
        whole = TextState(pending=(beginning(engine.vocab),), marks=bytes([OUTSIDE]))
    whole = append_text(append_text(whole, prompt.encode()), text.encode(), HOLE)
    tokens = engine.vocab.spell(whole.tail)
    state = take(engine.vocab, whole, tokens, len(whole.tail))
    score = yield from score_pending(engine, state, close=True)
    return score
