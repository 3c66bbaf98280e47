"""What one forward has to compute, as a backend sees it.

A `Plan` is a packed list of tokens, cut into `Segment`s. A segment is a run of tokens on one path of the prefix
tree; it names the cache slot of every token on that path, so a backend needs to know nothing of sequences, forks
or reuse. Each (path, token) stands in a plan at most once, however many sequences ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BIN_SLOT", "Plan", "Segment"]

IntArray = npt.NDArray[np.int32]

BIN_SLOT = 0
"""A slot that no sequence ever attends to: tokens that are computed again only for their hidden row write here."""


@dataclass(frozen=True, slots=True)
class Segment:
    """`tokens` stand at positions `start, start + 1, ...` of a path whose slots are `slots`, from position 0 on.

    Token i of the segment attends to `slots[: start + i + 1]`, itself included: that is the causal mask. The arrays
    are good during the forward only.
    """

    tokens: IntArray  # int32[n], n >= 1
    start: int
    slots: IntArray  # int32[start + n]

    def runs(self) -> list[tuple[int, int]]:
        """The slots as half-open ranges of neighbours, in order: mostly one or two, so attention needs no gather.

        >>> slots = np.array([4, 5, 6, 9, 10], np.int32)
        >>> Segment(tokens=slots[:1], start=4, slots=slots).runs()
        [(4, 7), (9, 11)]
        """
        slots = self.slots
        first, last = int(slots[0]), int(slots[-1])
        breaks = np.flatnonzero(slots[1:] - slots[:-1] != 1)
        if not len(breaks):
            return [(first, last + 1)]
        stops = slots[breaks] + 1
        starts = slots[breaks + 1]
        return list(zip([first, *starts.tolist()], [*stops.tolist(), last + 1], strict=True))


@dataclass(frozen=True, slots=True)
class Plan:
    """One forward over the tokens of all segments, packed one after the other (T of them).

    In every layer the keys and values of *all* packed tokens are written, to `write`, before any token attends: a
    segment may attend to slots that another segment of the same plan writes. What to attend to is said by the
    segments' `slots` alone; `write` differs from them where it is `BIN_SLOT` (the slot keeps what it has).
    """

    segments: Sequence[Segment]
    tokens: IntArray  # int32[T]
    positions: IntArray  # int32[T]
    write: IntArray  # int32[T]: the slot for the keys and values of each packed token
    offsets: IntArray  # int32[S + 1]: segment s is packed at offsets[s] : offsets[s + 1]
    wanted: IntArray  # int32[K]: the packed indices whose final hidden rows `forward` returns, in this order

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)
