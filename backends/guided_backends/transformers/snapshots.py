"""States of recurrent models, kept as snapshots: what a model knows after a token, which no cropping can bring back.

A `Snapshot` is the layers of a transformers cache for one row. It is never changed: a forward gets a copy of what
transformers changes in place (convolution and recurrent states); keys and values of attention layers beside them are
shared, since transformers replaces those by longer ones. `SnapshotStore` keeps snapshots by slot under a byte budget.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

__all__ = ["Snapshot", "SnapshotStore", "cache_of", "snapshots_of"]

KEPT = ("keys", "values")  # tensors that a forward replaces
CHANGED = ("conv_states", "recurrent_states")  # dicts of tensors that a forward writes into


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after some text."""

    layers: tuple[Any, ...]

    @property
    def num_bytes(self) -> int:
        return sum(tensor.nbytes for layer in self.layers for tensor in _tensors(layer))

    @property
    def has_keys(self) -> bool:
        """Whether some layer attends: then rows of one forward must be equally long."""
        return any(getattr(layer, name, None) is not None for layer in self.layers for name in KEPT)


def cache_of(snapshots: Sequence[Snapshot]) -> DynamicCache:
    """A cache that a forward may change, with one row for each snapshot."""
    cache = DynamicCache()
    cache.layers = [_joined(layers) for layers in zip(*(snapshot.layers for snapshot in snapshots), strict=True)]
    return cache


def snapshots_of(cache: DynamicCache, rows: int) -> list[Snapshot]:
    """The rows of a cache, after the forward that nobody will use it for again."""
    if rows == 1:
        return [Snapshot(tuple(cache.layers))]
    return [Snapshot(tuple(_row(layer, row) for layer in cache.layers)) for row in range(rows)]


def _joined(layers: Sequence[Any]) -> Any:
    joined = copy.copy(layers[0])
    for name in KEPT:
        if getattr(joined, name, None) is not None and len(layers) > 1:
            setattr(joined, name, torch.cat([getattr(layer, name) for layer in layers]))
    for name in CHANGED:
        if hasattr(joined, name):
            states = {i: [getattr(layer, name)[i] for layer in layers] for i in getattr(joined, name)}
            setattr(joined, name, {i: None if each[0] is None else torch.cat(each) for i, each in states.items()})
    return _with_own_flags(joined)


def _row(layer: Any, row: int) -> Any:
    single = copy.copy(layer)
    for name in KEPT:
        if getattr(single, name, None) is not None:
            setattr(single, name, getattr(single, name)[row : row + 1].clone())
    for name in CHANGED:
        if hasattr(single, name):
            states = getattr(single, name).items()
            setattr(single, name, {i: None if s is None else s[row : row + 1].clone() for i, s in states})
    return _with_own_flags(single)


def _with_own_flags(layer: Any) -> Any:
    """The small dicts of a layer (whether a state exists, and the like) are changed in place too."""
    for name, value in vars(layer).items():
        if isinstance(value, dict) and name not in CHANGED:
            setattr(layer, name, dict(value))
    return layer


def _tensors(layer: Any) -> list[torch.Tensor]:
    found = [getattr(layer, name, None) for name in KEPT]
    found += [state for name in CHANGED for state in getattr(layer, name, {}).values()]
    return [tensor for tensor in found if isinstance(tensor, torch.Tensor)]


class SnapshotStore:
    """Snapshots by slot. Those of single steps go first, then the others, least recently used first in each kind."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.num_bytes = 0
        self._steps: OrderedDict[int, Snapshot] = OrderedDict()
        self._anchors: OrderedDict[int, Snapshot] = OrderedDict()

    def __len__(self) -> int:
        return len(self._steps) + len(self._anchors)

    def __contains__(self, slot: int) -> bool:
        return slot in self._steps or slot in self._anchors

    def get(self, slot: int) -> Snapshot:
        kind = self._steps if slot in self._steps else self._anchors
        kind.move_to_end(slot)
        return kind[slot]

    def put(self, slot: int, snapshot: Snapshot, *, is_step: bool) -> None:
        """Keep a snapshot; the newest stays, whatever the budget."""
        is_step = is_step and slot not in self._anchors
        self.drop(slot)
        (self._steps if is_step else self._anchors)[slot] = snapshot
        self.num_bytes += snapshot.num_bytes
        while self.num_bytes > self.budget and len(self) > 1:
            oldest = next(each for kind in (self._steps, self._anchors) for each in kind if each != slot)
            self.drop(oldest)

    def drop(self, slot: int) -> None:
        snapshot = self._steps.pop(slot, None) or self._anchors.pop(slot, None)
        if snapshot is not None:
            self.num_bytes -= snapshot.num_bytes

    def clear(self) -> None:
        self._steps.clear()
        self._anchors.clear()
        self.num_bytes = 0
