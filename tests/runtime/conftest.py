"""An engine without weights: its hidden rows are the very texts that tokens attend to, its logits a hash of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from guided.runtime.engine_plan import BIN_SLOT, Plan
from guided.runtime.local_engine import LocalEngine


class PathEngine(LocalEngine):
    """The hidden row of a token is the text that it attends to, written as one number."""

    def __init__(self, num_slots: int, *, num_tokens: int = 3, max_len: int = 30, reuse: bool = True) -> None:
        self.memory = np.zeros(0, np.int64)
        self.fails = False
        vocab: Any = SimpleNamespace(size=num_tokens)
        super().__init__(
            vocab, num_logits=num_tokens, max_len=max_len, slot_bytes=1, cache_bytes=num_slots, reuse=reuse
        )

    def number(self, tokens: Iterable[int]) -> int:
        value = 0
        for token in tokens:
            value = (self.num_logits + 1) * value + int(token) + 1
        return value

    def resize(self, num_slots: int) -> None:
        self.memory = np.concatenate([self.memory, np.full(num_slots - len(self.memory), -9)])

    def forward(self, plan: Plan) -> np.ndarray:
        if self.fails:
            raise RuntimeError("the device is gone")
        self.memory[plan.write] = plan.tokens
        rows = []
        for segment, first in zip(plan.segments, plan.offsets, strict=False):
            assert BIN_SLOT not in segment.slots
            assert plan.positions[first] == segment.start
            for i in range(len(segment.tokens)):
                rows.append(self.number(self.memory[segment.slots[: segment.start + i + 1]]))
        assert len(rows) == plan.num_tokens == plan.offsets[-1]
        return np.array(rows, object)[plan.wanted]

    def head(self, states: np.ndarray, token_ids: np.ndarray | None) -> np.ndarray:
        rows = [np.random.default_rng(int(state)).normal(0, 2, self.num_logits) for state in states]
        logits = np.array(rows, np.float32)
        return logits if token_ids is None else logits[:, token_ids]

    def concat(self, states: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(states)


@pytest.fixture(scope="session")
def path_engine() -> type[PathEngine]:
    return PathEngine
