"""A `LocalEngine` that can choose tokens where its logits are."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from guided.errors import GenerationError
from guided.runtime.engine import Choice, Hidden, Policy
from guided.runtime.local_engine import SPARSE_SHARE, LocalEngine
from guided.runtime.sampling import num_allowed
from guided_backends.torch_device.device_choice import DeviceChooser

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["DeviceChoosingEngine"]


class DeviceChoosingEngine(LocalEngine):
    """`chooser` None: everything is chosen on the host, as in `LocalEngine`."""

    def __init__(self, vocab: Vocabulary, *, chooser: DeviceChooser | None, **options: Any) -> None:
        self._chooser = chooser
        super().__init__(vocab, **options)

    @abstractmethod
    def logits_on_device(self, states: torch.Tensor) -> torch.Tensor:
        """float32[k, num_logits] of the whole head, which the caller may overwrite."""

    def select(
        self, rows: Sequence[Hidden], masks: npt.NDArray[np.int32] | None, policies: Sequence[Policy]
    ) -> list[Choice]:
        """As `LocalEngine.select`; with a chooser only token ids leave the device, one transfer for all rows."""
        chooser = self._chooser
        if chooser is None or not rows or not all(map(chooser.knows, policies)):
            return super().select(rows, masks, policies)
        counts = None if masks is None else [num_allowed(mask, self.num_logits) for mask in masks[: len(rows)]]
        if counts is not None and (0 in counts or (len(rows) == 1 and counts[0] * SPARSE_SHARE <= self.num_logits)):
            return super().select(rows, masks, policies)  # an error, or a few rows of the head that go up by themselves
        started = time.perf_counter()
        states = self._stack([self._single(row) for row in rows])
        words = None if masks is None else chooser.upload(masks)
        tokens = chooser.choose(self.logits_on_device(states), words, policies)
        if tokens.min() < 0 or tokens.max() >= self.num_logits:
            raise GenerationError(
                "the model gave no finite logit for any allowed token: its weights or dtype are broken"
            )
        self.stats.model_seconds += time.perf_counter() - started
        return [Choice(tokens[i : i + 1]) for i in range(len(rows))]
