"""Which library multiplies a model's rows by its weights, on a CPU.

torch hands products of float32 to MKL, which leaves half of the vector units of CPUs not made by Intel unused; oneDNN,
which torch carries too, uses all of them, the better where it may keep the weights in an order of its own. Measured on
a Zen 5, one thread, 512 by 1,408, in Gflop/s by MKL, oneDNN, oneDNN in its order: 8, 12, 18 for 1 row; 76, 135, 175 for
32; 114, 230, 250 for 300. So they are timed at load, once a process, and the faster one is used.
Nothing of the model is replaced: its linear layers get another `forward` while ours runs, and lose it after.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch.nn.functional import linear

from guided.errors import ModelLoadError

__all__ = ["ORDERED_BYTES", "Library", "Products", "check_library"]

Library = Literal["torch", "onednn"]

ROWS = (1, 8, 64)
"""Numbers of rows that are timed; others go by the next smaller one."""

MARGIN = 1.15
"""How much faster oneDNN must be: kernels round differently, so a near tie should always go the same way."""

LEAST_WEIGHTS = 1 << 20
"""A model with fewer weights in its linear layers fits a processor's caches and is left to torch."""

ORDERED_BYTES = 1 << 29
"""Weights up to so many bytes are copied, in oneDNN's own order."""

_NOTHING = nullcontext()


def check_library(library: object) -> None:
    """Raise `ModelLoadError` for what is no library."""
    known = get_args(Library)
    if library is not None and library not in known:
        raise ModelLoadError(f"library={library!r}: pass {' or '.join(map(repr, known))}, or leave it out")
    if library == "onednn" and _product() is None:
        raise ModelLoadError('library="onednn": this torch was built without oneDNN; leave it out')


class Products:
    """The linear layers of one model, and by how many rows it pays to run them on oneDNN."""

    def __init__(self, model: Any, *, library: Library | None = None, ordered_bytes: int = ORDERED_BYTES) -> None:
        """`library`: always this one; None times both on the threads that torch has now."""
        layers = [] if library == "torch" else _layers(model)
        num_weights = sum(layer.weight.numel() for layer in layers)
        is_ordered = 4 * num_weights <= ordered_bytes
        self._faster = (True,) * len(ROWS)
        if library is None:
            is_large = num_weights >= LEAST_WEIGHTS
            self._faster = _faster(torch.get_num_threads(), is_ordered) if is_large else (False,) * len(ROWS)
        head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
        layers = layers if any(self._faster) else []
        self._body = _Scope([layer for layer in layers if layer is not head], is_ordered)
        self._head = _Scope([layer for layer in layers if layer is head], is_ordered)

    def body(self, num_rows: int) -> AbstractContextManager[None]:
        """Inside, layers of the model that see about `num_rows` rows run on the faster library; all but the head."""
        return self._body if self._faster[max(0, bisect_right(ROWS, num_rows) - 1)] else _NOTHING

    def head(self, num_rows: int) -> AbstractContextManager[None]:
        """The same for the head."""
        return self._head if self._faster[max(0, bisect_right(ROWS, num_rows) - 1)] else _NOTHING


class _Scope:
    """Another `forward` for some layers, while it lasts; one that a layer has of its own already is left alone."""

    __slots__ = ("_places",)

    def __init__(self, layers: Sequence[Any], is_ordered: bool) -> None:
        self._places = [(layer.__dict__, _forward_of(layer, is_ordered)) for layer in layers]

    def __enter__(self) -> None:  # at every step, so for every layer as little as can be
        for own, forward in self._places:
            if "forward" not in own:
                own["forward"] = forward

    def __exit__(self, *_: object) -> None:
        for own, forward in self._places:
            if "forward" in own and own["forward"] is forward:
                del own["forward"]


def _layers(model: Any) -> list[Any]:
    """The ordinary linear layers of float32 on the host."""
    if _product() is None:
        return []
    return [
        module
        for module in model.modules()
        if type(module) is torch.nn.Linear
        and "forward" not in module.__dict__
        and module.weight.dtype == torch.float32
        and module.weight.device.type == "cpu"
    ]


def _forward_of(layer: Any, is_ordered: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """What `layer` computes, by oneDNN; weights that have changed since are taken as they are."""
    parameters, product = layer._parameters, _product()
    original = layer.weight
    ordered = _ordered(original) if is_ordered and not original.is_inference() else None
    version, place = (0, 0) if ordered is None else (original._version, original.data_ptr())

    def forward(states: torch.Tensor) -> torch.Tensor:
        weight = parameters["weight"]
        if torch.is_grad_enabled():  # somebody else's thread, who may want to train it
            return linear(states, weight, parameters["bias"])
        if ordered is not None and weight is original and weight._version == version and weight.data_ptr() == place:
            weight = ordered
        out: torch.Tensor = product(states, weight, parameters["bias"], "none", [], "")
        return out

    return forward


def _ordered(weight: torch.Tensor) -> torch.Tensor:
    """A copy in the order that oneDNN likes best for any number of rows."""
    copied: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)
    return copied


@cache
def _product() -> Any:
    """oneDNN's linear layer, if this torch has it."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return None
    found = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    return None if found is None else found.default


@cache
def _faster(num_threads: int, is_ordered: bool) -> tuple[bool, ...]:
    """For each of `ROWS` whether oneDNN is the faster one by `MARGIN`; `num_threads` are those that torch uses now."""
    size, product = 1024, _product()
    weights = [torch.ones(size, size) for _ in range(12)]  # more than caches hold: a model's are read from memory
    ours = [_ordered(weight) for weight in weights] if is_ordered else weights

    def by_torch(states: torch.Tensor, place: int) -> object:
        return linear(states, weights[place])

    def by_onednn(states: torch.Tensor, place: int) -> object:
        return product(states, ours[place], None, "none", [], "")

    now = time.thread_time if num_threads == 1 else time.perf_counter  # what else runs is not to be timed
    found = []
    for rows in ROWS:
        states, count = torch.ones(rows, size), 12 if rows == 1 else 3
        costs = [float("inf"), float("inf")]
        for _ in range(8):
            for number, library in enumerate((by_torch, by_onednn)):
                started = now()
                for place in range(count):
                    library(states, place)
                costs[number] = min(costs[number], now() - started)
        found.append(costs[1] * MARGIN < costs[0])
    return tuple(found)
