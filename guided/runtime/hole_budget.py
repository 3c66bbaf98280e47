"""What a hole may still spend: of `max_tokens`, and of the model's context.

Counted are the canonical tokens of the shortest way to the hole's end. As long as they fit after a token, the token
may stand; so a text is never cut, whichever of the two runs out first. Encoding is left out where the bytes fit, since
a token has at least one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.errors import BudgetTooSmall
from guided.runtime.engine import Capabilities
from guided.runtime.healing import boundaries
from guided.runtime.hole_text import TextState

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """`max_tokens` that overlap the hole, and as many tokens in all as the engine has room for."""

    vocab: Vocabulary
    max_tokens: int | None
    engine: Capabilities

    def fits(self, used: int, text: TextState, rest: bytes, lead: int) -> bool:
        """Whether the tail of `text`, `lead` bytes of which stand before the hole, and `rest` can still be written."""
        size, place = len(text.tail) + len(rest), _place(text)
        if place + size <= self.engine.max_len and (self.max_tokens is None or used + size <= self.max_tokens):
            return True
        inside, total = self._count(text.tail + rest, lead)
        return place + total <= self.engine.max_len and (self.max_tokens is None or used + inside <= self.max_tokens)

    def is_spent(self, used: int, text: TextState) -> bool:
        """Whether no token may be sampled any more."""
        return (self.max_tokens is not None and used >= self.max_tokens) or _place(text) >= self.engine.max_len

    def check(self, used: int, text: TextState, rest: bytes, lead: int) -> None:
        """Refuse what cannot be written at all, before anything is computed."""
        inside, total = self._count(text.tail + rest, lead)
        if self.max_tokens is not None and used + inside > self.max_tokens:
            raise BudgetTooSmall(self.max_tokens, used + inside)
        place = _place(text)
        if place + total > self.engine.max_len:
            raise self.engine.too_long(
                f"{place} tokens, and the shortest text that fits the constraint needs {total} more"
            )

    def _count(self, data: bytes, lead: int) -> tuple[int, int]:
        """Canonical tokens of `data` that reach beyond its first `lead` bytes, and all of them."""
        ends = boundaries(self.vocab, self.vocab.spell(data)) if data else []
        return sum(1 for end in ends if end > lead), len(ends)


def _place(text: TextState) -> int:
    """Tokens that are decided."""
    return len(text.pending) + (text.seq.length if text.seq is not None else 0)
