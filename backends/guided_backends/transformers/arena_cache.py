"""Keys and values of all sequences, as one transformers `Cache`.

Each layer holds `[slots, heads, dim]`; layers of the same shape and kind lie in one tensor, so that the views of a
forward are made once for all of them. A layer's `update` writes the new tokens to their slots and returns what the
forward's `Layout` says it reads: a view of the arena where the slots lie together, else a gathered copy.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DummyLayer

from guided_backends.transformers.layout import Layout, Reads
from guided_backends.transformers.ragged import Piece, RaggedStates, Views

__all__ = ["ArenaCache", "LayerShape"]

_Slots: TypeAlias = list[tuple[torch.Tensor, ...]]
"""Keys and values of some slots: each layer's, [1, heads, slots, dim], views of the arena."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What one layer stores for one token."""

    kind: str  # layer type: layers of one kind read the same slots
    key: tuple[int, int]  # heads, dim
    value: tuple[int, int]
    dtype: torch.dtype
    device: torch.device

    @property
    def slot_bytes(self) -> int:
        size: int = self.dtype.itemsize
        return size * (self.key[0] * self.key[1] + self.value[0] * self.value[1])


class ArenaLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    """One attention layer: where this forward writes and what it reads is set by `LayerGroup.begin`."""

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.is_initialized = True
        self.group: LayerGroup
        self.place = 0  # in the group

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write [batch, heads, queries, dim] to their slots; return what to attend to, [batch, heads, width, dim]."""
        group, place = self.group, self.place
        if group.writes is not None:
            group.writes[0][place].copy_(key_states)
            group.writes[1][place].copy_(value_states)
        else:
            _scatter(self.keys, key_states, group.layout)
            _scatter(self.values, value_states, group.layout)
        if group.views is not None:
            return group.views[0][place], group.views[1][place]
        reads = group.reads
        if reads.is_ragged:
            return RaggedStates.of(key_states, reads, self), RaggedStates.of(value_states, reads, self)
        return _gather(self.keys, reads), _gather(self.values, reads)

    def piece_views(self) -> Views:
        """Keys and values of each piece of a ragged forward."""
        views = self.group.pieces[self.place]
        return [
            _of_piece(self.keys, self.values, piece) if piece.index is not None else view
            for piece, view in zip(self.group.reads.pieces, views, strict=True)
        ]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """The arena is made before the first forward."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.group.reads.width, 0

    def get_seq_length(self) -> int:
        return self.group.reads.width - self.group.layout.queries

    def get_max_length(self) -> int:
        return -1


class LayerGroup:
    """The layers that share a shape and a kind: two tensors, `[layers, slots, heads, dim]`."""

    layout: Layout  # of this forward
    reads: Reads

    def __init__(self, shape: LayerShape, layers: list[ArenaLayer]) -> None:
        self.shape = shape
        self.layers = layers
        for place, layer in enumerate(layers):
            layer.group, layer.place = self, place
        self.keys = self._empty(0, shape.key)
        self.values = self._empty(0, shape.value)
        self.num_reserved = 0
        self._as_states: list[torch.Tensor] = []  # the same two as [layers, 1, heads, slots, dim]
        self.writes: _Slots | None = None  # where this forward writes, if the slots are neighbours
        self.views: _Slots | None = None  # what it reads in place
        self.pieces: list[Views] = []  # by layer, of those pieces that are read in place

    def _empty(self, num_slots: int, heads_dim: tuple[int, int]) -> torch.Tensor:
        # Zeros, not garbage: a masked slot has weight 0 in attention, and 0 * nan would be nan.
        size = (len(self.layers), num_slots, *heads_dim)
        return torch.zeros(size, dtype=self.shape.dtype, device=self.shape.device)

    def reserve(self, num_slots: int) -> None:
        """On a CPU: addresses for so many slots, whose memory comes as it is used, so that `resize` copies nothing."""
        if self.shape.device.type != "cpu":
            return
        sizes = [(len(self.layers), num_slots, *heads_dim) for heads_dim in (self.shape.key, self.shape.value)]
        try:
            keys, values = (_mapped(size, self.shape.dtype) for size in sizes)
        except (OSError, OverflowError, ValueError):
            return  # the system promises no more than it has: then the arena grows by copies
        self._set(keys, values)
        self.num_reserved = num_slots

    def resize(self, num_slots: int) -> None:
        """Slots that were there keep what they hold."""
        if 0 < num_slots <= self.num_reserved:
            return
        grown = []
        for old, heads_dim in ((self.keys, self.shape.key), (self.values, self.shape.value)):
            new = self._empty(num_slots, heads_dim)
            kept = min(num_slots, old.shape[1])
            new[:, :kept] = old[:, :kept]
            grown.append(new)
        self.num_reserved = 0
        self._set(*grown)

    def _set(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = keys, values
        self._as_states = [part.transpose(1, 2).unsqueeze(1) for part in (keys, values)]
        self.writes, self.views, self.pieces = None, None, []
        for layer, own_keys, own_values in zip(self.layers, keys.unbind(0), values.unbind(0), strict=True):
            layer.keys, layer.values = own_keys, own_values

    def begin(self, layout: Layout) -> None:
        """Set up the layers for one forward; a handful of tensor calls, whatever the number of layers."""
        self.reads = reads = layout.reads[self.shape.kind].on(self.shape.device)
        self.layout = layout.on(self.shape.device)
        self.writes = None if layout.write_range is None else self._views(*layout.write_range)
        is_in_place = reads.index is None and not reads.is_ragged
        self.views = self._views(reads.low, reads.low + reads.width) if is_in_place else None
        self.pieces = self._views_of_pieces(reads.pieces) if reads.pieces else []

    def _views_of_pieces(self, pieces: Sequence[Piece]) -> list[Views]:
        """For each layer the keys and values of each piece; nothing of those that have to be gathered."""
        nothing = [(self.keys[:0], self.values[:0])] * len(self.layers)
        by_piece = [
            zip(*self._views(piece.low, piece.low + piece.width), strict=True) if piece.index is None else nothing
            for piece in pieces
        ]
        return [list(views) for views in zip(*by_piece, strict=True)]

    def _views(self, low: int, high: int) -> _Slots:
        return [part.narrow(3, low, high - low).unbind(0) for part in self._as_states]


class ArenaCache(Cache):  # type: ignore[misc]  # transformers is untyped
    """The whole model's arena. `shapes` has one entry a layer, None for layers without keys of their own."""

    def __init__(self, shapes: list[LayerShape | None]) -> None:
        layers = [DummyLayer() if shape is None else ArenaLayer() for shape in shapes]
        super().__init__(layers=layers)
        by_shape: dict[LayerShape, list[ArenaLayer]] = {}
        for shape, layer in zip(shapes, layers, strict=True):
            if shape is not None:
                by_shape.setdefault(shape, []).append(layer)
        self.groups = [LayerGroup(shape, members) for shape, members in by_shape.items()]

    @property
    def slot_bytes(self) -> int:
        return sum(group.shape.slot_bytes * len(group.layers) for group in self.groups)

    def reserve(self, num_slots: int) -> None:
        for group in self.groups:
            group.reserve(num_slots)

    def resize(self, num_slots: int) -> None:
        for group in self.groups:
            group.resize(num_slots)

    def begin(self, layout: Layout) -> None:
        for group in self.groups:
            group.begin(layout)

    def read(self, slots: torch.Tensor) -> dict[str, torch.Tensor]:
        """Keys and values of some slots, as bytes on the host: uint8[layers, slots, heads, dim * itemsize]."""
        return {name: part[:, slots.to(part.device)].cpu().view(torch.uint8) for name, part in self._parts()}

    def write(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor]) -> bool:
        """Put them back; False, and nothing written, where their shapes are not of this model."""
        for name, part in self._parts():
            layers, _, heads, dim = part.shape
            if name not in arrays or arrays[name].shape != (layers, len(slots), heads, dim * part.itemsize):
                return False
        for name, part in self._parts():
            part[:, slots.to(part.device)] = arrays[name].view(part.dtype).to(part.device)
        return True

    def _parts(self) -> Iterator[tuple[str, torch.Tensor]]:
        for number, group in enumerate(self.groups):
            yield f"keys_{number}", group.keys
            yield f"values_{number}", group.values


def _mapped(size: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Zeros that take memory where they are touched; whatever the allocator does with large blocks."""
    memory = mmap.mmap(-1, max(1, math.prod(size) * dtype.itemsize))
    return torch.frombuffer(memory, dtype=torch.uint8)[: math.prod(size) * dtype.itemsize].view(dtype).view(size)


def _scatter(arena: torch.Tensor, states: torch.Tensor, layout: Layout) -> None:
    """`arena[layout.write] = states`, `states` [batch, heads, queries, dim] without its padding."""
    rows = states.transpose(1, 2).reshape(-1, *arena.shape[1:])
    if layout.real is not None:
        rows = rows.index_select(0, layout.real)
    assert layout.write is not None
    arena.index_copy_(0, layout.write, rows)


def _gather(arena: torch.Tensor, reads: Reads) -> torch.Tensor:
    """[batch, heads, width, dim]"""
    assert reads.index is not None
    rows = arena.index_select(0, reads.index)
    return rows.view(-1, reads.width, *arena.shape[1:]).transpose(1, 2)


def _of_piece(keys: torch.Tensor, values: torch.Tensor, piece: Piece) -> tuple[torch.Tensor, torch.Tensor]:
    """Gathered keys and values of one piece, [1, heads, width, dim]."""
    assert piece.index is not None
    return (
        keys.index_select(0, piece.index).transpose(0, 1)[None],
        values.index_select(0, piece.index).transpose(0, 1)[None],
    )
