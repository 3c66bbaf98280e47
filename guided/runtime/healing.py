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

from guided.errors import VocabularyError

if TYPE_CHECKING:
    from guided.matcher import Matcher
    from guided.vocab import Vocabulary

__all__ = ["MAX_BACK", "TokenTable", "boundaries", "respelled", "settled", "token_table", "utf8_length"]

MAX_BACK = 4
"""How many tokens healing may go back."""


class TokenTable:
    """The bytes of a vocabulary's tokens, arranged for asking which of them are longer than a given text."""

    def __init__(self, tokens: Sequence[bytes | None]) -> None:
        self.sizes = [len(t or b"") for t in tokens]
        self.lengths: npt.NDArray[np.int32] = np.array(self.sizes, np.int32)
        self.max_bytes = int(self.lengths.max(initial=0))
        self._id_of = {t: i for i, t in reversed(list(enumerate(tokens))) if t}
        self._ordered = sorted(self._id_of)
        self.other_spellings: dict[bytes, list[tuple[int, int, npt.NDArray[np.int32]]]] = {}  # see `spellings`

    def has_extension(self, text: bytes) -> bool:
        """Whether some token begins with `text` and is longer.

        >>> TokenTable([b":", b"://", b"a"]).has_extension(b":")
        True
        """
        index = bisect.bisect_right(self._ordered, text)
        return index < len(self._ordered) and self._ordered[index].startswith(text)

    def extensions(self, text: bytes, count: int) -> list[tuple[int, bytes]]:
        """At most `count` tokens that begin with `text` and are longer; of smaller ids, which are the more frequent."""
        first = bisect.bisect_right(self._ordered, text)
        last = bisect.bisect_left(self._ordered, text + b"\xff" * 64)
        found = sorted((self._id_of[token], token) for token in self._ordered[first:last])
        return found[:count]

    def longest(self, allowed: npt.NDArray[np.int32]) -> int:
        """Bytes of the longest of these tokens; 0 where there is none."""
        return int(self.lengths[allowed].max(initial=0))


TRIED = 24
"""How many tokens are tried at one place inside of a token."""

MAX_SPELLINGS = 2048


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
    return list(accumulate(map(token_table(vocab).sizes.__getitem__, tokens)))


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


def respelled(
    vocab: Vocabulary, data: bytes, ends: Sequence[int], matcher_at: Callable[[int], Matcher], *, keep: int = 0
) -> int:
    """How many tokens of `data` stay whatever comes: `settled`, and the uncut text would be spelled with them too.

    `slo` is one token, and `slots` may be `sl` and `ots`: then a model that knows the uncut text has never seen `slo`
    there. Tokens that start inside of the last one are looked for; one that the tokenizer would put there, and that is
    admissible, takes back all tokens from where the two spellings part.
    """
    best = settled(token_table(vocab), data, ends, matcher_at, keep=keep)
    count = len(ends)
    first = max(keep, count - MAX_BACK)
    if best <= first or not count:
        return best
    base = ends[first - 1] if first else 0
    for place, index, ids in spellings(vocab, data[base:], [end - base for end in ends[first:]]):
        if first + index < best and np.isin(ids, matcher_at(base + place).allowed_tokens()).any():
            best = first + index
    return best


def spellings(vocab: Vocabulary, data: bytes, ends: list[int]) -> list[tuple[int, int, npt.NDArray[np.int32]]]:
    """Where a token may start inside of the last one of `data` and go on past its end, in the tokenizer's own spelling.

    Each entry: the place, how many tokens of `data` such a spelling has in common with it, and those tokens. A few
    dozen of the commonest tokens are tried at each place, and the answer is kept.
    """
    table = token_table(vocab)
    known = table.other_spellings.get(data)
    if known is not None:
        return known
    found: dict[tuple[int, int], list[int]] = {}
    begin = ends[-2] if len(ends) > 1 else 0
    for place in range(max(begin + 1, len(data) - table.max_bytes + 1), len(data)):
        for token, spelled in table.extensions(data[place:], TRIED):
            other = _ends_of(vocab, data[:place] + spelled)
            if other is None or place not in other or other[-1] != place + len(spelled) or other[-2] != place:
                continue
            index = next((i for i, (a, b) in enumerate(zip(ends, other, strict=False)) if a != b), len(ends))
            found.setdefault((place, index), []).append(token)
    made = [(place, index, np.array(ids, np.int32)) for (place, index), ids in found.items()]
    if len(table.other_spellings) >= MAX_SPELLINGS:
        table.other_spellings.clear()
    table.other_spellings[data] = made
    return made


def _ends_of(vocab: Vocabulary, data: bytes) -> list[int] | None:
    try:
        return boundaries(vocab, vocab.encode(data))
    except VocabularyError:
        return None  # a token that ends inside of a character
