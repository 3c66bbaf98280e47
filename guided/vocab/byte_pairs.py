"""Byte-pair encoding from ranks, as tiktoken does it: the pair whose join has the lowest rank is merged first.

A word is merged with a heap of candidate pairs over a linked list, so a long run of one letter stays n log n.
Words are cut by the tokenizer's own pattern.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Mapping
from typing import Any, TypeVar

from guided.errors import VocabularyError

__all__ = ["RankEncoder", "merge_pairs"]

_Word = TypeVar("_Word", bytes, str)


def merge_pairs(word: _Word, ranks: Mapping[_Word, int]) -> list[_Word]:
    """Cut `word` into the tokens that pair merging ends with; of equal ranks the leftmost goes first.

    >>> merge_pairs(b"abab", {b"a": 0, b"b": 1, b"ab": 2})
    [b'ab', b'ab']
    """
    if word in ranks:
        return [word]
    ends = list(range(1, len(word) + 1))  # part that starts at i is word[i:ends[i]]; 0 marks a part merged away
    previous = list(range(-1, len(word) - 1))
    heap: list[tuple[int, int, int]] = []  # rank, start, end of the joined part

    def propose(start: int) -> None:
        middle = ends[start]
        if middle < len(word) and (rank := ranks.get(word[start : ends[middle]])) is not None:
            heapq.heappush(heap, (rank, start, ends[middle]))

    for i in range(len(word) - 1):
        propose(i)
    while heap:
        _, start, end = heapq.heappop(heap)
        middle = ends[start]
        if middle == 0 or middle >= len(word) or ends[middle] != end:
            continue  # one of the two parts has been merged since
        ends[start], ends[middle] = end, 0
        if end < len(word):
            previous[end] = start
        propose(start)
        if previous[start] >= 0:
            propose(previous[start])
    parts, start = [], 0
    while start < len(word):
        parts.append(word[start : ends[start]])
        start = ends[start]
    return parts


class RankEncoder:
    """Words by `pattern`, then merges by rank; `offset` is added to every rank."""

    changes_text: str | None = None
    is_byte_pair = True

    def __init__(self, pattern: str, ranks: Mapping[bytes, int], offset: int = 0) -> None:
        self._pattern = pattern
        self._ranks = ranks
        self._offset = offset
        self._encode_word = functools.lru_cache(maxsize=1 << 16)(self._merge)

    def encode(self, text: str) -> list[int]:
        """Ids of `text`."""
        ids: list[int] = []
        for word, _ in self._splitter.pre_tokenize_str(text):
            ids.extend(self._encode_word(word))
        return ids

    def _merge(self, word: str) -> tuple[int, ...]:
        try:
            return tuple(self._ranks[part] + self._offset for part in merge_pairs(word.encode(), self._ranks))
        except KeyError as missing:
            raise VocabularyError(f"the rank table lacks the single byte {missing.args[0]!r}") from missing

    @functools.cached_property
    def _splitter(self) -> Any:
        from tokenizers import Regex, pre_tokenizers

        return pre_tokenizers.Split(Regex(self._pattern), behavior="isolated")
