"""What both versions of exllama come down to: one forward over pages, one copy of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import torch

__all__ = ["PagedModel", "Want"]

Want = Literal["none", "last", "all"]


class PagedModel(Protocol):
    """A loaded model with its cache of `num_pages` pages; pages are numbered from 0."""

    name: str
    num_logits: int
    max_len: int
    page_size: int
    num_pages: int
    token_bytes: int  # what the cache keeps of one token
    max_tokens: int  # most tokens of one forward, over all rows

    def forward(
        self, tokens: torch.Tensor, pages: torch.Tensor, lengths: torch.Tensor, want: Want
    ) -> torch.Tensor | None:
        """Append int64[rows, n] `tokens` to texts of int32[rows] `lengths` that lie in int32[rows, p] `pages`.

        Returns logits [rows, n, V], of the last token only for "last" ([rows, 1, V]), None for "none".
        """

    def copy_page(self, source: int, target: int, count: int) -> None:
        """The first `count` tokens of a page, in all layers."""

    def unload(self) -> None: ...
