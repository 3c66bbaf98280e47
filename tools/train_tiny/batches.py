"""Training batches: documents as token rows of like length, with the tokens whose loss counts.

A pool of documents is generated from (seed, index), sorted by length and cut into micro-batches of at most
`budget` tokens, in a shuffled order. The loss of a prompt token has weight `prompt_share` by being counted that
often: the head then runs on fewer rows, and the expected gradient is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tools.train_tiny.examples import Example
from tools.train_tiny.generate import MIXTURE, WARM_UP, example
from tools.train_tiny.tokenizer import BOS, END, PAD


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids, bos first, and which of them the model writes."""

    ids: np.ndarray  # int64[n]
    is_target: np.ndarray  # bool[n]


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """ids int64[rows, length]; counted int64[k] flat positions whose next token counts; labels int64[k]."""

    ids: Tensor
    counted: Tensor
    labels: Tensor


def rows_of(tokenizer: Tokenizer, examples: list[Example]) -> list[Row]:
    """Encode documents; one that is not a chat ends with the end token."""
    encoded = tokenizer.encode_batch([e.text for e in examples], add_special_tokens=False)
    return [_row(e, enc.ids, enc.offsets) for e, enc in zip(examples, encoded, strict=True)]


def _row(e: Example, ids: list[int], offsets: list[tuple[int, int]]) -> Row:
    spans = e.target_spans()
    flags = [any(start < stop and end > begin for begin, stop in spans) for start, end in offsets]
    tail = [] if e.task.startswith("chat") else [END]
    return Row(np.array([BOS, *ids, *tail]), np.array([False, *flags, *(True for _ in tail)]))


def micro_batch(rows: list[Row], prompt_share: float, rng: np.random.Generator) -> MicroBatch:
    """Pad rows on the right; causal attention never sees the padding."""
    length = max(len(r.ids) for r in rows)
    ids = np.full((len(rows), length), PAD, dtype=np.int64)
    counts = np.zeros((len(rows), length), dtype=bool)
    for i, row in enumerate(rows):
        n = len(row.ids)
        ids[i, :n] = row.ids
        counts[i, : n - 1] = row.is_target[1:] | (rng.random(n - 1) < prompt_share)
    counted = np.flatnonzero(counts)
    return MicroBatch(torch.from_numpy(ids[:, :-1].copy()), *_labels(ids, counted, length))


def _labels(ids: np.ndarray, counted: np.ndarray, length: int) -> tuple[Tensor, Tensor]:
    row, column = counted // length, counted % length
    return torch.from_numpy(row * (length - 1) + column), torch.from_numpy(ids[row, column + 1])


def pool(tokenizer: Tokenizer, seed: int, number: int, size: int, is_warm_up: bool) -> list[Row]:
    """Documents `number * size` and following of the stream."""
    mixture = WARM_UP if is_warm_up else MIXTURE
    return rows_of(tokenizer, [example(seed, i, "train", mixture) for i in range(number * size, (number + 1) * size)])


def micro_batches(
    tokenizer: Tokenizer, seed: int, number: int, size: int, budget: int, prompt_share: float, is_warm_up: bool
) -> Iterator[MicroBatch]:
    """All micro-batches of one pool."""
    rows = sorted(pool(tokenizer, seed, number, size, is_warm_up), key=lambda r: len(r.ids))
    groups: list[list[Row]] = [[]]
    for row in rows:
        if groups[-1] and (len(groups[-1]) + 1) * len(row.ids) > budget:
            groups.append([])
        groups[-1].append(row)
    Random(f"{seed}/{number}").shuffle(groups)
    rng = np.random.default_rng((seed, number))
    for group in groups:
        yield micro_batch(group, prompt_share, rng)
