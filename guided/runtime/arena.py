"""Which slots of the KV arena are free, and where the next tokens should go.

Any slot can hold any token, so a full arena never fails for want of neighbours; but a sequence whose slots are
neighbours is read without a gather. So the free slots are kept as ranges, a growing sequence gets the slot after
its last one, and a new one starts some way into a range that is near or large, leaving its neighbour room to grow.
Cost: O(1) per slot taken or given back, O(ranges) to start a new run.
"""

from __future__ import annotations

from collections.abc import Iterable

from guided.runtime.engine_plan import BIN_SLOT

__all__ = ["HEADROOM", "Arena"]

NEAR = 1024  # slots between two runs of one sequence that are still read together, without a gather
HEADROOM = 256  # slots left free before a new run, for the sequence that ends there


class Arena:
    """Slots `0 .. num_slots - 1`; slot `BIN_SLOT` is never given out."""

    def __init__(self, num_slots: int, maximum: int) -> None:
        self.num_slots = num_slots
        self.maximum = maximum
        self.num_free = 0
        self._stop_of: dict[int, int] = {}  # free ranges: start -> stop
        self._start_of: dict[int, int] = {}  # and back: stop -> start
        self._add(BIN_SLOT + 1, num_slots)

    @property
    def num_used(self) -> int:
        return self.num_slots - 1 - self.num_free

    def grow(self) -> int:
        """Twice the slots, or as many as the budget allows; returns the new number."""
        old, self.num_slots = self.num_slots, min(2 * self.num_slots, self.maximum)
        self._add(old, self.num_slots)
        return self.num_slots

    def has_room(self, count: int, after: int, headroom: int = 0) -> bool:
        """Whether `count` slots are free in one piece, behind slot `after` or elsewhere, there with `headroom` besides.

        In an arena that is small beside it `headroom` is not asked for.

        >>> arena = Arena(8, 8)
        >>> arena.free([arena.allocate(7, -1)[2]])
        >>> arena.has_room(1, 6), arena.has_room(2, 6)
        (True, False)
        """
        if count > self.num_free:
            return False
        if self._stop_of.get(after + 1, 0) - (after + 1) >= count:
            return True
        wanted = count + (headroom if headroom <= self.num_slots // 4 else 0)
        return any(stop - start >= wanted for start, stop in self._stop_of.items())

    def allocate(self, count: int, after: int) -> list[int]:
        """`count` slots, behind slot `after` as far as that is free. The caller has made sure that there are enough.

        >>> arena = Arena(8, 8)
        >>> arena.allocate(2, -1), arena.allocate(1, 2)
        ([1, 2], [3])
        """
        assert count <= self.num_free, "reserve before you allocate"
        slots: list[int] = []
        if after + 1 in self._stop_of:
            slots += self._take(after + 1, count)
        while len(slots) < count:
            slots += self._take(self._place(count - len(slots), after), count - len(slots))
        return slots

    def free(self, slots: Iterable[int]) -> None:
        for slot in slots:
            self._add(slot, slot + 1)

    def _place(self, count: int, after: int) -> int:
        """Where a new run of `count` slots should start: near what it goes on from, else in the largest range."""
        near = [
            start
            for start, stop in self._stop_of.items()
            if 0 <= after < start <= after + NEAR and stop - start >= count + HEADROOM
        ]
        start = min(near) if near else max(self._stop_of, key=lambda start: self._stop_of[start] - start)
        room = self._stop_of[start] - start - count
        if start == BIN_SLOT + 1 or room <= 0:
            return start
        return self._split(start, start + min(HEADROOM, room // 2))

    def _split(self, start: int, at: int) -> int:
        """Cut the free range at `start` in two; returns the start of the second part."""
        if at != start:
            stop = self._stop_of[start]
            self._stop_of[start], self._stop_of[at] = at, stop
            self._start_of[at], self._start_of[stop] = start, at
        return at

    def _take(self, start: int, count: int) -> range:
        """At most `count` slots from the beginning of a free range."""
        stop = self._stop_of.pop(start)
        end = min(stop, start + count)
        if end == stop:
            del self._start_of[stop]
        else:
            self._stop_of[end] = stop
            self._start_of[stop] = end
        self.num_free -= end - start
        return range(start, end)

    def _add(self, start: int, stop: int) -> None:
        """Make a range free, merged with the free ranges on both sides."""
        self.num_free += stop - start
        if start in self._start_of:
            start = self._start_of.pop(start)
        if stop in self._stop_of:
            stop = self._stop_of.pop(stop)
        self._stop_of[start] = stop
        self._start_of[stop] = start
