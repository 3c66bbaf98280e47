"""A transformers model as a guided engine: `LocalEngine` keeps the books, a runner does the forwards."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from guided.errors import GenerationError
from guided.runtime.engine import Choice, EngineInfo, Hidden, Policy
from guided.runtime.engine_plan import Plan
from guided.runtime.local_engine import SPARSE_SHARE, LocalEngine
from guided_backends.transformers.device_choice import DeviceChooser
from guided_backends.transformers.recurrent_runner import RecurrentRunner
from guided_backends.transformers.runner import ModelRunner

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["DEFAULT_CACHE_BYTES", "TransformersEngine"]

DEFAULT_CACHE_BYTES = 1 << 30


class TransformersEngine(LocalEngine):
    """`Engine` over an unmodified transformers causal language model."""

    def __init__(
        self,
        runner: ModelRunner | RecurrentRunner,
        vocab: Vocabulary,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        reuse: bool = True,
        source: str = "objects",
        chooser: DeviceChooser | None = None,
    ) -> None:
        """`chooser`: chooses tokens on the model's device; None chooses on the host."""
        self._chooser = chooser
        self._runner = runner
        super().__init__(
            vocab,
            num_logits=runner.num_logits,
            max_len=runner.architecture.max_len,
            slot_bytes=runner.slot_bytes,
            cache_bytes=cache_bytes,
            reuse=reuse,
            tree=not runner.architecture.is_recurrent,
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

    def select(
        self, rows: Sequence[Hidden], masks: npt.NDArray[np.int32] | None, policies: Sequence[Policy]
    ) -> list[Choice]:
        """As `LocalEngine.select`; with a chooser only token ids leave the device, one transfer for all rows."""
        chooser = self._chooser
        if chooser is None or not rows or not all(map(chooser.knows, policies)):
            return super().select(rows, masks, policies)
        counts = None if masks is None else _num_allowed(masks, self.num_logits)
        if counts is not None and (
            not counts.all() or (len(rows) == 1 and counts[0] * SPARSE_SHARE <= self.num_logits)
        ):
            return super().select(rows, masks, policies)  # an error, or a few rows of the head that go up by themselves
        started = time.perf_counter()
        states = self._stack([self._single(row) for row in rows])
        words = None if masks is None else chooser.upload(masks)
        tokens = chooser.choose(self._runner.logits_on_device(states), words, policies)
        if tokens.min() < 0 or tokens.max() >= self.num_logits:
            raise GenerationError(
                "the model gave no finite logit for any allowed token: its weights or dtype are broken"
            )
        self.stats.model_seconds += time.perf_counter() - started
        return [Choice(tokens[i : i + 1]) for i in range(len(rows))]

    def concat(self, states: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(states))

    def shutdown(self) -> None:
        """Free the cache; the model stays with whoever else holds it."""
        super().shutdown()
        self._runner.resize(0)


def _num_allowed(masks: npt.NDArray[np.int32], num_logits: int) -> npt.NDArray[np.int64]:
    """int64[n]: how many tokens each mask allows; bits beyond the last token do not count."""
    bits = masks[:, : (num_logits + 31) // 32].copy().view(np.uint32)
    if num_logits % 32:
        bits[:, -1] &= np.uint32((1 << num_logits % 32) - 1)
    counts: npt.NDArray[np.int64]
    if hasattr(np, "bitwise_count"):  # numpy 2
        counts = np.bitwise_count(bits).sum(1, dtype=np.int64)
    else:
        counts = np.unpackbits(bits.view(np.uint8), axis=1).sum(1, dtype=np.int64)
    return counts
