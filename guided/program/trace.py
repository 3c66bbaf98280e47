"""A run as something to read: which text was fixed, which was forced, what the model chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from guided.program.events import Provenance
from guided.program.state import Piece
from guided.runtime.hole import HoleToken

__all__ = ["Segment", "SegmentKind", "hole_segments", "readable", "segments"]

SegmentKind: TypeAlias = Literal["fixed", "forced", "sampled", "healed", "control"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text of one kind: one token of the model, or fixed or forced text."""

    text: str
    kind: SegmentKind
    provenance: Provenance
    hole: str | None = None
    token: int | None = None
    logprob: float | None = None
    is_hidden: bool = False


def segments(pieces: Iterable[Piece]) -> Iterator[Segment]:
    """The whole run."""
    for piece in pieces:
        if piece.provenance == "model":
            yield from hole_segments(piece.text, piece.tokens, piece.hole, is_hidden=piece.is_hidden)
        elif piece.text:
            kind: SegmentKind = "control" if piece.provenance == "control" else "fixed"
            yield Segment(piece.text, kind, piece.provenance, is_hidden=piece.is_hidden)


def hole_segments(
    text: str, tokens: Sequence[HoleToken], hole: str | None = None, *, is_hidden: bool = False
) -> Iterator[Segment]:
    """A hole's text by its tokens; what no token brought was forced at the end.

    A healed token is cut to what it adds to the text, a token that reaches beyond the hole to what is in it.
    """
    data = text.encode()
    inside = [token for token in tokens if token.is_inside]
    lead = 0
    if inside and not data.startswith(inside[0].data[:1]):
        lead = _overlap(inside[0].data, data)
    at = 0
    for index, token in enumerate(inside):
        size = len(token.data) - (lead if index == 0 else 0)
        part = data[at : at + size]
        at += len(part)
        yield Segment(
            part.decode("utf-8", "replace"), token.kind, "model", hole, token.id, token.logprob, is_hidden=is_hidden
        )
    if at < len(data):
        yield Segment(data[at:].decode("utf-8", "replace"), "forced", "model", hole, is_hidden=is_hidden)


def _overlap(token: bytes, data: bytes) -> int:
    """How many bytes of the first token stand before the hole."""
    return next((skip for skip in range(len(token)) if data.startswith(token[skip:])), 0)


def readable(parts: Iterable[Segment]) -> str:
    """One line: forced text in « », sampled tokens bare, a dot at the end; fixed text in [ ].

    >>> parts = [Segment("[", "forced", "model"), Segment("7", "sampled", "model"), Segment("]", "forced", "model")]
    >>> readable(parts)
    '«[» 7 «]» .'
    """
    words: list[str] = []
    for kind, group in groupby(parts, key=lambda part: part.kind):
        texts = [part.text for part in group if part.text]
        if not texts:
            continue
        if kind in ("sampled", "healed"):
            words += texts
        else:
            opening, closing = ("«", "»") if kind == "forced" else ("[", "]")
            words.append(opening + "".join(texts) + closing)
    return " ".join([*words, "."])
