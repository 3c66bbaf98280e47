"""The builtin engine: a small Llama in numpy, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from guided.runtime.engine import EngineInfo
from guided.runtime.engine_plan import Plan
from guided.runtime.local_engine import LocalEngine
from guided_backends.builtin.blas import blas_threads
from guided_backends.builtin.model import LlamaModel

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["BuiltinEngine"]

Floats = npt.NDArray[np.float32]


class BuiltinEngine(LocalEngine):
    """`LocalEngine` over a `LlamaModel`; `threads` is what its matrix products use."""

    def __init__(
        self,
        model: LlamaModel,
        vocab: Vocabulary,
        *,
        source: str,
        cache_bytes: int,
        max_len: int | None,
        reuse: bool,
        threads: int | None,
    ) -> None:
        config = model.config
        self._model = model
        self._threads = threads
        super().__init__(
            vocab,
            num_logits=config.vocab_size,
            max_len=min(max_len or config.max_len, config.max_len),
            slot_bytes=model.slot_bytes,
            cache_bytes=cache_bytes,
            reuse=reuse,
            tree=True,
            saves=True,
        )
        shape = f"{config.num_layers} layers, {config.hidden_size} wide, {config.vocab_size} tokens"
        self.info = EngineInfo("builtin", source, {"model": shape, "dtype": "float32", "device": "cpu"})

    def resize(self, num_slots: int) -> None:
        self._model.resize(num_slots)

    def forward(self, plan: Plan) -> Floats:
        with blas_threads(self._threads):
            return self._model.forward(plan)

    def head(self, states: Floats, token_ids: npt.NDArray[np.int32] | None) -> Floats:
        with blas_threads(self._threads):
            return self._model.head(states, token_ids)

    def read_slots(self, slots: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[Any]]:
        return self._model.read_slots(slots)

    def write_slots(self, slots: npt.NDArray[np.int32], arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        return self._model.write_slots(slots, arrays)

    def concat(self, states: Sequence[Floats]) -> Floats:
        return np.concatenate(states)
