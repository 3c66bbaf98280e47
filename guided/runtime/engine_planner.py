"""From "append these tokens to those sequences" to a `Plan`: what is really new, where it goes, who wants which row.

Each row walks the prefix cache from its sequence's tip. A token that is cached already is reused, unless its hidden
row is wanted: then it is computed again and its keys and values are left as they are. A token that another row of
the same step computes is shared with it. The rest gets slots. Nothing is final before `commit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from guided.runtime.engine_plan import BIN_SLOT, IntArray, Plan, Segment
from guided.runtime.prefix_cache import PrefixCache
from guided.runtime.sequence import CachedSequence

__all__ = ["PlannedRow", "Planner"]


@dataclass(slots=True)
class PlannedRow:
    """One `Extend`, planned: the slots of its tokens and which of the plan's hidden rows are its own."""

    seq: CachedSequence
    tokens: list[int]
    slots: list[int]
    hidden: tuple[int, ...]
    num_computed: int = 0
    num_reused: int = 0


class Planner:
    """Plans one step. `allocate(count, after)` gives slots or raises."""

    def __init__(self, cache: PrefixCache, allocate: Callable[[int, int], list[int]]) -> None:
        self.num_reused = 0
        self._cache = cache
        self._allocate = allocate
        self._rows: list[PlannedRow] = []
        self._new: list[int] = []  # slots inserted in this step, parents first
        self._packed_of: dict[int, int] = {}  # slot computed in this step -> packed index
        self._wanted: dict[int, int] = {}  # packed index -> row of what `forward` returns
        self._segments: list[Segment] = []
        self._tokens: list[int] = []
        self._positions: list[int] = []
        self._write: list[int] = []
        self._offsets: list[int] = [0]

    def add(self, seq: CachedSequence, tokens: list[int], want: str) -> PlannedRow:
        """Plan one row. If it raises, call `roll_back`."""
        before = len(self._tokens), self.num_reused
        first_wanted = {"all": 0, "last": len(tokens) - 1, "none": len(tokens)}[want]
        slots, again = self._walk(seq.tip, tokens, first_wanted)
        num_cached = len(slots)
        parent = slots[-1] if slots else seq.tip
        if num_cached < len(tokens):
            slots += self._insert(parent, tokens[num_cached:])
        self._cache.pin(slots[-1])
        path = seq.path_with(slots)
        self._rows.append(row := PlannedRow(seq, tokens, slots, ()))
        for first, stop in again:
            self._compute(tokens, first, stop, seq.length, path, is_again=True)
        if num_cached < len(tokens):
            self._compute(tokens, num_cached, len(tokens), seq.length, path, is_again=False)
        row.hidden = tuple(self._want(slot) for slot in slots[first_wanted:])
        row.num_computed, row.num_reused = len(self._tokens) - before[0], self.num_reused - before[1]
        return row

    def plan(self) -> Plan:
        return Plan(
            segments=self._segments,
            tokens=np.array(self._tokens, np.int32),
            positions=np.array(self._positions, np.int32),
            write=np.array(self._write, np.int32),
            offsets=np.array(self._offsets, np.int32),
            wanted=np.array(list(self._wanted), np.int32),
        )

    def commit(self) -> None:
        """The forward is done: the sequences are longer."""
        for row in self._rows:
            old = row.seq.tip
            row.seq.extend(row.tokens, row.slots)
            self._cache.unpin(old)

    def roll_back(self) -> None:
        """Forget all that was planned; the cache and the sequences are as they were."""
        for row in self._rows:
            self._cache.unpin(row.slots[-1])
        self._cache.discard(reversed(self._new))

    def _walk(self, tip: int, tokens: list[int], first_wanted: int) -> tuple[list[int], list[tuple[int, int]]]:
        """The slots of the tokens that are cached, and the ranges of tokens to compute again for their rows."""
        slots = self._cache.walk(tip, tokens)
        again: list[tuple[int, int]] = []
        self.num_reused += min(len(slots), first_wanted)
        for i in range(first_wanted, len(slots)):
            if slots[i] in self._packed_of:
                self.num_reused += 1
            elif again and again[-1][1] == i:
                again[-1] = (again[-1][0], i + 1)
            else:
                again.append((i, i + 1))
        return slots, again

    def _insert(self, parent: int, tokens: list[int]) -> list[int]:
        """New slots for `tokens` after `parent`, which must not be evicted to make room for them."""
        self._cache.pin(parent)
        try:
            slots = self._allocate(len(tokens), parent)
        finally:
            self._cache.unpin(parent)
        for token, slot in zip(tokens, slots, strict=True):
            self._cache.insert(parent, token, slot)
            self._new.append(slot)
            parent = slot
        return slots

    def _compute(
        self, tokens: list[int], first: int, stop: int, length: int, path: IntArray, *, is_again: bool
    ) -> None:
        """One segment: tokens `first : stop` of the row, whose sequence has `length` tokens before them."""
        slots = path[length + first : length + stop].tolist()
        packed = len(self._tokens)
        for i, slot in enumerate(slots):
            self._packed_of[slot] = packed + i
        self._tokens += tokens[first:stop]
        self._positions += range(length + first, length + stop)
        self._write += [BIN_SLOT] * len(slots) if is_again else slots
        self._offsets.append(len(self._tokens))
        chunk = np.array(tokens[first:stop], np.int32)
        self._segments.append(Segment(tokens=chunk, start=length + first, slots=path[: length + stop]))

    def _want(self, slot: int) -> int:
        return self._wanted.setdefault(self._packed_of[slot], len(self._wanted))
