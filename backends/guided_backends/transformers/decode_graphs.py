"""Decode steps as recorded CUDA graphs: the whole forward is one launch.

A step of one new token a row is the same work every time, if its shapes are: so rows are padded to a power of two and
what they read to another, the inputs lie in tensors of their own that stay where they are, and the forward over them
is recorded once for each pair of sizes. Padding rows write to and read from the bin. Reads are gathered, since a
recorded view could not move with its sequence; beyond `MAX_WIDTH` slots that costs more than it saves, and the step
runs unrecorded. A model that cannot be recorded (it looks at its own values) runs unrecorded from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from guided.runtime.engine_plan import BIN_SLOT, Plan
from guided_backends.transformers.architecture import Reach
from guided_backends.transformers.layout import Layout, Reads

__all__ = ["CudaRecorder", "DecodeGraphs", "Recorder"]

MAX_ROWS = 64
MAX_WIDTH = 4096
MIN_WIDTH = 64


class Recorder(Protocol):
    """Records `work`, which writes to the same tensors whenever it is replayed."""

    def record(self, work: Callable[[], torch.Tensor]) -> tuple[Callable[[], None], torch.Tensor]:
        """How to replay it, and where its result will be. `work` may run several times on the way."""


class CudaRecorder:
    """By `torch.cuda.graph`; all recordings share one memory pool, since only one runs at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], torch.Tensor]) -> tuple[Callable[[], None], torch.Tensor]:
        with torch.cuda.device(self._device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries choose and load their kernels now, not while recording
                for _ in range(2):
                    work()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                out = work()
        return graph.replay, out


@dataclass(frozen=True, slots=True)
class _Recording:
    """One size: its inputs, their copies on the host, and how to run it."""

    layout: Layout
    host: dict[str, torch.Tensor]
    device: dict[str, torch.Tensor]
    replay: Callable[[], None]
    out: torch.Tensor


class DecodeGraphs:
    """The recordings of one model. `run(layout)` is its forward, all hidden rows in order."""

    def __init__(
        self,
        recorder: Recorder,
        run: Callable[[Layout], torch.Tensor],
        *,
        reaches: Mapping[str, Reach],
        device: torch.device,
        mask_dtype: torch.dtype,
    ) -> None:
        self._recorder = recorder
        self._run = run
        self._reaches = reaches
        self._device = device
        self._mask_dtype = mask_dtype
        self._recordings: dict[tuple[int, ...], _Recording] = {}
        self.is_off = False

    def __len__(self) -> int:
        return len(self._recordings)

    def clear(self) -> None:
        """The arena has moved, and with it what was recorded."""
        self._recordings.clear()

    def takes(self, plan: Plan) -> bool:
        """Whether this is a decode step of a size that is worth it."""
        return (
            not self.is_off
            and plan.num_tokens == len(plan.segments) <= MAX_ROWS
            and max(segment.start for segment in plan.segments) < MAX_WIDTH
        )

    def forward(self, plan: Plan) -> torch.Tensor | None:
        """The hidden rows of `plan.wanted`; None if the model turns out not to be recordable."""
        widths = {
            kind: _power_of_two(max(s.start + 1 - reach.first_of(s.start) for s in plan.segments), MIN_WIDTH)
            for kind, reach in self._reaches.items()
        }
        size = (_power_of_two(len(plan.segments), 1), *widths.values())
        arrays = self._arrays(plan, size[0], widths)
        recording = self._recordings.get(size)
        if recording is None:
            try:
                recording = self._recordings[size] = self._record(size[0], widths, arrays)
            except RuntimeError:  # an operation that cannot be recorded: the steps then run as they come
                self.is_off = True
                return None
        else:
            self._fill(recording.host, recording.device, arrays)
        recording.replay()
        wanted = torch.from_numpy(plan.wanted.astype(np.int64)).to(self._device)
        return recording.out.index_select(0, wanted)  # a copy: the next replay writes over `out`

    def _arrays(self, plan: Plan, rows: int, widths: Mapping[str, int]) -> dict[str, np.ndarray]:
        """The step's inputs, padded."""
        count = plan.num_tokens
        arrays: dict[str, np.ndarray] = {
            name: np.full(rows, empty, np.int64) for name, empty in (("ids", 0), ("positions", 0), ("write", BIN_SLOT))
        }
        arrays["ids"][:count] = plan.tokens
        arrays["positions"][:count] = plan.positions
        arrays["write"][:count] = plan.write
        for kind, width in widths.items():
            index = np.full((rows, width), BIN_SLOT, np.int64)
            visible = np.zeros((rows, width), np.bool_)
            visible[count:, 0] = True  # padding looks at the bin, so that it stays finite
            for row, segment in enumerate(plan.segments):
                slots = segment.slots[self._reaches[kind].first_of(segment.start) :]
                index[row, : len(slots)] = slots
                visible[row, : len(slots)] = True
            arrays[f"index {kind}"], arrays[f"mask {kind}"] = index.reshape(-1), visible
        return arrays

    def _record(self, rows: int, widths: Mapping[str, int], arrays: dict[str, np.ndarray]) -> _Recording:
        pin = self._device.type == "cuda"
        host = {name: torch.from_numpy(array).clone() for name, array in arrays.items()}
        host = {name: tensor.pin_memory() if pin else tensor for name, tensor in host.items()}
        device = {name: tensor.to(self._device, copy=True) for name, tensor in host.items()}
        layout = Layout(
            input_ids=device["ids"].view(rows, 1),
            positions=device["positions"].view(rows, 1),
            reads={
                kind: Reads(width, index=device[f"index {kind}"], mask=self._mask(device[f"mask {kind}"]))
                for kind, width in widths.items()
            },
            write=device["write"],
            write_range=None,
            real=None,
            wanted=None,
        )
        for kind, reads in layout.reads.items():
            assert reads.mask is not None
            device[f"float mask {kind}"] = reads.mask
        replay, out = self._recorder.record(lambda: self._run(layout))
        return _Recording(layout, host, device, replay, out)

    def _mask(self, visible: torch.Tensor) -> torch.Tensor:
        """[rows, 1, 1, width] as the attention takes it; eager attention adds, so its mask is of floats."""
        if self._mask_dtype is torch.bool:
            return visible[:, None, None, :]
        return _added(visible, self._mask_dtype)[:, None, None, :]

    def _fill(
        self, host: dict[str, torch.Tensor], device: dict[str, torch.Tensor], arrays: dict[str, np.ndarray]
    ) -> None:
        """New values into the recorded inputs. The last step's copies are done: its tokens have been chosen since."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        for name, array in arrays.items():
            host[name].numpy()[:] = array
            device[name].copy_(host[name], non_blocking=True)
        if self._mask_dtype is not torch.bool:
            for kind in self._reaches:
                added = _added(device[f"mask {kind}"], self._mask_dtype)
                device[f"float mask {kind}"].copy_(added[:, None, None, :])


def _added(visible: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill_(~visible, torch.finfo(dtype).min)


def _power_of_two(count: int, least: int) -> int:
    """The smallest power of two from `count` and `least` on."""
    return max(least, 1 << (count - 1).bit_length())
