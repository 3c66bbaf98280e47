"""Which tokens are in the cache, and which of them may go.

A trie over token ids whose nodes *are* the cache slots: a slot knows its parent, its token and how many users it
has (children, and sequences that end in it). A slot without users is idle; idle slots are evicted in the order in
which they were last used, leaves before their parents, so a closed sequence stays as a prefix until room is needed.
A look-up costs one dictionary access per token; nothing here is a Python object per token. Each namespace has a root of
its own, so nothing of one is ever found from another.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guided.runtime.arena import Arena
from guided.runtime.sequence import ROOT

__all__ = ["CacheStats", "PrefixCache"]

NOT_CACHED = -2  # parent of a slot that holds nothing; other negative numbers are roots


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What the cache holds now, and what became of look-ups since the model was loaded. Counts are tokens."""

    capacity: int  # what `cache_bytes` has room for
    num_slots: int  # what memory is taken for so far
    num_cached: int  # of live and of finished sequences
    num_live: int  # of live sequences; the others can be evicted
    num_asked: int  # looked up by `open`
    num_found: int  # and found
    num_evicted: int
    bytes_per_token: int

    @property
    def hit_rate(self) -> float:
        """The share of tokens that was found; 0 before anything was asked."""
        return self.num_found / self.num_asked if self.num_asked else 0.0


class PrefixCache:
    """The trie. With `reuse=False` nothing can be looked up and a slot is freed with its last user."""

    def __init__(self, arena: Arena, *, reuse: bool = True) -> None:
        self._arena = arena
        self._reuse = reuse
        self._slot_of: dict[int, int] = {}  # (parent << 32 | token) -> slot
        self._parent: list[int] = []
        self._token: list[int] = []
        self._users: list[int] = []
        self._last_used = np.zeros(0, np.int64)
        self._idle: list[tuple[int, int]] = []  # heap of (last used, slot); entries may be out of date
        self._clock = 0
        self._roots: dict[Hashable, int] = {None: ROOT}
        self.num_asked = self.num_found = self.num_evicted = 0
        self.fit()

    def root(self, namespace: Hashable) -> int:
        """Where the paths of a namespace begin; None is the one that all share who name none."""
        return self._roots.setdefault(namespace, ROOT if namespace is None else NOT_CACHED - len(self._roots))

    def num_live(self) -> int:
        """Tokens that are on the path of a live sequence. Walks the whole cache."""
        parents = [parent for parent in self._parent if parent >= 0]
        num_children = (
            np.bincount(parents, minlength=len(self._parent)) if parents else np.zeros(len(self._parent), int)
        )
        live = np.zeros(len(self._parent), bool)
        for slot, users in enumerate(self._users):
            if self._parent[slot] == NOT_CACHED or users <= num_children[slot]:
                continue
            while slot >= 0 and not live[slot]:
                live[slot] = True
                slot = self._parent[slot]
        return int(live.sum())

    def fit(self) -> None:
        """Make room for slots that the arena has grown by."""
        missing = self._arena.num_slots - len(self._parent)
        self._parent += [NOT_CACHED] * missing
        self._token += [0] * missing
        self._users += [0] * missing
        self._last_used = np.concatenate([self._last_used, np.zeros(missing, np.int64)])

    def match(self, tokens: Sequence[int], root: int = ROOT) -> list[int]:
        """The slots of the longest cached prefix of `tokens`."""
        slots = self.walk(root, tokens)
        self.num_asked += len(tokens)
        self.num_found += len(slots)
        return slots

    def walk(self, parent: int, tokens: Iterable[int]) -> list[int]:
        """The slots of those of `tokens` that are cached one after the other after the path that ends in `parent`."""
        slots: list[int] = []
        slot_of = self._slot_of
        for token in tokens:
            slot = slot_of.get(parent << 32 | token)
            if slot is None:
                break
            slots.append(slot)
            parent = slot
        return slots

    def insert(self, parent: int, token: int, slot: int) -> None:
        """`slot` now holds `token` after `parent`; it has no users yet and must get one before the next eviction."""
        if self._reuse:
            self._slot_of[parent << 32 | token] = slot
        self._parent[slot] = parent
        self._token[slot] = token
        self._users[slot] = 0
        self._last_used[slot] = self._clock
        if parent >= 0:
            self._users[parent] += 1

    def holds(self, slot: int) -> bool:
        """Whether the slot holds a token now."""
        return self._parent[slot] != NOT_CACHED

    def pin(self, slot: int) -> None:
        """One more user of the path that ends in `slot`."""
        if slot >= 0:
            self._users[slot] += 1

    def unpin(self, slot: int) -> None:
        """One user fewer; without any the slot is idle."""
        if slot >= 0:
            self._users[slot] -= 1
            if not self._users[slot]:
                self._retire(slot)

    def touch(self, slots: npt.NDArray[np.int32]) -> None:
        """These slots were used just now."""
        self._clock += 1
        self._last_used[slots] = self._clock

    def remove(self, slot: int) -> None:
        """Forget a slot that has no users, and give it back to the arena."""
        parent = self._parent[slot]
        if self._reuse:
            del self._slot_of[parent << 32 | self._token[slot]]
        self._parent[slot] = NOT_CACHED
        self._arena.free((slot,))
        self.unpin(parent)

    def discard(self, slots: Iterable[int]) -> None:
        """Forget slots without users whose keys and values were never computed, children before parents."""
        for slot in slots:
            if self._parent[slot] != NOT_CACHED:
                self.remove(slot)

    def evict(self, count: int) -> bool:
        """Remove idle slots, least recently used first, until `count` are free; False if they do not suffice."""
        while self._arena.num_free < count and self._idle:
            entry = heapq.heappop(self._idle)
            if self._is_idle(*entry):
                self.remove(entry[1])
                self.num_evicted += 1
        return self._arena.num_free >= count

    def clear(self) -> None:
        """Remove everything that is idle."""
        self.evict(self._arena.num_slots)

    def _is_idle(self, last_used: int, slot: int) -> bool:
        """Whether an entry of the heap still says the truth."""
        return self._parent[slot] != NOT_CACHED and not self._users[slot] and int(self._last_used[slot]) == last_used

    def _retire(self, slot: int) -> None:
        """A slot has lost its last user."""
        if self._reuse:
            heapq.heappush(self._idle, (int(self._last_used[slot]), slot))
            if len(self._idle) > 2 * self._arena.num_slots:
                self._idle = [entry for entry in set(self._idle) if self._is_idle(*entry)]
                heapq.heapify(self._idle)
            return
        while slot >= 0 and not self._users[slot]:
            parent = self._parent[slot]
            self._parent[slot] = NOT_CACHED
            self._arena.free((slot,))
            if parent >= 0:
                self._users[parent] -= 1
            slot = parent
