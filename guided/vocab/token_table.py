"""What a reader of tokenizers hands over: the bytes of each token, which are control tokens, and an encoder.

One record for every tokenizer family, so that `Vocabulary` knows none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["TextEncoder", "TokenTable"]


class TextEncoder(Protocol):
    """Turns text into token ids as a tokenizer does, but with control tokens off and nothing put in front."""

    @property
    def changes_text(self) -> str | None:
        """Why the tokens may not spell the text (a normaliser), or None."""

    def encode(self, text: str) -> list[int]:
        """Ids of `text`; never an added control token by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTable:
    """The tokens of one tokenizer as bytes, and what its configuration says."""

    tokens: list[bytes | None]  # None: control token, or no token at all (padding)
    special: dict[str, int] = field(default_factory=dict)  # name of each control token
    encoder: TextEncoder | None = None
    eos_ids: frozenset[int] = frozenset()
    bos_id: int | None = None
    add_bos: bool = False
    is_bos_settled: bool = False  # the tokenizer's own post-processor decides, whatever stands beside it
    space_prefix: bool = False  # the tokenizer itself would put a space in front of a prompt
    strips_after: frozenset[int] = frozenset()  # control ids that swallow the white space after them
    strips_before: frozenset[int] = frozenset()  # and before them
    chat: Any = None  # ChatTemplate | None
