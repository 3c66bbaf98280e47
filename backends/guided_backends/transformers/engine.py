"""A transformers model as a guided engine: `LocalEngine` keeps the books, a runner does the forwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from guided.runtime.engine import EngineInfo
from guided.runtime.engine_plan import Plan
from guided_backends.torch_device.choosing_engine import DeviceChoosingEngine
from guided_backends.torch_device.device_choice import DeviceChooser
from guided_backends.transformers.recurrent_runner import RecurrentRunner
from guided_backends.transformers.runner import ModelRunner

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["DEFAULT_CACHE_BYTES", "TransformersEngine"]

DEFAULT_CACHE_BYTES = 1 << 30


class TransformersEngine(DeviceChoosingEngine):
    """`Engine` over an unmodified transformers causal language model."""

    def __init__(
        self,
        runner: ModelRunner | RecurrentRunner,
        vocab: Vocabulary,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        max_len: int | None = None,
        reuse: bool = True,
        source: str = "objects",
        chooser: DeviceChooser | None = None,
    ) -> None:
        """`chooser`: chooses tokens on the model's device; None chooses on the host. `max_len`: None is the model's."""
        self._runner = runner
        if isinstance(runner, ModelRunner):
            runner.reserve(cache_bytes // runner.slot_bytes)
        super().__init__(
            vocab,
            num_logits=runner.num_logits,
            max_len=min(max_len or runner.architecture.max_len, runner.architecture.max_len),
            slot_bytes=runner.slot_bytes,
            cache_bytes=cache_bytes,
            reuse=reuse,
            chooser=chooser,
            tree=not runner.architecture.is_recurrent,
            saves=isinstance(runner, ModelRunner),
        )
        architecture = runner.architecture
        if architecture.is_recurrent:
            self.capabilities = replace(self.capabilities, crop="checkpoint")
        self.info = EngineInfo(
            name="transformers",
            source=source,
            details={
                "model": type(architecture.model).__name__,
                "device": str(architecture.device),
                "dtype": str(architecture.dtype).removeprefix("torch."),
                "attention": str(architecture.config._attn_implementation),
                "head": runner.head_name,
                "cache": "snapshots" if architecture.is_recurrent else "slots",
            },
        )

    def resize(self, num_slots: int) -> None:
        self._runner.resize(num_slots)

    def forward(self, plan: Plan) -> torch.Tensor:
        states = self._runner.forward(plan)
        if isinstance(self._runner, RecurrentRunner):  # to reach a state that no snapshot had
            self.stats.tokens_computed += self._runner.num_repeated
            self._runner.num_repeated = 0
        return states

    def head(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> npt.NDArray[np.float32]:
        return self._runner.logits(states, token_ids)

    def read_slots(self, slots: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[Any]] | None:
        return self._runner.read_slots(slots) if isinstance(self._runner, ModelRunner) else None

    def write_slots(self, slots: npt.NDArray[np.int32], arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        return isinstance(self._runner, ModelRunner) and self._runner.write_slots(slots, arrays)

    def logits_on_device(self, states: torch.Tensor) -> torch.Tensor:
        return self._runner.logits_on_device(states)

    def concat(self, states: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(states))

    def shutdown(self) -> None:
        """Free the cache; the model stays with whoever else holds it."""
        super().shutdown()
        self._runner.resize(0)
