"""Run a transformers model over plans: one packed or batched forward each, over the arena cache.

The model object is used as it is: no layer is replaced, no torch global (threads, grad mode, default dtype) is left
changed. The decoder is called without the head; the head is computed later, for the rows and tokens that are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from guided.errors import ModelLoadError
from guided.runtime.engine_plan import Plan
from guided_backends.transformers.architecture import Architecture
from guided_backends.transformers.arena_cache import ArenaCache
from guided_backends.transformers.chunks import ChunkLimits, chunks
from guided_backends.transformers.costs import Costs
from guided_backends.transformers.decode_graphs import DecodeGraphs, Recorder
from guided_backends.transformers.head import Head, takes_rows
from guided_backends.transformers.layout import Layout, LayoutMaker
from guided_backends.transformers.probe import Probe
from guided_backends.transformers.products import Library, Products, check_library
from guided_backends.transformers.torch_scope import torch_scope

__all__ = ["ModelRunner"]

FORMS = ("packed", "ragged", "batched")


class ModelRunner:
    """A model with its arena. `num_logits` is the width of its head, `slot_bytes` what a token takes in the arena."""

    def __init__(
        self,
        model: Any,
        *,
        num_threads: int | None = None,
        max_batch: int | None = None,
        form: str | None = None,
        library: Library | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """`num_threads`: torch threads during this model's work only. `max_batch`: most rows in one forward.
        `form`: "packed", "ragged" or "batched" forces one form of forward; `library`: who multiplies on a CPU, "torch"
        or "onednn". `recorder`: how decode steps are recorded; None runs them as they come.

        Runs the model on a few tokens, to learn the shapes of its cache and to check that what is computed here is
        what the model computes; raises `ModelLoadError` if it is not.
        """
        for name, value in (("num_threads", num_threads), ("max_batch", max_batch)):
            if value is not None and value < 1:
                raise ModelLoadError(f"{name}={value}: pass a positive number, or leave it out")
        if form not in (None, *FORMS):
            raise ModelLoadError(f"form={form!r}: pass one of {', '.join(map(repr, FORMS))}, or leave it out")
        check_library(library)
        self.num_threads = num_threads
        self.architecture = Architecture.of(model)
        on_cpu = self.architecture.device.type == "cpu"
        self._limits = ChunkLimits(rows=max_batch) if on_cpu else ChunkLimits(rows=max_batch, tokens=4096)
        self._takes_rows = takes_rows(model)
        self._layouts = _layout_maker(self.architecture, None if form == "ragged" else form)
        self._graphs: DecodeGraphs | None = None
        with torch_scope(self.num_threads):
            self._products = Products(model, library=library)
            probe = Probe.of(self.architecture)
            self._cache = ArenaCache(probe.shapes(self.architecture))
            self._head: Head = probe.check(self.architecture, self._cache.resize, self._run)
            if on_cpu and not self.architecture.is_eager and form in (None, "ragged"):
                self._try_ragged(probe, form)
        self._said: npt.NDArray[np.float32] = (
            probe.logits[0, -1].cpu().numpy()
        )  # by which a saved cache knows its model
        if recorder is not None and self._head.wants_hidden():
            self._graphs = self._decode_graphs(recorder)
        self.num_logits = self._head.num_logits
        self.slot_bytes = self._cache.slot_bytes

    @property
    def head_name(self) -> str:
        return type(self._head).__name__

    def reserve(self, num_slots: int) -> None:
        """What `resize` will ask for at most."""
        self._cache.reserve(num_slots)

    def resize(self, num_slots: int) -> None:
        self._cache.resize(num_slots)
        if self._graphs is not None:
            self._graphs.clear()

    def forward(self, plan: Plan) -> torch.Tensor:
        """The states of `plan.wanted`, [K, width]: hidden rows, or logits where the head is the model's own."""
        with torch_scope(self.num_threads):
            if self._graphs is not None and self._graphs.takes(plan):
                out = self._graphs.forward(plan)
                if out is not None:
                    return out
            if plan.num_tokens == 1:
                return self._run(plan, hidden=self._head.wants_hidden())
            parts = list(chunks(plan, self._limits))
            outs = [self._run(part.plan, hidden=self._head.wants_hidden()) for part in parts]
            if len(parts) == 1:
                return outs[0]
            places = np.concatenate([part.places for part in parts])
            return torch.cat(outs)[torch.from_numpy(np.argsort(places)).to(outs[0].device)]

    def read_slots(self, slots: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[Any]]:
        """Keys and values of some slots as bytes, and what the model says to a text of its own."""
        found = self._cache.read(torch.from_numpy(slots.astype(np.int64)))
        return {"said": self._said} | {name: tensor.numpy() for name, tensor in found.items()}

    def write_slots(self, slots: npt.NDArray[np.int32], arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Put them back; False, and nothing written, where they are of another model, dtype or number."""
        said = arrays.get("said")
        if said is None or said.shape != self._said.shape:
            return False
        if np.abs(said - self._said).max() > 1e-3 * max(float(self._said.std()), 1e-6):
            return False
        tensors = {
            name: torch.from_numpy(np.ascontiguousarray(array))
            for name, array in arrays.items()
            if name != "said" and array.dtype == np.uint8
        }
        return self._cache.write(torch.from_numpy(slots.astype(np.int64)), tensors)

    def logits(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> npt.NDArray[np.float32]:
        with torch_scope(self.num_threads), self._products.head(len(states)):
            out: npt.NDArray[np.float32] = self._head.logits(states, token_ids).cpu().numpy()
        return out

    def logits_on_device(self, states: torch.Tensor) -> torch.Tensor:
        """float32[k, num_logits] that the caller may overwrite."""
        with torch_scope(self.num_threads):
            out = self._head.logits(states, None)
            return out if self._head.wants_hidden() else out.clone()

    def _decode_graphs(self, recorder: Recorder) -> DecodeGraphs:
        return DecodeGraphs(
            recorder,
            lambda layout: self._run_layout(layout, hidden=True),
            reaches=self.architecture.reaches,
            device=self.architecture.device,
            mask_dtype=self._layouts.mask_dtype,
        )

    def _try_ragged(self, probe: Probe, form: str | None) -> None:
        """Allow ragged forwards if the model computes the same by them."""
        plain = self._layouts
        has_kernel = all(shape is None or shape.dtype is torch.float32 for shape in probe.shapes(self.architecture))
        costs = Costs(num_threads=torch.get_num_threads())
        ragged = replace(plain, can_be_ragged=True, has_kernel=has_kernel, costs=costs)
        self._layouts = replace(ragged, form="ragged")
        if not probe.agrees(self.architecture, self._head, self._run):
            self._layouts = plain
            if form is not None:
                raise ModelLoadError(f"{type(self.architecture.model).__name__} cannot run in the form {form!r}")
        elif form is None:
            self._layouts = ragged

    def _run(self, plan: Plan, *, hidden: bool) -> torch.Tensor:
        return self._run_layout(self._layouts.make(plan), hidden=hidden)

    def _run_layout(self, layout: Layout, *, hidden: bool) -> torch.Tensor:
        with self._products.body(layout.input_ids.numel()):
            return self._run_decoder(layout, hidden=hidden)

    def _run_decoder(self, layout: Layout, *, hidden: bool) -> torch.Tensor:
        self._cache.begin(layout)
        masks = {kind: reads.mask for kind, reads in layout.reads.items()}
        inputs = {
            "input_ids": layout.input_ids,
            "position_ids": layout.positions,
            "attention_mask": masks if self.architecture.by_layer_type else next(iter(masks.values())),
            "past_key_values": self._cache,
            "use_cache": True,
        }
        if hidden:
            return _pick(self.architecture.decoder(**inputs)[0], layout)
        if self._takes_rows and layout.input_ids.shape[0] == 1 and layout.wanted is not None:
            count = len(layout.wanted)
            keep = layout.wanted if count else torch.zeros(1, dtype=torch.int64, device=layout.wanted.device)
            logits: torch.Tensor = self.architecture.model(**inputs, logits_to_keep=keep)[0][0]
            return logits[:count]
        return _pick(self.architecture.model(**inputs)[0], layout)


def _layout_maker(architecture: Architecture, form: str | None) -> LayoutMaker:
    return LayoutMaker(
        reaches=architecture.reaches,
        groups_heads=architecture.groups_heads,
        can_skip_masks={
            kind: not architecture.is_eager and (architecture.by_layer_type or kind == "full_attention")
            for kind in architecture.reaches
        },
        device=architecture.device,
        mask_dtype=architecture.dtype if architecture.is_eager else torch.bool,
        form=form,
    )


def _pick(out: torch.Tensor, layout: Layout) -> torch.Tensor:
    """The wanted cells of [batch, queries, width], in order."""
    cells = out.reshape(-1, out.shape[-1])
    return cells if layout.wanted is None else cells.index_select(0, layout.wanted)
