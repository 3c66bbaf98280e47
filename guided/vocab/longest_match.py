"""Tokens for bytes that no tokenizer takes: the longest token first.

Used for invalid UTF-8 and for text that the tokenizer's own model cannot spell. Not canonical, but exact.
"""

from __future__ import annotations

from collections.abc import Sequence

from guided.errors import VocabularyError

__all__ = ["LongestMatch"]


class LongestMatch:
    """Greedy longest-match over the text tokens of a vocabulary.

    >>> LongestMatch([None, b"a", b"ab", b"c"]).encode(b"abca")
    [2, 3, 1]
    """

    def __init__(self, tokens: Sequence[bytes | None]) -> None:
        self._id_of: dict[bytes, int] = {}
        for token, spelled in enumerate(tokens):
            if spelled:
                self._id_of.setdefault(spelled, token)
        self._longest = max(map(len, self._id_of), default=0)

    def encode(self, data: bytes) -> list[int]:
        """Ids whose bytes are `data`; raises VocabularyError where no token fits."""
        ids: list[int] = []
        position = 0
        while position < len(data):
            for length in range(min(self._longest, len(data) - position), 0, -1):
                token = self._id_of.get(data[position : position + length])
                if token is not None:
                    ids.append(token)
                    position += length
                    break
            else:
                raise VocabularyError(
                    f"no token spells byte 0x{data[position]:02x} at offset {position} of "
                    f"{data[max(0, position - 10) : position + 10]!r}; this vocabulary lacks single-byte tokens"
                )
        return ids
