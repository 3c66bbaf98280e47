"""Who wrote what: the pieces of a run's text, in order, with the tokens decided at each hole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guided.program import Piece, Segment, readable, run_html, segments

__all__ = ["Trace"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The pieces of a run; printed, one line: fixed text in `[ ]`, forced text in `« »`, sampled tokens bare."""

    pieces: tuple[Piece, ...]

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __str__(self) -> str:
        return readable(self.segments)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The text cut by token: each with its kind, hole and log p."""
        return tuple(segments(self.pieces))

    def _repr_html_(self) -> str:
        return run_html(self.pieces)
