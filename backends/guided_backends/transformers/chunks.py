"""Cut a plan that is too large for one forward into several.

A token attends to its own path only, and a path's earlier tokens stand earlier in the plan; so a plan can be cut
between any two packed tokens. Two reasons to cut: memory (the mask has one cell per token and slot), and that a
masked forward looks at every slot for every token, while a long text on its own needs no mask and skips the half
that is in the future: 2,160 tokens on one thread take 1.7 s without a mask, 2.0 s with one, 1.75 s with one in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guided.runtime.engine_plan import Plan, Segment

__all__ = ["Chunk", "ChunkLimits", "chunks"]


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """The most that one forward takes; a beginning of `alone` tokens or more gets forwards of its own."""

    rows: int | None = None  # segments
    tokens: int = 1024
    tokens_alone: int = 4096
    alone: int = 256
    mask_cells: int = 1 << 26  # tokens * slots


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a plan; its hidden rows are rows `places` of the whole plan's."""

    plan: Plan
    places: npt.NDArray[np.int64]


def chunks(plan: Plan, limits: ChunkLimits) -> Iterator[Chunk]:
    """The whole plan in one, mostly; else parts to be run in order."""
    if len(plan.segments) == 1 and plan.num_tokens <= min(
        limits.tokens, limits.mask_cells // len(plan.segments[0].slots)
    ):
        yield Chunk(plan, np.arange(len(plan.wanted)))
        return
    cuts = list(_cuts(plan, limits))
    for first, stop in zip([0, *cuts], [*cuts, plan.num_tokens], strict=True):
        places = np.flatnonzero((plan.wanted >= first) & (plan.wanted < stop))
        yield Chunk(plan if not cuts else _part(plan, first, stop, plan.wanted[places] - first), places)


def _cuts(plan: Plan, limits: ChunkLimits) -> Iterator[int]:
    """The packed indices at which a new chunk begins."""
    by_memory = max(1, limits.mask_cells // _width(plan))
    begin, rows, was_alone = 0, 0, False
    for segment, stop in zip(plan.segments, plan.offsets[1:].tolist(), strict=True):
        first = stop - len(segment.tokens)
        is_alone = segment.start == 0 and len(segment.tokens) >= limits.alone
        most = min(by_memory, limits.tokens_alone if is_alone else limits.tokens)
        if first > begin and (is_alone or was_alone or rows == limits.rows or stop - begin > most):
            yield (begin := first)
            rows = 0
        while stop - begin > most:
            yield (begin := begin + most)
            rows = 0
        rows += 1
        was_alone = is_alone


def _width(plan: Plan) -> int:
    """About as many slots as a mask of the whole plan is wide."""
    num_slots = sum(len(segment.slots) for segment in plan.segments)
    if num_slots * plan.num_tokens <= 1 << 20:  # small enough not to look closer
        return num_slots
    low = min(int(segment.slots.min()) for segment in plan.segments)
    high = max(int(segment.slots.max()) for segment in plan.segments)
    return min(num_slots, high + 1 - low)


def _part(plan: Plan, first: int, stop: int, wanted: npt.NDArray[np.int32]) -> Plan:
    segments, counts = [], [0]
    for segment, offset in zip(plan.segments, plan.offsets.tolist(), strict=False):
        low, high = max(first - offset, 0), min(stop - offset, len(segment.tokens))
        if low < high:
            start = segment.start + low
            segments.append(Segment(segment.tokens[low:high], start, segment.slots[: segment.start + high]))
            counts.append(high - low)
    return Plan(
        segments=segments,
        tokens=plan.tokens[first:stop],
        positions=plan.positions[first:stop],
        write=plan.write[first:stop],
        offsets=np.cumsum(counts).astype(np.int32),
        wanted=wanted,
    )
