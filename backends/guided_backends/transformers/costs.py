"""What the forms of a forward cost, by which one is chosen.

Relative times, in reads of one slot's keys and values over all layers, on one CPU thread of a 40M Llama. Fitted to
2 x 8 cases (rows 1 to 32, contexts 150 to 2,000, shared or not); `benchmarks/runtime/step_cost.py` prints them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Costs"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Relative times; `num_threads` are those that torch has, and that our own kernel has not."""

    copy: float = 3.0  # to gather a slot into a padded batch, or for a mask
    gather: float = 0.2  # to gather a slot for one row by itself
    repeat: float = 3.0  # transformers repeats grouped key heads for a masked forward of several tokens
    pair: float = 0.1  # one query against one slot
    token: float = 300.0  # one token through everything but attention: what padding costs
    call: float = 35.0  # to attend once by itself
    ragged: float = 10.0  # to attend by pieces at all
    by_slots: float = 0.4  # one query against one slot, by our own kernel
    num_threads: int = 1

    def packed(self, num_tokens: int, width: int, in_place: bool, groups_heads: bool) -> float:
        slot = 1.0 + (0.0 if in_place else self.copy) + (self.repeat if groups_heads and num_tokens > 1 else 0.0)
        return width * (slot + self.pair * num_tokens)

    def batched(self, num_tokens: int, rows: int, queries: int, width: int, groups_heads: bool) -> float:
        slot = 1.0 + self.copy + (self.repeat if groups_heads and queries > 1 else 0.0)
        return rows * width * (slot + self.pair * queries) + (rows * queries - num_tokens) * self.token

    def is_in_place(self, num_tokens: int, count: int, span: int, groups_heads: bool) -> bool:
        """Whether `count` slots that lie in `span` are read where they are, with a mask for what lies between."""
        masked = self.repeat if groups_heads and (num_tokens > 1 or span > count) else 0.0
        plain = self.repeat if groups_heads and num_tokens > 1 else 0.0
        pairs = self.pair * num_tokens
        return span * (1.0 + masked + pairs) <= count * (1.0 + self.gather + plain + pairs)

    def alone(self, num_tokens: int, width: int, in_place: bool) -> float:
        """One piece of a ragged forward."""
        return self.call + width * (1.0 + (0.0 if in_place else self.gather) + self.pair * num_tokens)

    def is_by_slots(self, num_tokens: int, width: int) -> bool:
        """Whether our own kernel attends faster than torch does for that piece: for few tokens it does."""
        return self.slots(num_tokens, width) <= self.alone(num_tokens, width, in_place=True)

    def slots(self, num_tokens: int, width: int) -> float:
        """One piece of a ragged forward, by our own kernel."""
        return self.by_slots * num_tokens * width * self.num_threads

    def pays_ragged(self, num_tokens: int, width: int, is_fresh: bool, groups_heads: bool, has_kernel: bool) -> bool:
        """Whether one text by itself is faster in the ragged form: where others read much, or copy grouped heads."""
        if is_fresh:
            return False
        repeats = self.repeat if groups_heads and num_tokens > 1 else 0.0
        plain = width * (1.0 + repeats + self.pair * num_tokens)
        piece = self.alone(num_tokens, width, in_place=True)
        return self.ragged + min(piece, self.slots(num_tokens, width) if has_kernel else piece) < plain
