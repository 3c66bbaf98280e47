"""ExLlamaV3 (1.6.5) as a `PagedModel`.

The calls are those of its own generator: `forward` and `prefill` with `attn_mode="flash_attn"`, a block table and the
lengths of the cached texts. Models whose layers keep a recurrent state or a sliding window outside the pages
(`get_recurrent_layers`) cannot be forked by sharing pages, and are refused.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from guided.errors import ModelLoadError
from guided_backends.exllama.paged_model import Want

__all__ = ["Version3"]

MAX_TOKENS = 2048  # the chunk that ExLlamaV3 sizes its buffers for


class Version3:
    """Loads the model over all devices, as much on the first as fits."""

    name = "exllamav3"

    def __init__(
        self, module: ModuleType, directory: Path, *, cache_bytes: int, cache_bits: int, max_len: int | None
    ) -> None:
        if cache_bits != 16 and not 2 <= cache_bits <= 8:
            raise ModelLoadError(f"cache_bits={cache_bits}: ExLlamaV3 has caches of 16 and of 2 to 8 bits")
        self.page_size = int(importlib.import_module("exllamav3.constants").PAGE_SIZE)
        config = module.Config.from_directory(str(directory))
        self._model = module.Model.from_config(config)
        if self._model.get_recurrent_layers():
            raise ModelLoadError(
                f"{type(self._model).__name__} keeps a recurrent or sliding state beside its pages, which cannot be "
                "shared between sequences or rewound; run it with backend='transformers'"
            )
        options: dict[str, Any] = {}
        if cache_bits != 16:
            options = {"layer_type": module.CacheLayer_quant, "k_bits": cache_bits, "v_bits": cache_bits}
        self.num_logits = int(config.vocab_size)
        self.max_len = min(int(config.max_position_embeddings), max_len or 1 << 30)
        self.max_tokens = MAX_TOKENS
        self.token_bytes = self._measure(module, options)
        self.num_pages = cache_bytes // (self.token_bytes * self.page_size)
        if self.num_pages < 1:
            raise ModelLoadError(
                f"cache_bytes={cache_bytes} is too small: a page of {self.page_size} tokens takes "
                f"{self.token_bytes * self.page_size} bytes"
            )
        self._cache = module.Cache(self._model, max_num_tokens=self.num_pages * self.page_size, **options)
        self._model.load(progressbar=False)

    def _measure(self, module: ModuleType, options: dict[str, Any]) -> int:
        """What one token takes: layers differ, so a cache of one page is asked and taken off again."""
        cache = module.Cache(self._model, max_num_tokens=self.page_size, **options)
        page_bytes = sum(int(layer.storage_size()) for layer in cache.layers.values())
        cache.detach_from_model()
        if not page_bytes:
            raise ModelLoadError("the model keeps no keys and values, so nothing could be reused or forked")
        return -(-page_bytes // self.page_size)

    def forward(
        self, tokens: torch.Tensor, pages: torch.Tensor, lengths: torch.Tensor, want: Want
    ) -> torch.Tensor | None:
        params: dict[str, Any] = {
            "attn_mode": "flash_attn",
            "cache": self._cache,
            "block_table": pages,
            "cache_seqlens": lengths,
        }
        if want == "none":
            self._model.prefill(input_ids=tokens, params=params)
            return None
        if want == "last":
            params["last_tokens_only"] = 1
        logits: torch.Tensor = self._model.forward(input_ids=tokens, params=params)
        return logits

    def copy_page(self, source: int, target: int, count: int) -> None:
        self._cache.copy_page(self._cache, source, target, count)

    def unload(self) -> None:
        self._model.unload()
