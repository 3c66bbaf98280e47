"""Attention of rows that share little: each row by itself over its own slots, all in one forward.

A masked forward pays for the slots that its mask hides, a padded batch for its padding and for copies of all keys. Here
everything but attention runs over the packed tokens of all rows, and attention runs in place: rows of a few tokens all
in one call of our own kernel (decision 0045), longer ones one by one by torch's. No model is changed for it: a layer's
cache returns stand-ins for its keys and values (`RaggedStates`), and torch hands a call of
`scaled_dot_product_attention` on them to `__torch_function__`. Anything else that a model does with its keys is
refused there, when the model is loaded: then the other forms are used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import scaled_dot_product_attention

from guided._native import SlotAttention

if TYPE_CHECKING:
    from guided_backends.transformers.layout import Reads

__all__ = ["NotRaggedError", "Piece", "RaggedStates", "SlotQueries", "Views"]

Views = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each piece in one layer, [1, heads, width, dim]."""


class NotRaggedError(Exception):
    """The model does something with its keys that only works on the keys themselves."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Queries `first, ..., first + num_new - 1` and their slots: `width` from `low` in place, or `index`, gathered."""

    first: int
    num_new: int
    width: int
    low: int = 0
    index: torch.Tensor | None = None  # int64[width]
    mask: torch.Tensor | None = None  # bool[num_new, width]; None: everything, or what `is_causal` says
    is_causal: bool = False


@dataclass(frozen=True, slots=True)
class SlotQueries:
    """Queries for our own kernel; each looks at a range of a list of slots."""

    slots: npt.NDArray[np.int32]
    queries: npt.NDArray[np.int32]  # [n, 3]: the query, and where its slots begin and end in the list
    attention: SlotAttention

    @classmethod
    def of(cls, segments: Sequence[tuple[int, npt.NDArray[np.int32], list[int], list[int]]]) -> SlotQueries:
        """Of each segment its first query, its slots, and where among them those of each query begin and end."""
        rows, base = [], 0
        for first, own, begins, ends in segments:
            rows += [(first + i, base + b, base + e) for i, (b, e) in enumerate(zip(begins, ends, strict=True))]
            base += len(own)
        slots = np.concatenate([own for _, own, _, _ in segments])
        queries = np.array(rows, np.int32)
        return cls(slots, queries, SlotAttention(slots, queries))


class Arena(Protocol):
    """One layer's keys and values, `[slots, heads, dim]`, and the part of them that each piece reads."""

    keys: torch.Tensor
    values: torch.Tensor

    def piece_views(self) -> Views: ...


class RaggedStates(torch.Tensor):  # type: ignore[misc]  # torch is untyped
    """Stands for a layer's keys or values in a ragged forward; [1, heads, queries, dim], and nothing is in it."""

    reads: Reads
    arena: Arena

    @classmethod
    def of(cls, like: torch.Tensor, reads: Reads, arena: Arena) -> RaggedStates:
        """`like`: the new keys or values, whose shape it takes."""
        states: RaggedStates = like.new_empty(()).expand(like.shape).as_subclass(cls)
        states.reads, states.arena = reads, arena
        return states

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is scaled_dot_product_attention:
            return _attend(*args, **(kwargs or {}))
        if func not in _LOOKS and func not in _VIEWS:
            raise NotRaggedError(f"it calls {getattr(func, '__name__', func)} on its keys or values")
        with torch._C.DisableTorchFunctionSubclass():
            out = func(*args, **(kwargs or {}))
        if func in _VIEWS:  # where heads are repeated, for one: it goes on standing for the same
            (source,) = (arg for arg in args if isinstance(arg, cls))
            out = out.as_subclass(cls)
            out.reads, out.arena = source.reads, source.arena
        return out


_LOOKS = frozenset(
    getter.__get__ for getter in (torch.Tensor.shape, torch.Tensor.device, torch.Tensor.dtype, torch.Tensor.ndim)
) | {torch.Tensor.size, torch.Tensor.dim, torch.Tensor.numel}
_VIEWS = frozenset({torch.Tensor.__getitem__, torch.Tensor.expand, torch.Tensor.reshape})


def _attend(
    query: torch.Tensor,
    key: Any,
    value: Any,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """[1, heads, queries, dim] of all pieces."""
    if not isinstance(key, RaggedStates) or not isinstance(value, RaggedStates) or isinstance(query, RaggedStates):
        raise NotRaggedError("it attends with keys that are not those of its cache")
    reads, arena = key.reads, key.arena
    if attn_mask is not None and (reads.mask is None or attn_mask.data_ptr() != reads.mask.data_ptr()):
        raise NotRaggedError("it makes a mask of its own")
    if dropout_p or query.shape[0] != 1:
        raise NotRaggedError("it drops or adds rows")
    _, groups, num, dim = query.shape
    if num != reads.width and reads.width != 1:
        raise NotRaggedError("it attends with other queries than those of its tokens")
    heads = query[0].reshape(-1, reads.width, dim)  # of a single token transformers may have packed them by key head
    out = query.new_empty(heads.shape[1], heads.shape[0], arena.values.shape[2])  # as models go on with it
    if reads.queries is not None:
        _attend_by_slots(reads.queries, heads, arena, scale, out)
    if reads.pieces:
        _attend_by_pieces(reads.pieces, heads, arena, scale, out)
    return out.transpose(0, 1).reshape(1, groups, num, out.shape[2])


def _attend_by_slots(
    queries: SlotQueries, heads: torch.Tensor, arena: Arena, scale: float | None, out: torch.Tensor
) -> None:
    """`heads` [heads, queries, dim], `out` [queries, heads, dim]."""
    if heads.dtype != torch.float32:
        raise NotRaggedError(f"it attends in {heads.dtype} over keys of {arena.keys.dtype}")
    factor = 1.0 / math.sqrt(heads.shape[2]) if scale is None else scale
    dense = heads if heads.stride(2) == 1 else heads.contiguous()
    queries.attention.attend(dense.numpy(), arena.keys.numpy(), arena.values.numpy(), factor, out.numpy())


def _attend_by_pieces(
    pieces: Sequence[Piece], heads: torch.Tensor, arena: Arena, scale: float | None, out: torch.Tensor
) -> None:
    """The same, by one call of torch's attention for each piece."""
    groups = heads.shape[0] != arena.keys.shape[1]
    for piece, (keys, values) in zip(pieces, arena.piece_views(), strict=True):
        how = {"attn_mask": piece.mask, "is_causal": piece.is_causal, "scale": scale, "enable_gqa": groups}
        found = scaled_dot_product_attention(heads[None].narrow(2, piece.first, piece.num_new), keys, values, **how)
        out.narrow(0, piece.first, piece.num_new).copy_(found[0].transpose(0, 1))
