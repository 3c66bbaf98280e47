"""From a plan to forwards over pages: texts of several new tokens one by one, single tokens together.

exllama's paged forward takes rows with the same number of new tokens and a causal mask. So a decode step is one
forward for all rows, and a prefill one forward a row (in pieces of at most `max_tokens`). No row may read what another
row of the same forward writes: a row that continues such a row waits for the next forward, and a token that is
computed again, whose cell others may be reading, has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from guided.runtime.engine_plan import BIN_SLOT, Plan, Segment
from guided_backends.exllama.page_table import PageTable
from guided_backends.exllama.paged_model import PagedModel, Want

__all__ = ["PagedRunner"]


class PagedRunner:
    """One model over one page table."""

    def __init__(self, model: PagedModel, table: PageTable, *, max_batch: int) -> None:
        self.model = model
        self.table = table
        self.max_batch = min(max_batch, model.max_tokens)

    def forward(self, plan: Plan) -> torch.Tensor:
        """The logits after the wanted tokens, [K, V]."""
        wanted = set(plan.wanted.tolist())
        found: dict[int, torch.Tensor] = {}  # packed index -> [V]
        with torch.inference_mode():
            for batch in self._batches(plan):
                if len(batch) == 1:
                    self._run_alone(plan, batch[0], wanted, found)
                else:
                    self._run_together(plan, batch, wanted, found)
            if not found:
                return torch.empty((0, self.model.num_logits))
            return torch.stack([found[packed] for packed in plan.wanted.tolist()])

    def _batches(self, plan: Plan) -> Iterator[list[int]]:
        """Numbers of segments, in order."""
        batch: list[int] = []
        written: set[int] = set()
        for number, segment in enumerate(plan.segments):
            is_single = len(segment.tokens) == 1 and plan.write[plan.offsets[number]] != BIN_SLOT
            continues = segment.start > 0 and int(segment.slots[segment.start - 1]) in written
            if batch and (not is_single or continues or len(batch) == self.max_batch):
                yield batch
                batch, written = [], set()
            if not is_single:
                yield [number]
                continue
            batch.append(number)
            written.add(int(segment.slots[-1]))
        if batch:
            yield batch

    def _run_alone(self, plan: Plan, number: int, wanted: set[int], found: dict[int, torch.Tensor]) -> None:
        segment, offset = plan.segments[number], int(plan.offsets[number])
        pages = torch.tensor([self._pages(plan, number)], dtype=torch.int32)
        count = len(segment.tokens)
        for first in range(0, count, self.model.max_tokens):
            stop = min(first + self.model.max_tokens, count)
            mine = [packed for packed in range(offset + first, offset + stop) if packed in wanted]
            want: Want = "none" if not mine else "last" if mine == [offset + stop - 1] else "all"
            tokens = torch.from_numpy(segment.tokens[None, first:stop].astype(np.int64))
            lengths = torch.tensor([segment.start + first], dtype=torch.int32)
            logits = self.model.forward(tokens, pages, lengths, want)
            for packed in mine:
                assert logits is not None
                found[packed] = logits[0, packed - offset - first if want == "all" else -1]

    def _run_together(self, plan: Plan, batch: list[int], wanted: set[int], found: dict[int, torch.Tensor]) -> None:
        rows = [self._pages(plan, number) for number in batch]
        pages = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int32)
        for i, row in enumerate(rows):
            pages[i, : len(row)] = torch.tensor(row, dtype=torch.int32)
        packed = plan.offsets[batch].tolist()
        tokens = torch.from_numpy(plan.tokens[packed].astype(np.int64)[:, None])
        lengths = torch.tensor([plan.segments[number].start for number in batch], dtype=torch.int32)
        mine = [(i, index) for i, index in enumerate(packed) if index in wanted]
        logits = self.model.forward(tokens, pages, lengths, "last" if mine else "none")
        for i, index in mine:
            assert logits is not None
            found[index] = logits[i, -1]

    def _pages(self, plan: Plan, number: int) -> list[int]:
        """The pages of a segment's path, with room for its new tokens.

        A segment that is computed again writes over its own tokens, which gives the same keys and values.
        """
        segment: Segment = plan.segments[number]
        if plan.write[plan.offsets[number]] == BIN_SLOT:
            return self.table.pages(segment.slots, len(segment.slots))
        pages, copy = self.table.place(segment.slots, segment.start)
        if copy is not None:
            self.model.copy_page(copy.source, copy.target, copy.count)
        return pages
