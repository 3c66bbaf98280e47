"""A sequence: its tokens and the cache slot of each, which together are a path in the prefix cache.

Copying one costs two small arrays; keys and values are never copied. The last slot is the sequence's `tip`: that
alone is pinned, since a slot with children in the cache cannot be evicted. A sequence that is forgotten instead of
closed leaves its tip in `forgotten`, where its engine finds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["ROOT", "CachedSequence"]

ROOT = -1
"""The tip of an empty sequence: the parent of every first token. Other namespaces have other negative numbers."""


class CachedSequence:
    """Tokens whose keys and values are in the cache. Change it through its engine only."""

    __slots__ = ("_forgotten", "_room", "_tokens", "is_closed", "root")

    def __init__(
        self,
        tokens: Sequence[int],
        slots: Sequence[int] | npt.NDArray[np.int32],
        forgotten: deque[int],
        root: int = ROOT,
    ) -> None:
        self._tokens = list(tokens)
        self._forgotten = forgotten
        self._room = np.empty(max(64, 2 * len(slots)), np.int32)
        self._room[: len(slots)] = slots
        self.is_closed = False
        self.root = root

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens computed so far; do not change the list."""
        return self._tokens

    @property
    def length(self) -> int:
        return len(self._tokens)

    @property
    def slots(self) -> npt.NDArray[np.int32]:
        """int32[length], a view."""
        return self._room[: len(self._tokens)]

    @property
    def tip(self) -> int:
        return int(self._room[len(self._tokens) - 1]) if self._tokens else self.root

    def path_with(self, slots: Sequence[int]) -> npt.NDArray[np.int32]:
        """The slots of this sequence followed by `slots`, which `extend` will be told of later.

        The view shares memory with the sequence: it is good until something else is appended.
        """
        length = len(self._tokens)
        needed = length + len(slots)
        if needed > len(self._room):
            room = np.empty(2 * needed, np.int32)
            room[:length] = self._room[:length]
            self._room = room
        self._room[length:needed] = slots
        return self._room[:needed]

    def extend(self, tokens: Sequence[int], slots: Sequence[int]) -> None:
        self.path_with(slots)
        self._tokens.extend(tokens)

    def crop(self, length: int) -> None:
        del self._tokens[length:]

    def copy(self) -> CachedSequence:
        return CachedSequence(self._tokens, self.slots, self._forgotten, self.root)

    def __del__(self) -> None:
        if not getattr(self, "is_closed", True):
            self._forgotten.append(self.tip)

    def __repr__(self) -> str:
        return f"CachedSequence({self.length} tokens{', closed' if self.is_closed else ''})"
