"""Where fixed text may be cut into tokens for good.

Text is encoded canonically from the last settled token boundary on. Its last tokens are unstable: a token that the
model may want next can cover their end and the beginning of what follows (`:` and `://`). `settled` finds the last
boundary that no admissible token crosses into what follows; the bytes after it become a prefix that the grammar of what
follows must spell first, so healing is nothing but `grammar.matcher(prefix=...)`. Cost: a binary search per boundary,
and a mask only where the vocabulary has a longer token at all.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from guided.matcher import Matcher
    from guided.vocab import Vocabulary

__all__ = ["MAX_BACK", "TokenTable", "boundaries", "settled", "token_table", "utf8_length"]

MAX_BACK = 4
"""How many tokens healing may go back."""


class TokenTable:
    """The bytes of a vocabulary's tokens, arranged for asking which of them are longer than a given text."""

    def __init__(self, tokens: Sequence[bytes | None]) -> None:
        self.lengths: npt.NDArray[np.int32] = np.array([len(t or b"") for t in tokens], np.int32)
        self.max_bytes = int(self.lengths.max(initial=0))
        self._ordered = sorted({t for t in tokens if t})

    def has_extension(self, text: bytes) -> bool:
        """Whether some token begins with `text` and is longer.

        >>> TokenTable([b":", b"://", b"a"]).has_extension(b":")
        True
        """
        index = bisect.bisect_right(self._ordered, text)
        return index < len(self._ordered) and self._ordered[index].startswith(text)

    def longest(self, allowed: npt.NDArray[np.int32]) -> int:
        """Bytes of the longest of these tokens; 0 where there is none."""
        return int(self.lengths[allowed].max(initial=0))


_TABLES: dict[str, TokenTable] = {}
_MAX_TABLES = 8


def token_table(vocab: Vocabulary) -> TokenTable:
    """The table of `vocab`, made once; the last few vocabularies' tables are kept."""
    table = _TABLES.get(vocab.fingerprint)
    if table is None:
        table = _TABLES[vocab.fingerprint] = TokenTable(vocab.tokens)
        while len(_TABLES) > _MAX_TABLES:
            del _TABLES[next(iter(_TABLES))]
    return table


def utf8_length(data: bytes) -> int:
    """Length of the longest prefix that does not end inside a character.

    >>> utf8_length("né".encode()[:2]), utf8_length("né".encode())
    (1, 3)
    """
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0b1100_0000 == 0b1000_0000:
            continue
        width = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return len(data) if back >= width else len(data) - back
    return len(data)


def boundaries(vocab: Vocabulary, tokens: Sequence[int]) -> list[int]:
    """Byte offset of the end of each token."""
    lengths = token_table(vocab).lengths
    return list(accumulate(int(lengths[t]) for t in tokens))


def settled(
    table: TokenTable, data: bytes, ends: Sequence[int], matcher_at: Callable[[int], Matcher], *, keep: int = 0
) -> int:
    """How many tokens of `data` (they end at `ends`) no admissible token can reach past.

    `matcher_at(offset)` is the matcher whose text begins at byte `offset` of `data`: the rest of `data`, then what
    follows. The first `keep` tokens are never given up. A token that starts at a boundary within the last `MAX_BACK`
    tokens and goes on past the end of `data` takes all boundaries after its start away.
    """
    count = len(ends)
    best = count
    for index in range(count - 1, max(keep, count - MAX_BACK) - 1, -1):
        start = ends[index - 1] if index else 0
        rest = data[start:]
        if len(rest) >= table.max_bytes:
            break
        if table.has_extension(rest) and table.longest(matcher_at(start).allowed_tokens()) > len(rest):
            best = index
    return best
