"""Run recurrent and hybrid models (Mamba, Qwen3-Next, Jamba ...) over plans, by snapshots of their state.

A segment begins at the nearest snapshot on its path; the tokens between that and its own are computed again, and
counted. So any fork, crop or reuse is exact, and cheap where a snapshot lies near: at the end of every forward, where
paths part, and every `INTERVAL` tokens of a text. Rows that are equally long go through the model together.
Some models cannot read several tokens onto a state (transformers starts their scan from nothing); the check at load
finds out, and they read one token at a time there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import DynamicCache

from guided.errors import ModelLoadError
from guided.runtime.engine_plan import BIN_SLOT, Plan, Segment
from guided_backends.transformers.architecture import Architecture
from guided_backends.transformers.head import Head
from guided_backends.transformers.probe import Probe
from guided_backends.transformers.products import Library, Products, check_library
from guided_backends.transformers.snapshots import Snapshot, SnapshotStore, cache_of, snapshots_of
from guided_backends.transformers.torch_scope import torch_scope

__all__ = ["RecurrentRunner"]

INTERVAL = 256  # tokens between the snapshots of a long text
STEP_COST = 8  # one step, in tokens of a text read at once: when to read a text again instead of in steps
SLOT_BYTES = 64  # what the books of a slot take: memory is in the snapshots, which have a budget of their own


@dataclass(slots=True)
class _Reading:
    """One segment on its way: the path's tokens up to `ends[-1]`, read in runs that end at `ends`."""

    segment: Segment
    offset: int  # packed index of the segment's first token
    text: npt.NDArray[np.int32]  # of the whole path
    at: int  # tokens read
    ends: list[int]
    state: Snapshot | None = None

    @property
    def run(self) -> npt.NDArray[np.int32]:
        return self.text[self.at : self.ends[0]]


class RecurrentRunner:
    """A recurrent model with its snapshots. `slot_bytes` and the other public names are those of `ModelRunner`."""

    slot_bytes = SLOT_BYTES

    def __init__(
        self,
        model: Any,
        *,
        snapshot_bytes: int,
        num_threads: int | None = None,
        max_batch: int | None = None,
        library: Library | None = None,
    ) -> None:
        """Checks on a few tokens that snapshots give the model's own logits; raises `ModelLoadError` if not."""
        check_library(library)
        for name, value in (("num_threads", num_threads), ("max_batch", max_batch)):
            if value is not None and value < 1:
                raise ModelLoadError(f"{name}={value}: pass a positive number, or leave it out")
        self.num_threads = num_threads
        self.max_batch = max_batch
        self.architecture = Architecture.of(model)
        self.num_repeated = 0  # tokens computed again to reach a state, since the last look
        self.store = SnapshotStore(snapshot_bytes)
        self._tokens = np.zeros(0, np.int32)  # of each slot
        with torch_scope(num_threads):
            self._products = Products(model, library=library)
            self.reads_onto_states, self._head = self._check()
        self._step_cost = STEP_COST
        self.store.clear()
        self.num_repeated = 0
        self.num_logits = self._head.num_logits

    def _check(self) -> tuple[bool, Head]:
        self._step_cost = 0  # never read again what can be stepped: it is the steps that are checked
        probe = Probe.of(self.architecture)
        for reads_onto_states in (True, False):
            self.reads_onto_states = reads_onto_states
            try:
                return reads_onto_states, probe.check(self.architecture, self.resize, self._run)
            except ModelLoadError:
                if not reads_onto_states:
                    raise
        raise AssertionError("unreachable")

    @property
    def head_name(self) -> str:
        return type(self._head).__name__

    def resize(self, num_slots: int) -> None:
        """Slots are books only: which token each holds. 0 forgets everything."""
        kept = min(num_slots, len(self._tokens))
        self._tokens = np.concatenate([self._tokens[:kept], np.zeros(num_slots - kept, np.int32)])
        if not num_slots:
            self.store.clear()

    def forward(self, plan: Plan) -> torch.Tensor:
        """The hidden rows of `plan.wanted`, [K, width]."""
        with torch_scope(self.num_threads):
            return self._run(plan, hidden=self._head.wants_hidden())

    def logits(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> npt.NDArray[np.float32]:
        with torch_scope(self.num_threads), self._products.head(len(states)):
            out: npt.NDArray[np.float32] = self._head.logits(states, token_ids).cpu().numpy()
        return out

    def logits_on_device(self, states: torch.Tensor) -> torch.Tensor:
        """float32[k, num_logits] that the caller may overwrite."""
        with torch_scope(self.num_threads):
            out = self._head.logits(states, None)
            return out if self._head.wants_hidden() else out.clone()

    def _run(self, plan: Plan, *, hidden: bool) -> torch.Tensor:
        new = plan.write != BIN_SLOT
        for slot in plan.write[new].tolist():
            self.store.drop(slot)
        self._tokens[plan.write[new]] = plan.tokens[new]
        place = {packed: row for row, packed in enumerate(plan.wanted.tolist())}
        found: dict[int, torch.Tensor] = {}
        for level in _levels(plan):
            readings = [self._reading(plan.segments[number], int(plan.offsets[number])) for number in level]
            while readings:
                for group in self._groups(readings):
                    self._read(group, hidden, place, found)
                readings = [reading for reading in readings if reading.ends]
        if not place:
            return torch.empty((0, 1), device=self.architecture.device)
        return torch.stack([found[row] for row in range(len(place))])

    def _reading(self, segment: Segment, offset: int) -> _Reading:
        """Where to begin, and where to stop on the way."""
        start, end = segment.start, segment.start + len(segment.tokens)
        text = self._tokens[segment.slots]
        slots = segment.slots[:start].tolist()
        origin = next((p for p in range(start, 0, -1) if slots[p - 1] in self.store), 0)
        if origin and not self.reads_onto_states and (end - origin) * self._step_cost > end:
            origin = 0
        state = self.store.get(slots[origin - 1]) if origin else None
        self.num_repeated += start - origin
        if self.reads_onto_states:
            stops = {*range(origin - origin % INTERVAL + INTERVAL, end, INTERVAL), end}
            stops |= {start} if start > origin else set()
        else:
            stops = set(range(origin + 1, end + 1)) if origin else {end}
        return _Reading(segment, offset, text, origin, sorted(stops), state)

    def _groups(self, readings: list[_Reading]) -> Iterator[list[_Reading]]:
        """Readings whose next runs can go through the model together."""
        groups: dict[tuple[int, int], list[_Reading]] = {}
        for reading in readings:
            position = reading.at if reading.state is None or reading.state.has_keys else -1
            groups.setdefault((position, len(reading.run)), []).append(reading)
        for group in groups.values():
            most = self.max_batch or len(group)
            for first in range(0, len(group), most):
                yield group[first : first + most]

    def _read(self, group: list[_Reading], hidden: bool, place: dict[int, int], found: dict[int, torch.Tensor]) -> None:
        architecture = self.architecture
        states = [reading.state for reading in group if reading.state is not None]
        cache = cache_of(states) if states else DynamicCache(config=architecture.config)
        tokens = torch.from_numpy(np.stack([reading.run for reading in group]).astype(np.int64))
        module = architecture.decoder if hidden else architecture.model
        inputs = {"input_ids": tokens.to(architecture.device), architecture.cache_argument: cache, "use_cache": True}
        with self._products.body(tokens.numel()):
            rows = module(**inputs)[0]
        after = snapshots_of(cache, len(group))
        for number, reading in enumerate(group):
            first, end = reading.at, reading.ends.pop(0)
            start, slots = reading.segment.start, reading.segment.slots
            for position in range(max(first, start), end):
                row = place.get(reading.offset + position - start)
                if row is not None:
                    found[row] = rows[number, position - first]
            reading.at, reading.state = end, after[number]
            if not reading.ends or end == start or end % INTERVAL == 0:
                self.store.put(
                    int(slots[end - 1]), after[number], is_step=len(reading.segment.tokens) == 1 and end > start
                )


def _levels(plan: Plan) -> list[list[int]]:
    """Numbers of segments; those of a level build on levels before it only."""
    writer: dict[int, int] = {}
    levels: list[list[int]] = []
    level_of: dict[int, int] = {}
    for number, segment in enumerate(plan.segments):
        parent = writer.get(int(segment.slots[segment.start - 1])) if segment.start else None
        level = 0 if parent is None else level_of[parent] + 1
        level_of[number] = level
        if level == len(levels):
            levels.append([])
        levels[level].append(number)
        for slot in segment.slots[segment.start :].tolist():
            writer[slot] = number
    return levels
