"""A text under way: tokens in the cache, tokens decided but not computed, bytes decided but not yet tokens.

`TextState` is a value but for its sequence handle: fork the handle before two states use it. Invariant: once the
sequence holds a token there is a pending one, so that the next forward has a row to choose after; therefore forced and
sampled tokens alike wait in `pending` until a forward is needed anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guided.errors import GenerationError
from guided.runtime.healing import boundaries, token_table

if TYPE_CHECKING:
    from guided.runtime.engine import Engine, EngineSequence
    from guided.vocab import Vocabulary

__all__ = [
    "FIXED",
    "HOLE",
    "OUTSIDE",
    "TextState",
    "append_control",
    "append_ids",
    "append_text",
    "beginning",
    "fork",
    "longest_token",
    "prepare",
    "repend",
    "start",
    "take",
    "trim",
]

OUTSIDE, FIXED, HOLE = 0, 1, 2
"""What a byte or token belongs to: text that no search scores, fixed text of a searched region, a hole."""


@dataclass(frozen=True, slots=True)
class TextState:
    """`marks` and `tail_marks` hold one of OUTSIDE, FIXED, HOLE per token of `pending` and per byte of `tail`."""

    seq: EngineSequence | None = None
    pending: tuple[int, ...] = ()
    marks: bytes = b""
    tail: bytes = b""
    tail_marks: bytes = b""


def start(vocab: Vocabulary) -> TextState:
    """An empty text, after BOS where the tokenizer's configuration says so."""
    if vocab.add_bos and vocab.bos_id is not None:
        return TextState(pending=(vocab.bos_id,), marks=bytes([OUTSIDE]))
    return TextState()


def append_text(text: TextState, data: bytes, mark: int = OUTSIDE) -> TextState:
    """`data` after all that is there; it becomes tokens when a hole opens."""
    if not data:
        return text
    tail_marks = text.tail_marks + bytes([mark]) * len(data)
    return TextState(text.seq, text.pending, text.marks, text.tail + data, tail_marks)


def append_control(vocab: Vocabulary, text: TextState, ids: Sequence[int], mark: int = OUTSIDE) -> TextState:
    """Control tokens after all that is there: a boundary that nothing crosses."""
    text = take(vocab, text, vocab.spell(text.tail), len(text.tail))
    return replace(text, pending=(*text.pending, *ids), marks=text.marks + bytes([mark]) * len(ids))


def append_ids(vocab: Vocabulary, text: TextState, ids: Sequence[int], mark: int = OUTSIDE) -> TextState:
    """Tokens of a rendered chat: control ids are boundaries, what stands between them is text that can be healed."""
    run: list[int] = []
    for token in ids:
        if vocab.tokens[token] is not None:
            run.append(token)
            continue
        text = append_control(vocab, append_text(text, vocab.decode(run), mark), [token], mark)
        run = []
    return append_text(text, vocab.decode(run), mark)


def take(vocab: Vocabulary, text: TextState, tokens: Sequence[int], num_bytes: int) -> TextState:
    """The first `num_bytes` bytes of the tail are `tokens` now, each marked with the highest mark of its bytes."""
    first = text.tail_marks[:1]
    if first and not text.tail_marks.strip(first):  # all alike, as in a prompt
        marks = first * len(tokens)
    else:
        ends = boundaries(vocab, tokens)
        starts = [0, *ends[:-1]]
        marks = bytes(max(text.tail_marks[a:b], default=OUTSIDE) for a, b in zip(starts, ends, strict=False))
    return TextState(
        text.seq,
        (*text.pending, *tokens),
        text.marks + marks,
        text.tail[num_bytes:],
        text.tail_marks[num_bytes:],
    )


def prepare(engine: Engine, text: TextState, *, scored: bool = False) -> TextState:
    """With a sequence and at least one pending token: ready for a forward.

    A new sequence holds what the cache has of the text; with `scored` only what stands before the first marked token,
    so that every marked token is computed and can be scored.
    """
    text = repend(engine, text)
    pending, marks = text.pending, text.marks
    if not pending:
        pending, marks = (beginning(engine.vocab),), bytes([OUTSIDE])
    if text.seq is not None:
        return text if text.pending else replace(text, pending=pending, marks=marks)
    first = next((i for i, mark in enumerate(marks) if mark != OUTSIDE), len(marks)) if scored else len(marks)
    seq = engine.open(pending[: max(1, first)])
    return replace(text, seq=seq, pending=pending[seq.length :], marks=marks[seq.length :])


def beginning(vocab: Vocabulary) -> int:
    """What an empty text begins with."""
    if vocab.bos_id is not None:
        return vocab.bos_id
    if vocab.eos_ids:
        return min(vocab.eos_ids)
    raise GenerationError("nothing to continue: the text is empty and the tokenizer has no BOS token; give a prompt")


def repend(engine: Engine, text: TextState) -> TextState:
    """Restore the invariant: with nothing pending, the last token is taken out of the cache and waits again."""
    if text.pending or text.seq is None or not text.seq.length:
        return text
    last = text.seq.tokens[text.seq.length - 1]
    engine.crop(text.seq, text.seq.length - 1)
    return replace(text, pending=(last,), marks=bytes([OUTSIDE]))


def fork(engine: Engine, text: TextState) -> TextState:
    """A second text that starts as a copy, sharing the cache."""
    return text if text.seq is None else replace(text, seq=engine.fork(text.seq)[0])


def trim(engine: Engine, text: TextState, num_bytes: int) -> TextState:
    """Without its last `num_bytes` bytes; a token that begins before them becomes bytes again."""
    in_tail = min(num_bytes, len(text.tail))
    kept = len(text.tail) - in_tail
    text = replace(text, tail=text.tail[:kept], tail_marks=text.tail_marks[:kept])
    left = num_bytes - in_tail
    while left > 0:
        text = prepare(engine, text) if text.seq is not None else text
        token, mark = text.pending[-1], text.marks[-1]
        data = engine.vocab.tokens[token]
        if data is None:
            raise GenerationError("cannot take back text across a control token")
        kept = max(0, len(data) - left)
        left -= len(data) - kept
        text = replace(
            text,
            pending=text.pending[:-1],
            marks=text.marks[:-1],
            tail=data[:kept] + text.tail,
            tail_marks=bytes([mark]) * kept + text.tail_marks,
        )
    return repend(engine, text)


def longest_token(vocab: Vocabulary) -> int:
    """Bytes of the longest token."""
    return token_table(vocab).max_bytes
