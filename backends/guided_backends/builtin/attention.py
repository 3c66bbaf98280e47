"""Attention of packed queries over an arena of keys and values, in numpy.

A plan's segments become `Job`s once per forward; every layer then runs the same jobs. A job is a block of queries
that look at one path of slots: where the slots are a few runs of neighbours, keys and values are used as views,
otherwise they are gathered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guided.runtime.engine_plan import Plan, Segment

__all__ = ["Job", "attend", "jobs_of"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

MAX_RUNS = 4  # slots in more pieces than this are gathered
MAX_QUERIES = 256  # per job, so that early queries of a long prompt do not pay for its end


@dataclass(frozen=True, slots=True)
class Job:
    """Queries `rows` of the packed ones, over keys and values of `pieces`, in order."""

    rows: slice | npt.NDArray[np.intp]
    num_rows: int
    pieces: list[slice] | list[Ints]
    length: int  # slots in all pieces
    mask: Floats | None  # [num_rows, m]: added to the scores of the last m slots


def jobs_of(plan: Plan, wanted: Ints | None = None) -> list[Job]:
    """The attention of one layer: for all packed tokens, or for `wanted` ones only, packed in that order."""
    jobs: list[Job] = []
    for index, segment in enumerate(plan.segments):
        first, stop = int(plan.offsets[index]), int(plan.offsets[index + 1])
        if wanted is None:
            limits = np.arange(segment.start + 1, len(segment.slots) + 1)
            jobs += _blocks(segment, np.arange(first, stop), limits)
        else:
            rows = np.flatnonzero((wanted >= first) & (wanted < stop))
            if len(rows):
                jobs += _blocks(segment, rows, wanted[rows] - first + segment.start + 1)
    return jobs


def attend(queries: Floats, keys: Floats, values: Floats, jobs: list[Job]) -> Floats:
    """Mixed values for every query.

    queries: [rows, kv heads, group, head_dim], scaled; keys, values: [kv heads, slots, head_dim];
    returns [rows, kv heads * group * head_dim].
    """
    num_rows, num_kv, group, dim = queries.shape
    if len(jobs) == 1 and num_rows == 1:
        return _mix(queries[0], keys, values, jobs[0]).reshape(1, -1)
    out = np.empty((num_rows, num_kv, group, dim), np.float32)
    for job in jobs:
        if job.num_rows == 1:
            out[job.rows] = _mix(queries[job.rows][0], keys, values, job)
            continue
        block = queries[job.rows].transpose(1, 2, 0, 3).reshape(num_kv, group * job.num_rows, dim)
        mixed = _mix(block, keys, values, job)
        out[job.rows] = mixed.reshape(num_kv, group, job.num_rows, dim).transpose(2, 0, 1, 3)
    return out.reshape(num_rows, -1)


def _mix(queries: Floats, keys: Floats, values: Floats, job: Job) -> Floats:
    """softmax(q k) v for [kv heads, queries, head_dim]; queries are ordered by group, then by row."""
    scores = [np.matmul(queries, keys[:, piece].transpose(0, 2, 1)) for piece in job.pieces]
    weights = scores[0] if len(scores) == 1 else np.concatenate(scores, axis=-1)
    if job.mask is not None:
        tail = weights.reshape(len(weights), -1, job.num_rows, job.length)[..., job.length - job.mask.shape[1] :]
        tail += job.mask
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    total = weights.sum(axis=-1, keepdims=True)
    mixed = np.matmul(weights[..., : _size(job.pieces[0])], values[:, job.pieces[0]])
    first = _size(job.pieces[0])
    for piece in job.pieces[1:]:
        mixed += np.matmul(weights[..., first : first + _size(piece)], values[:, piece])
        first += _size(piece)
    mixed /= total
    return np.asarray(mixed)


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
        yield Job(_as_slice(block), len(block), _pieces(segment.slots[:length]), length, mask)


def _pieces(slots: Ints) -> list[slice] | list[Ints]:
    runs = Segment(slots, 0, slots).runs()
    if len(runs) > MAX_RUNS:
        return [slots.copy()]
    return [slice(first, stop) for first, stop in runs]


def _as_slice(rows: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    first, last = int(rows[0]), int(rows[-1])
    is_run = last - first == len(rows) - 1 and (rows[1:] > rows[:-1]).all()
    return slice(first, last + 1) if is_run else rows


def _size(piece: slice | Ints) -> int:
    return int(piece.stop - piece.start) if isinstance(piece, slice) else len(piece)
