"""Attention of rows that share little: each row by itself over its own slots, all in one forward.

A masked forward pays for the slots that its mask hides, a padded batch for its padding and for copies of all keys. Here
everything but attention runs over the packed tokens of all rows, and attention runs row by row, in place. No model is
changed for it: a layer's cache returns stand-ins for its keys and values (`RaggedStates`), and torch hands a call of
`scaled_dot_product_attention` on them to `__torch_function__`. Anything else that a model does with its keys is
refused there, when the model is loaded: then the other forms are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["NotRaggedError", "Piece", "RaggedStates", "Views"]

Views = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each piece in one layer, [1, heads, width, dim]."""


class NotRaggedError(Exception):
    """The model does something with its keys that only works on the keys themselves."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`num_new` queries and what they look at: `width` slots from `low` in place, or the slots `index`, gathered."""

    num_new: int
    width: int
    low: int = 0
    index: torch.Tensor | None = None  # int64[width]
    mask: torch.Tensor | None = None  # bool[num_new, width]; None: everything, or what `is_causal` says
    is_causal: bool = False


class RaggedStates(torch.Tensor):  # type: ignore[misc]  # torch is untyped
    """Stands for a layer's keys or values in a forward by pieces; [1, heads, queries, dim], and nothing is in it."""

    pieces: Sequence[Piece]
    views: Callable[[], Views]
    stand_in: torch.Tensor | None  # the mask that went into the model, of which nothing is read

    @classmethod
    def of(
        cls, like: torch.Tensor, pieces: Sequence[Piece], views: Callable[[], Views], stand_in: torch.Tensor | None
    ) -> RaggedStates:
        """`like`: the new keys or values, whose shape it takes; `views`: what the pieces read in this layer."""
        states: RaggedStates = like.new_empty(()).expand(like.shape).as_subclass(cls)
        states.pieces, states.views, states.stand_in = pieces, views, stand_in
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
            out.pieces, out.views, out.stand_in = source.pieces, source.views, source.stand_in
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
    stand_in = key.stand_in
    if attn_mask is not None and (stand_in is None or attn_mask.data_ptr() != stand_in.data_ptr()):
        raise NotRaggedError("it makes a mask of its own")
    if dropout_p or query.shape[0] != 1:
        raise NotRaggedError("it drops or adds rows")
    views = key.views()
    groups = query.shape[1] != views[0][0].shape[1]
    outs = [
        scaled_dot_product_attention(
            part, keys, values, attn_mask=piece.mask, is_causal=piece.is_causal, scale=scale, enable_gqa=groups
        )
        for piece, part, (keys, values) in zip(
            key.pieces, query.split([piece.num_new for piece in key.pieces], 2), views, strict=True
        )
    ]
    return torch.cat(outs, 2)
