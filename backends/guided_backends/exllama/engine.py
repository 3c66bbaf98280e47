"""An exllama model as a guided engine: `LocalEngine` keeps the books in slots, `PageTable` says where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from guided.runtime.engine import EngineInfo
from guided.runtime.engine_plan import Plan
from guided_backends.exllama.page_table import PageTable
from guided_backends.exllama.paged_model import PagedModel
from guided_backends.exllama.paged_runner import PagedRunner
from guided_backends.torch_device.choosing_engine import DeviceChoosingEngine
from guided_backends.torch_device.device_choice import DeviceChooser

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["ExllamaEngine"]


class ExllamaEngine(DeviceChoosingEngine):
    """`Engine` over a `PagedModel`. Its states are logits: exllama's quantised heads cannot be taken apart."""

    def __init__(
        self,
        model: PagedModel,
        vocab: Vocabulary,
        *,
        source: str,
        max_batch: int = 64,
        reuse: bool = True,
    ) -> None:
        self._model = model
        table = PageTable(model.num_pages, model.page_size, holds=self._holds, evict=self._evict_idle)
        self._runner = PagedRunner(model, table, max_batch=max_batch)
        super().__init__(
            vocab,
            num_logits=model.num_logits,
            max_len=min(model.max_len, model.num_pages * model.page_size),
            slot_bytes=model.token_bytes,
            cache_bytes=model.num_pages * model.page_size * model.token_bytes,
            reuse=reuse,
            chooser=None,
        )
        pages = f"{model.num_pages} pages of {model.page_size} tokens"
        self.info = EngineInfo(model.name, source, {"cache": pages, "token_bytes": str(model.token_bytes)})

    def resize(self, num_slots: int) -> None:
        self._runner.table.resize(num_slots)

    def forward(self, plan: Plan) -> torch.Tensor:
        states = self._runner.forward(plan)
        if states.is_cuda and self._chooser is None:  # which device it is shows in the first logits
            self._chooser = DeviceChooser(states.device)
        return states

    def head(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> npt.NDArray[np.float32]:
        if token_ids is not None:
            states = states[:, torch.from_numpy(token_ids.astype(np.int64)).to(states.device)]
        else:
            states = states[:, : self.num_logits]
        logits: npt.NDArray[np.float32] = states.float().cpu().numpy().copy()
        return logits

    def logits_on_device(self, states: torch.Tensor) -> torch.Tensor:
        return states[:, : self.num_logits].to(torch.float32, copy=True)

    def concat(self, states: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(states))

    def shutdown(self) -> None:
        super().shutdown()
        self._model.unload()

    def _holds(self, slot: int) -> bool:
        return self._cache.holds(slot)

    def _evict_idle(self, count: int) -> bool:
        """Let about `count` idle tokens go; False if there are none."""
        before = self._arena.num_free
        self._cache.evict(before + count)
        return self._arena.num_free > before
