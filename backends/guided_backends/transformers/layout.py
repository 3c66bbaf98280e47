"""How one plan becomes one forward: the shape of its input, where it writes, what it reads, its masks.

Three forms. *Packed*: all tokens in one row `[1, T]` over the slots of all segments, each seen through its mask; a
shared prefix is read once, nothing is padded. *Ragged*: packed too, but each segment attends by itself, on a CPU.
*Batched*: one row a segment, its slots gathered and padded. Packed wins where prefixes are shared, ragged for rows that
share little, batched for the same where ragged cannot be; `Costs` decides.
Slots that lie together (nearly) are read in place, without a copy: a single sequence always is, if it can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from guided.runtime.engine_plan import Plan, Segment
from guided_backends.transformers.architecture import Reach
from guided_backends.transformers.costs import Costs
from guided_backends.transformers.ragged import Piece, SlotQueries

__all__ = ["Layout", "LayoutMaker", "Reads"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reads:
    """What one kind of layer reads: `width` slots from `low` in place, or the slots `index`, gathered.

    In a ragged forward each query is among `pieces` or `queries`; then `width` is the number of all, and the mask (if
    the model needs one) says nothing.
    """

    width: int
    low: int = 0
    index: torch.Tensor | None = None  # int64[batch * width]
    mask: torch.Tensor | None = None  # bool (eager: float) [batch, 1, queries, width]; None: causal, nothing hidden
    pieces: tuple[Piece, ...] = ()  # of a ragged forward, one a segment
    queries: SlotQueries | None = None  # those of its segments that have few tokens

    @property
    def is_ragged(self) -> bool:
        return bool(self.pieces) or self.queries is not None

    def on(self, device: torch.device) -> Reads:
        if self.index is None or self.index.device == device:
            return self
        return replace(self, index=self.index.to(device))


@dataclass(frozen=True, slots=True)
class Layout:
    """One forward's input. A cell is one of the batch * queries places of the input; `real` cells hold tokens."""

    input_ids: torch.Tensor  # int64[batch, queries]
    positions: torch.Tensor  # int64[batch, queries]
    reads: Mapping[str, Reads]  # by layer type
    write: torch.Tensor | None  # int64[T] slots, or None: they are the next one
    write_range: tuple[int, int] | None  # slots that are neighbours in order (packed form only)
    real: torch.Tensor | None  # int64[T] cells of the packed tokens; None: all cells, in order
    wanted: torch.Tensor | None  # int64[K] cells of the hidden rows to return; None: all, in order

    @property
    def queries(self) -> int:
        return int(self.input_ids.shape[1])

    def on(self, device: torch.device) -> Layout:
        if self.write is None or self.write.device == device:
            return self
        real = None if self.real is None else self.real.to(device)
        return replace(self, write=self.write.to(device), real=real)


@dataclass(frozen=True, slots=True)
class LayoutMaker:
    """Turns plans into layouts for one model."""

    reaches: Mapping[str, Reach]
    groups_heads: bool
    can_skip_masks: Mapping[str, bool]  # kinds for which no mask means: causal over everything (never for eager)
    device: torch.device
    mask_dtype: torch.dtype  # torch.bool, or the float type of the eager attention's additive masks
    costs: Costs = field(default_factory=Costs)
    form: str | None = None  # "packed", "ragged" or "batched" to force one (tests, benchmarks)
    can_be_ragged: bool = False
    has_kernel: bool = False  # whether our own kernel can attend: float32 on a CPU

    def make(self, plan: Plan) -> Layout:
        if len(plan.segments) == 1 and self.form != "batched" and not self._is_cheaper_ragged(plan.segments[0]):
            slots = plan.segments[0].slots
            return self._alone(plan, int(slots[0])) if _are_neighbours(slots) else self._alone_in_parts(plan)
        views = {kind: [_Seen.of(segment, reach) for segment in plan.segments] for kind, reach in self.reaches.items()}
        widest = max(views.values(), key=lambda seen: sum(len(s.slots) for s in seen))
        form = self._form(plan, widest) if len(plan.segments) > 1 or self.form is not None else "ragged"
        return {"packed": self._packed, "ragged": self._ragged, "batched": self._batched}[form](plan, views)

    def _is_cheaper_ragged(self, segment: Segment) -> bool:
        """Whether one segment is better read by itself in the ragged form."""
        if self.form is not None or not self.can_be_ragged:
            return self.form == "ragged"
        sizes = len(segment.tokens), len(segment.slots)
        return self.costs.pays_ragged(*sizes, segment.start == 0, self.groups_heads, self.has_kernel)

    def _alone(self, plan: Plan, first_slot: int) -> Layout:
        """The usual decode step, made quickly: one segment whose slots are `first_slot, first_slot + 1, ...`.

        What it computes again goes to a slot apart (`BIN_SLOT`), so the written slots are looked at by themselves.
        """
        segment = plan.segments[0]
        start, num_new = segment.start, len(segment.tokens)
        reads = {}
        for kind, reach in self.reaches.items():
            first = reach.first_of(start)
            width = start + num_new - first
            whole = num_new == 1 or (start == 0 and reach.covers(num_new))
            mask = None
            if not (whole and self.can_skip_masks[kind]):
                mask = self._mask(_visible(reach, start, num_new, first)[None, None])
            reads[kind] = Reads(width, first_slot + first, mask=mask)
        in_place = int(plan.write[0]) == first_slot + start and (num_new == 1 or _are_neighbours(plan.write))
        return self._of_one(plan, reads, (first_slot + start, first_slot + start + num_new) if in_place else None)

    def _alone_in_parts(self, plan: Plan) -> Layout:
        """One segment whose slots are no neighbours: mostly it begins like another text, whose slots are elsewhere."""
        segment = plan.segments[0]
        num_new = len(segment.tokens)
        reads = {}
        for kind, reach in self.reaches.items():
            first = reach.first_of(segment.start)
            slots = segment.slots[first:].astype(np.int64)
            low = int(slots.min())
            span = int(slots.max()) + 1 - low
            in_place = self.costs.is_in_place(num_new, len(slots), span, self.groups_heads)
            mask = None
            if num_new > 1 or not self.can_skip_masks[kind] or (in_place and span > len(slots)):
                mask = np.ones((1, len(slots)), np.bool_)
                if num_new > 1:
                    mask = _visible(reach, segment.start, num_new, first)
                if in_place:
                    seen, mask = mask, np.zeros((num_new, span), np.bool_)
                    mask[:, slots - low] = seen
            made = None if mask is None else self._mask(mask[None, None])
            reads[kind] = Reads(span, low, mask=made) if in_place else Reads(len(slots), 0, self._ints(slots), made)
        low = int(plan.write[0])
        is_range = len(plan.write) == 1 or _are_neighbours(plan.write)
        return self._of_one(plan, reads, (low, low + len(plan.write)) if is_range else None)

    def _of_one(self, plan: Plan, reads: Mapping[str, Reads], write_range: tuple[int, int] | None) -> Layout:
        """The layout of a plan with one segment."""
        num_new = len(plan.tokens)
        everything = len(plan.wanted) == num_new and (num_new == 1 or _is_arange(plan.wanted))
        cells = self._ints(np.stack((plan.tokens, plan.positions)))
        return Layout(
            input_ids=cells[:1],
            positions=cells[1:],
            reads=reads,
            write=None if write_range is not None else self._ints(plan.write),
            write_range=write_range,
            real=None,
            wanted=None if everything else self._ints(plan.wanted),
        )

    def _form(self, plan: Plan, seen: Sequence[_Seen]) -> str:
        if self.form is not None:
            return self.form
        queries = max(s.num_new for s in seen)
        width = max(len(s.slots) for s in seen)
        costs = {
            "packed": min(self._packed_costs(plan.num_tokens, _Span.of(seen))),
            "batched": self.costs.batched(plan.num_tokens, len(seen), queries, width, self.groups_heads),
        }
        if self.can_be_ragged:
            costs["ragged"] = sum(self._piece_costs(s) for s in seen)
        return min(costs, key=lambda form: costs[form])

    def _packed_costs(self, num_tokens: int, span: _Span) -> tuple[float, float]:
        """In place over the whole range, and gathered."""
        return (
            self.costs.packed(num_tokens, span.high - span.low, True, self.groups_heads),
            self.costs.packed(num_tokens, span.num_used, False, self.groups_heads),
        )

    def _packed(self, plan: Plan, views: Mapping[str, Sequence[_Seen]]) -> Layout:
        return self._in_one_row(plan, {kind: self._packed_reads(kind, plan, seen) for kind, seen in views.items()})

    def _in_one_row(self, plan: Plan, reads: Mapping[str, Reads]) -> Layout:
        is_range = _are_neighbours(plan.write)
        everything = len(plan.wanted) == plan.num_tokens
        return Layout(
            input_ids=self._ints(plan.tokens)[None],
            positions=self._ints(plan.positions)[None],
            reads=reads,
            write=None if is_range else self._ints(plan.write),
            write_range=(int(plan.write[0]), int(plan.write[-1]) + 1) if is_range else None,
            real=None,
            wanted=None if everything and _is_arange(plan.wanted) else self._ints(plan.wanted),
        )

    def _piece_costs(self, seen: _Seen) -> float:
        if self._is_by_slots(seen):
            return self.costs.slots(seen.num_new, len(seen.slots))
        return self.costs.alone(seen.num_new, *seen.width_in_place(self.costs))

    def _is_by_slots(self, seen: _Seen) -> bool:
        return self.has_kernel and self.costs.is_by_slots(seen.num_new, len(seen.slots))

    def _ragged(self, plan: Plan, views: Mapping[str, Sequence[_Seen]]) -> Layout:
        reads = {}
        num = plan.num_tokens
        for kind, seen in views.items():
            mask = None if self.can_skip_masks[kind] else torch.ones(1, dtype=torch.bool, device=self.device)
            pieces, few = [], []
            for first, s in zip(plan.offsets.tolist(), seen, strict=False):
                if self._is_by_slots(s):
                    few.append((first, s.slots, *s.ranges(self.reaches[kind])))
                else:
                    pieces.append(self._piece(first, s, self.reaches[kind]))
            reads[kind] = Reads(
                num,
                mask=None if mask is None else mask.expand(1, 1, num, num),
                pieces=tuple(pieces),
                queries=SlotQueries.of(few) if few else None,
            )
        return self._in_one_row(plan, reads)

    def _piece(self, first: int, seen: _Seen, reach: Reach) -> Piece:
        """What one segment reads by itself: its slots in place, if they lie near each other."""
        width, in_place = seen.width_in_place(self.costs)
        is_exact = width == len(seen.slots) and (not in_place or seen.num_new == 1 or _is_ascending(seen.slots))
        mask = None
        is_causal = is_exact and seen.num_new > 1 and seen.num_new == width and reach.covers(width)
        if not is_exact or (seen.num_new > 1 and not is_causal):
            visible = seen.visible(reach)
            if in_place:
                spread = np.zeros((seen.num_new, width), np.bool_)
                spread[:, seen.slots - seen.low] = visible
                visible = spread
            mask = torch.from_numpy(visible).to(self.device)
        index = None if in_place else self._ints(seen.slots)
        return Piece(first, seen.num_new, width, seen.low if in_place else 0, index, mask, is_causal)

    def _packed_reads(self, kind: str, plan: Plan, seen: Sequence[_Seen]) -> Reads:
        span = _Span.of(seen)
        in_place, gathered = self._packed_costs(plan.num_tokens, span)
        if in_place <= gathered:
            low, width, index = span.low, span.high - span.low, None
            columns = [s.slots - low for s in seen]
        else:
            used = np.flatnonzero(span.used)
            low, width, index = 0, len(used), self._ints(used + span.low)
            place = np.cumsum(span.used) - 1
            columns = [place[s.slots - span.low] for s in seen]
        mask = np.zeros((plan.num_tokens, width), np.bool_)
        for s, column, offset in zip(seen, columns, plan.offsets.tolist(), strict=False):
            if s.num_new == 1:
                mask[offset, column] = True
            else:
                mask[offset : offset + s.num_new, column] = s.visible(self.reaches[kind])
        return Reads(width, low, index, self._mask(mask[None, None]))

    def _batched(self, plan: Plan, views: Mapping[str, Sequence[_Seen]]) -> Layout:
        counts = np.diff(plan.offsets).astype(np.int64)
        rows, queries = len(counts), int(counts.max())
        row_of = np.repeat(np.arange(rows), counts)
        cells = row_of * queries + np.arange(plan.num_tokens) - np.repeat(plan.offsets[:-1], counts)
        is_full = rows * queries == plan.num_tokens
        return Layout(
            input_ids=self._ints(_spread(plan.tokens, cells, rows * queries)).view(rows, queries),
            positions=self._ints(_spread(plan.positions, cells, rows * queries)).view(rows, queries),
            reads={kind: self._batched_reads(kind, queries, seen) for kind, seen in views.items()},
            write=self._ints(plan.write),
            write_range=None,
            real=None if is_full else self._ints(cells),
            wanted=self._ints(cells[plan.wanted]),
        )

    def _batched_reads(self, kind: str, queries: int, seen: Sequence[_Seen]) -> Reads:
        width = max(len(s.slots) for s in seen)
        index = np.zeros((len(seen), width), np.int64)
        mask = np.zeros((len(seen), 1, queries, width), np.bool_)
        mask[:, :, :, 0] = True  # padding looks at something, so that it stays finite; nobody looks at it
        for row, s in enumerate(seen):
            index[row, : len(s.slots)] = s.slots
            mask[row, 0, : s.num_new, : len(s.slots)] = True if s.num_new == 1 else s.visible(self.reaches[kind])
        return Reads(width, index=self._ints(index.reshape(-1)), mask=self._mask(mask))

    def _ints(self, array: npt.NDArray[np.integer]) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.int64)).to(self.device)

    def _mask(self, mask: Bools) -> torch.Tensor:
        tensor = torch.from_numpy(mask).to(self.device)
        if self.mask_dtype is torch.bool:
            return tensor
        hidden = torch.finfo(self.mask_dtype).min
        return torch.zeros(tensor.shape, dtype=self.mask_dtype, device=self.device).masked_fill_(~tensor, hidden)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The slots that one segment's tokens look at in one kind of layer; the last `num_new` are their own."""

    slots: npt.NDArray[np.int32]
    start: int  # position of the first new token
    num_new: int

    @classmethod
    def of(cls, segment: Segment, reach: Reach) -> _Seen:
        first = reach.first_of(segment.start)
        return cls(segment.slots[first:], segment.start, len(segment.tokens))

    @property
    def low(self) -> int:
        return int(self.slots.min())

    def width_in_place(self, costs: Costs) -> tuple[int, bool]:
        """How many slots it reads by itself, and whether in place (with what lies between them) or gathered."""
        count = len(self.slots)
        span = int(self.slots.max()) - self.low + 1
        return (span, True) if costs.is_in_place(self.num_new, count, span, False) else (count, False)

    def ranges(self, reach: Reach) -> tuple[list[int], list[int]]:
        """Where among the slots those that each new token looks at begin and end."""
        first_seen = self.start + self.num_new - len(self.slots)
        positions = range(self.start, self.start + self.num_new)
        return [reach.first_of(p) - first_seen for p in positions], [p + 1 - first_seen for p in positions]

    def visible(self, reach: Reach) -> Bools:
        """bool[num_new, len(slots)]"""
        return _visible(reach, self.start, self.num_new, self.start + self.num_new - len(self.slots))


@dataclass(frozen=True, slots=True)
class _Span:
    """The slots of several segments taken together: their range, and which of it are used."""

    low: int
    high: int
    used: Bools

    @classmethod
    def of(cls, seen: Sequence[_Seen]) -> _Span:
        low = min(int(s.slots.min()) for s in seen)
        high = max(int(s.slots.max()) for s in seen) + 1
        used = np.zeros(high - low, np.bool_)
        for s in seen:
            used[s.slots - low] = True
        return cls(low, high, used)

    @property
    def num_used(self) -> int:
        return int(np.count_nonzero(self.used))


def _visible(reach: Reach, start: int, num_new: int, first: int) -> Bools:
    """bool[num_new, width]: which of the positions from `first` on each new token looks at."""
    queries = np.arange(start, start + num_new)[:, None]
    keys = np.arange(first, start + num_new)[None]
    mask: Bools = (keys <= queries) & (keys >= reach.first(queries))
    return mask


def _are_neighbours(slots: npt.NDArray[np.int32]) -> bool:
    """Each slot is the one after the slot before it."""
    return int(slots[-1]) - int(slots[0]) == len(slots) - 1 and bool((slots[1:] - slots[:-1] == 1).all())


def _is_ascending(slots: npt.NDArray[np.int32]) -> bool:
    return bool((slots[1:] > slots[:-1]).all())


def _is_arange(indices: npt.NDArray[np.integer]) -> bool:
    return bool((indices == np.arange(len(indices))).all())


def _spread(values: npt.NDArray[np.integer], cells: Ints, size: int) -> Ints:
    """`values` at their cells, 0 in the padding."""
    out = np.zeros(size, np.int64)
    out[cells] = values
    return out
