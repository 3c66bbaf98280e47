"""An engine as one tenant sees it: the same model and memory, a prefix cache of its own.

Whether a prompt was seen before can be told from how long its first token takes, so what one tenant has sent must
not speed up another. Only `open` looks tokens up; everything else goes to the engine as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from guided.errors import InputError
from guided.runtime.engine import (
    Capabilities,
    Choice,
    Engine,
    EngineInfo,
    EngineSequence,
    EngineStats,
    Extend,
    Hidden,
    NamespacedEngine,
    Policy,
)

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["TenantEngine"]


class TenantEngine:
    """`engine`, with what is opened kept in `namespace`."""

    def __init__(self, engine: Engine, namespace: Hashable) -> None:
        if not isinstance(engine, NamespacedEngine) or not engine.capabilities.namespaces:
            raise InputError(f"the backend {engine.info.name!r} keeps one cache for all: it has no tenants")
        self._engine = engine
        self._saving: Any = engine if engine.capabilities.saves else None
        self._namespace = namespace
        self.vocab: Vocabulary = engine.vocab
        self.capabilities: Capabilities = engine.capabilities
        self.stats: EngineStats = engine.stats
        self.info: EngineInfo = engine.info

    @property
    def base(self) -> Engine:
        """The engine that all tenants share."""
        return self._engine

    def open(self, tokens: Sequence[int]) -> EngineSequence:
        """With the longest prefix that this tenant has computed."""
        return self._engine.open(tokens, namespace=self._namespace)

    def export(self, tokens: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """What this tenant has computed of `tokens`."""
        return dict(self._saving.export(tokens, namespace=self._namespace)) if self._saving else {}

    def restore(self, tokens: Sequence[int], arrays: Mapping[str, npt.NDArray[Any]]) -> int:
        """For this tenant alone."""
        return int(self._saving.restore(tokens, arrays, namespace=self._namespace)) if self._saving else 0

    def fork(self, seq: EngineSequence, n: int = 1) -> list[EngineSequence]:
        return self._engine.fork(seq, n)

    def crop(self, seq: EngineSequence, length: int) -> None:
        self._engine.crop(seq, length)

    def close(self, seq: EngineSequence) -> None:
        self._engine.close(seq)

    def step(self, work: Sequence[Extend]) -> list[Hidden]:
        return self._engine.step(work)

    def select(
        self, rows: Sequence[Hidden], masks: npt.NDArray[np.int32] | None, policies: Sequence[Policy]
    ) -> list[Choice]:
        return self._engine.select(rows, masks, policies)

    def logits(self, hidden: Hidden) -> npt.NDArray[np.float32]:
        return self._engine.logits(hidden)

    def logprobs(self, hidden: Hidden, targets: Sequence[int]) -> npt.NDArray[np.float64]:
        return self._engine.logprobs(hidden, targets)

    def shutdown(self) -> None:
        """Nothing: the engine is not the tenant's."""
