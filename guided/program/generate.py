"""One prompt, one hole: what `model.generate` runs, as a row of the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from guided.constraints import AnyText, Constraint
from guided.errors import InputError
from guided.program.events import Emit, Event, TextAppended
from guided.program.watch import HoleWatch
from guided.runtime.bias import NO_PENALTIES, Penalties
from guided.runtime.canonical import Spelling
from guided.runtime.engine import Engine
from guided.runtime.healing import boundaries
from guided.runtime.hole import Healing, HoleRequest, HoleResult, HoleState, HoleToken, decode_hole
from guided.runtime.hole_score import score_pending
from guided.runtime.hole_text import TextState, append_ids, append_text, prepare, start, take
from guided.runtime.sampling import uniform_at
from guided.runtime.scheduler import Row
from guided.vocab import Vocabulary

__all__ = ["GenerateRequest", "Generated", "generate_row", "prompt_text", "so_far"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """A prompt text or chat messages, a constraint (None: any text), and how to sample.

    `seed` and `row` name the random numbers: row `n` of a batch draws the same ones alone.
    """

    prompt: str | None = None
    messages: Sequence[Mapping[str, Any]] | None = None
    constraint: Constraint | None = None
    max_tokens: int | None = 100
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    row: int = 0
    stop: tuple[str, ...] = ()
    stop_regex: Constraint | None = None
    penalties: Penalties = NO_PENALTIES
    min_tokens: int = 0
    logprobs: bool = False
    token_healing: bool = True
    canonical: bool = False


@dataclass(frozen=True, slots=True)
class Generated:
    """What came out: `tokens` overlap the text; healed tokens that only spell the prompt again are not among them."""

    text: str
    tokens: tuple[int, ...]
    finish_reason: Literal["stop", "length", "closed"]
    logprob: float | None
    num_sampled: int
    num_forced: int
    trace: tuple[HoleToken, ...]
    healing: Healing
    is_canonical: bool | None = None


def generate_row(
    engine: Engine,
    request: GenerateRequest,
    emit: Emit | None = None,
    observe: Callable[[HoleState], None] | None = None,
) -> Row[Generated]:
    """Generate once; raises a GuidedError where it cannot. Events: `TokenSampled` and `TextAppended` of hole `text`.

    `observe` is told of each state of the hole where there is no `emit`.
    """
    watch = HoleWatch(emit or _ignore, "text")
    hole = HoleRequest(
        constraint=request.constraint or AnyText(),
        stop=tuple(stop.encode() for stop in request.stop),
        stop_regex=request.stop_regex,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_k=request.top_k,
        top_p=request.top_p,
        min_p=request.min_p,
        penalties=request.penalties,
        min_tokens=request.min_tokens,
        uniform=partial(uniform_at, request.seed, request.row),
        logprobs=request.logprobs,
        token_healing=request.token_healing,
        canonical=request.canonical,
        observe=watch.look if emit is not None else observe,
    )
    result = yield from decode_hole(engine, prompt_text(engine.vocab, request.prompt, request.messages), hole)
    text = result.state
    try:
        if emit is not None:
            watch.close(result)
        rest = engine.vocab.spell(text.tail)
        ends = boundaries(engine.vocab, rest)
        tail = [token for token, end in zip(rest, ends, strict=True) if end > result.lead]
        if result.is_canonical and rest:
            decided = (*(text.seq.tokens if text.seq is not None else ()), *text.pending)
            result = replace(result, is_canonical=Spelling(engine.vocab).is_own(decided, rest, b""))
        logprob = result.logprob
        if request.logprobs:
            text = take(engine.vocab, text, rest, len(text.tail))
            text = prepare(engine, text, scored=True)
            logprob = (logprob or 0.0) + (yield from score_pending(engine, text))
    finally:
        if text.seq is not None:
            engine.close(text.seq)
    return _generated(result, tail, logprob, engine.vocab)


def so_far(state: HoleState | None) -> tuple[str, tuple[int, ...]]:
    """The text that is certain, in whole characters, and the tokens of a hole that has not ended."""
    events: list[Event] = []
    if state is not None:
        HoleWatch(events.append, "text").look(state)
    text = "".join(event.text for event in events if isinstance(event, TextAppended))
    return text, () if state is None else tuple(token.id for token in state.tokens)


def prompt_text(
    vocab: Vocabulary, prompt: str | None, messages: Sequence[Mapping[str, Any]] | None = None
) -> TextState:
    """The text of a prompt, or of a chat as the tokenizer's template renders it."""
    if messages is None:
        return append_text(start(vocab), (prompt or "").encode())
    if vocab.chat is None:
        raise InputError("this tokenizer has no chat template: give a prompt text instead of messages")
    return append_ids(vocab, TextState(), vocab.encode_segments(vocab.chat.segments(messages)))


def _generated(result: HoleResult, tail: list[int], logprob: float | None, vocab: Vocabulary) -> Generated:
    inside = [token.id for token in result.tokens if token.is_inside]
    return Generated(
        text=result.text.decode("utf-8", "replace"),
        tokens=(*inside, *tail),
        finish_reason=result.finish_reason,
        logprob=logprob,
        num_sampled=result.num_sampled,
        num_forced=result.num_forced + len(tail),
        trace=result.tokens,
        healing=result.healing,
        is_canonical=result.is_canonical,
    )


def _ignore(event: Event) -> None:
    pass
