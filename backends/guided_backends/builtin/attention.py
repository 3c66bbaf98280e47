"""Attention of packed queries over an arena of keys and values, in numpy.

A plan's segments become `Job`s and `Bundle`s once per forward; every layer then runs the same ones. A job is a
block of queries that look at one path of slots; single queries of several paths are bundled. Where the slots are a
few runs of neighbours, keys and values are used as views, otherwise they are gathered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guided.runtime.engine_plan import Plan, Segment
from guided_backends.builtin.bundle import Bundle
from guided_backends.builtin.products import Floats, Piece, mix_values, piece_size, score_keys

__all__ = ["Job", "attend", "jobs_of"]

Ints = npt.NDArray[np.int32]

MAX_RUNS = 4  # slots in more pieces than this are gathered
MAX_QUERIES = 256  # per job, so that early queries of a long prompt do not pay for its end
MIN_SHARED = 16  # a shorter common beginning is not worth a product of its own


@dataclass(frozen=True, slots=True)
class Job:
    """Queries `rows` of the packed ones, over keys and values of `pieces`, in order."""

    rows: npt.NDArray[np.intp]
    pieces: Sequence[Piece]
    length: int  # slots in all pieces
    mask: Floats | None  # [rows, m]: added to the scores of the last m slots

    def mix(self, queries: Floats, keys: Floats, values: Floats, out: Floats) -> None:
        """softmax(q k) v of the rows into `out`; all [rows, kv heads, group, head_dim]."""
        num_rows = len(self.rows)
        _, num_kv, group, dim = queries.shape
        if num_rows == 1:
            row = int(self.rows[0])
            out[row] = self._mixed(queries[row], keys, values)
            return
        block = queries[self.rows].transpose(1, 2, 0, 3).reshape(num_kv, group * num_rows, dim)
        mixed = self._mixed(block, keys, values)
        out[self.rows] = mixed.reshape(num_kv, group, num_rows, dim).transpose(2, 0, 1, 3)

    def _mixed(self, queries: Floats, keys: Floats, values: Floats) -> Floats:
        """For [kv heads, queries, head_dim]; queries are ordered by group, then by row."""
        scores = [score_keys(queries, keys, piece) for piece in self.pieces]
        weights = scores[0] if len(scores) == 1 else np.concatenate(scores, axis=-1)
        if self.mask is not None:
            by_row = weights.reshape(len(weights), -1, len(self.rows), self.length)
            by_row[..., self.length - self.mask.shape[1] :] += self.mask
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        total = weights.sum(axis=-1, keepdims=True)
        first = piece_size(self.pieces[0])
        mixed = mix_values(weights[..., :first], values, self.pieces[0])
        for piece in self.pieces[1:]:
            stop = first + piece_size(piece)
            mixed += mix_values(weights[..., first:stop], values, piece)
            first = stop
        mixed /= total
        return mixed


def jobs_of(plan: Plan, wanted: Ints | None = None) -> list[Job | Bundle]:
    """The attention of one layer: for all packed tokens, or for `wanted` ones only, packed in that order."""
    jobs: list[Job] = []
    for index, segment in enumerate(plan.segments):
        first, stop = int(plan.offsets[index]), int(plan.offsets[index + 1])
        if wanted is None:
            jobs += _blocks(segment, np.arange(first, stop), np.arange(segment.start + 1, len(segment.slots) + 1))
        else:
            rows = np.flatnonzero((wanted >= first) & (wanted < stop))
            if len(rows):
                jobs += _blocks(segment, rows, wanted[rows] - first + segment.start + 1)
    single = [job for job in jobs if len(job.rows) == 1]
    if len(single) < 2:
        return list(jobs)
    return [*(job for job in jobs if len(job.rows) > 1), *_bundles(single)]


def attend(queries: Floats, keys: Floats, values: Floats, jobs: Sequence[Job | Bundle]) -> Floats:
    """Mixed values for every query.

    queries: [rows, kv heads, group, head_dim], scaled; keys, values: [kv heads, slots, head_dim];
    returns [rows, kv heads * group * head_dim].
    """
    out = np.empty(queries.shape, np.float32)
    for job in jobs:
        job.mix(queries, keys, values, out)
    return out.reshape(len(queries), -1)


def _blocks(segment: Segment, rows: npt.NDArray[np.intp], limits: npt.NDArray[np.integer]) -> Iterator[Job]:
    """Jobs of at most `MAX_QUERIES` rows; row i sees the first `limits[i]` slots."""
    for first in range(0, len(rows), MAX_QUERIES):
        block, limit = rows[first : first + MAX_QUERIES], limits[first : first + MAX_QUERIES]
        length = int(limit.max())
        shortest = int(limit.min())
        mask = None
        if shortest < length:
            hidden = np.arange(shortest, length)[None, :] >= limit[:, None]
            mask = np.where(hidden, np.float32(-np.inf), np.float32(0))
        yield Job(block, _pieces(segment.slots[:length]), length, mask)


def _pieces(slots: Ints) -> list[Piece]:
    runs = Segment(slots, 0, slots).runs()
    if len(runs) > MAX_RUNS:
        return [slots.copy()]
    return [slice(first, stop) for first, stop in runs]


def _bundles(jobs: Sequence[Job]) -> Iterator[Bundle]:
    """Single queries, together with those whose paths begin with the same run; the others make one bundle."""
    alike: dict[int, list[Job]] = defaultdict(list)
    others: list[Job] = []
    for job in jobs:
        head = job.pieces[0]
        if isinstance(head, slice):
            alike[head.start].append(job)
        else:
            others.append(job)
    for start, group in alike.items():
        stop = min(job.pieces[0].stop for job in group if isinstance(job.pieces[0], slice))
        if len(group) == 1 or stop - start < MIN_SHARED:
            others += group
        else:
            yield _bundle(group, slice(start, stop))
    if others:
        yield _bundle(others, slice(0, 0))


def _bundle(jobs: Sequence[Job], shared: slice) -> Bundle:
    tails: list[list[Piece]] = []
    for job in jobs:
        pieces = list(job.pieces)
        head = pieces[0]
        if isinstance(head, slice) and piece_size(shared):
            pieces[:1] = [slice(shared.stop, head.stop)] if head.stop > shared.stop else []
        tails.append(pieces)
    return Bundle(np.array([job.rows[0] for job in jobs]), shared, tails)
