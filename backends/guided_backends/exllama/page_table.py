"""Where the tokens of slots lie in pages.

exllama reads a text through a list of pages, so the tokens of a path must lie in order, page after page. Slots (the
engine's names of cached tokens) know no order; this table gives each slot one *cell* of one page, its home. Invariant:
the page of a slot's home holds, before that cell, the tokens of the slot's path. Paths share full pages; where two
part in the middle of a page, the second one gets a copy of the page's beginning, whose tokens keep their homes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guided.errors import CacheFull

__all__ = ["PageCopy", "PageTable"]

Ints = npt.NDArray[np.int32]
NOTHING = -1


@dataclass(frozen=True, slots=True)
class PageCopy:
    """Copy the first `count` cells of a page to another before the next forward."""

    source: int
    target: int
    count: int


class PageTable:
    """`holds(slot)`: whether the slot's token is still cached. `evict(count)`: let idle tokens go; False if none is."""

    def __init__(
        self, num_pages: int, page_size: int, *, holds: Callable[[int], bool], evict: Callable[[int], bool]
    ) -> None:
        self.page_size = page_size
        self._slots = np.full((num_pages, page_size), NOTHING, np.int32)  # what each cell holds
        self._homes = np.full(0, NOTHING, np.int64)  # slot -> page * page_size + offset
        self._free = list(range(num_pages - 1, -1, -1))
        self._holds = holds
        self._evict = evict

    @property
    def num_free(self) -> int:
        return len(self._free)

    def resize(self, num_slots: int) -> None:
        more = np.full(num_slots - len(self._homes), NOTHING, np.int64)
        self._homes = np.concatenate([self._homes, more])

    def pages(self, path: Ints, length: int) -> list[int]:
        """The pages of the first `length` tokens of a path, all of which have homes."""
        size = self.page_size
        ends = path[[*range(size - 1, length, size), *([length - 1] if length % size else [])]]
        pages: list[int] = (self._homes[ends] // size).tolist()
        return pages

    def place(self, path: Ints, start: int) -> tuple[list[int], PageCopy | None]:
        """Give homes to the tokens from `start` on; the pages of the whole path, and what to copy first."""
        pages, copy = self.pages(path, start), None
        size, at = self.page_size, start
        inside = start % size
        if inside:
            stop = min(len(path), start - inside + size)
            if not self._is_vacant(pages[-1], inside, inside + stop - start):
                copy = PageCopy(pages[-1], self._take(), inside)
                self._slots[copy.target, :inside] = path[start - inside : start]
                pages[-1] = copy.target
            self._settle(pages[-1], inside, path[start:stop])
            at = stop
        while at < len(path):
            pages.append(self._take())
            self._settle(pages[-1], 0, path[at : at + size])
            at += size
        return pages, copy

    def _settle(self, page: int, offset: int, slots: Ints) -> None:
        cells = np.arange(offset, offset + len(slots))
        self._slots[page, cells] = slots
        self._homes[slots] = page * self.page_size + cells

    def _tenants(self, page: int, first: int, stop: int) -> Iterator[int]:
        """The cached slots at home in these cells."""
        slots = self._slots[page, first:stop]
        cells = page * self.page_size + np.arange(first, stop)
        at_home = (slots != NOTHING) & (self._homes[slots] == cells)
        return (slot for slot in slots[at_home].tolist() if self._holds(slot))

    def _is_vacant(self, page: int, first: int, stop: int) -> bool:
        return next(self._tenants(page, first, stop), None) is None

    def _take(self) -> int:
        """A free page: one that never was used, one whose tenants are gone, or one made free by evicting."""
        while not self._free:
            self._sweep()
            if not self._free and not self._evict(self.page_size):
                raise CacheFull(
                    f"the KV cache is full: live sequences hold all {len(self._slots)} pages of {self.page_size} "
                    "tokens of cache_bytes; close sequences, run fewer rows at once, or load the model with more of it"
                )
        return self._free.pop()

    def _sweep(self) -> None:
        """Find the pages in which nobody is at home any more."""
        for page in range(len(self._slots)):
            if self._is_vacant(page, 0, self.page_size):
                self._slots[page] = NOTHING
                self._free.append(page)
