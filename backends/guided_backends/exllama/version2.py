"""ExLlamaV2 (0.3.2, its last release) as a `PagedModel`.

The calls are those of its own dynamic generator: `forward_chunk` with `PagedParams` over a cache of one row, whose
columns are the pages one after the other. Paged attention there needs flash-attn 2.5.7 or newer.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from guided.errors import ModelLoadError
from guided_backends.exllama.paged_model import Want

__all__ = ["Version2"]

CACHES = {16: "ExLlamaV2Cache", 8: "ExLlamaV2Cache_Q8", 6: "ExLlamaV2Cache_Q6", 4: "ExLlamaV2Cache_Q4"}
SCALE_BYTES = 2 / 32  # a quantised cache keeps a float16 for each 32 values


class Version2:
    """Loads the model over all devices, as much on the first as fits."""

    name = "exllamav2"

    def __init__(
        self, module: ModuleType, directory: Path, *, cache_bytes: int, cache_bits: int, max_len: int | None
    ) -> None:
        if cache_bits not in CACHES:
            raise ModelLoadError(f"cache_bits={cache_bits}: ExLlamaV2 has caches of 16, 8, 6 and 4 bits")
        attention = importlib.import_module("exllamav2.attn")
        try:
            attention.assert_paged_attn()
        except AssertionError as error:
            raise ModelLoadError(
                f"ExLlamaV2 runs many sequences through paged attention, which is missing: {error}; "
                "pip install flash-attn, or convert the model for ExLlamaV3"
            ) from error
        self._params = attention.ExLlamaV2Attention.PagedParams
        self._set_streams = importlib.import_module("exllamav2.device").set_device_streams
        self.page_size = int(importlib.import_module("exllamav2.generator.dynamic").PAGED_PAGE_SIZE)
        config = module.ExLlamaV2Config(str(directory))
        if max_len is not None:
            config.max_seq_len = min(max_len, config.max_seq_len)
        self.num_logits = int(config.vocab_size)
        self.max_len = int(config.max_seq_len)
        self.max_tokens = int(config.max_input_len)
        self.token_bytes = _token_bytes(config, cache_bits)
        self.num_pages = cache_bytes // (self.token_bytes * self.page_size)
        if self.num_pages < 1:
            raise ModelLoadError(
                f"cache_bytes={cache_bytes} is too small: a page of {self.page_size} tokens takes "
                f"{self.token_bytes * self.page_size} bytes"
            )
        self._model = module.ExLlamaV2(config)
        cache = getattr(module, CACHES[cache_bits])
        self._cache = cache(self._model, max_seq_len=self.num_pages * self.page_size, lazy=True)
        self._model.load_autosplit(self._cache)

    def forward(
        self, tokens: torch.Tensor, pages: torch.Tensor, lengths: torch.Tensor, want: Want
    ) -> torch.Tensor | None:
        rows, count = tokens.shape
        params = self._params(
            batch_size=rows,
            block_index=pages,
            cache_seqlens=lengths,
            max_cache_seqlen=int(lengths.max()),
            page_size=self.page_size,
            q_len=count,
        )
        out: dict[str, Any] = self._model.forward_chunk(
            input_ids=tokens,
            cache=self._cache,
            preprocess_only=want == "none",
            last_id_only=want == "last",
            attn_params=params,
        )
        self._cache.current_seq_len = 0  # counted on for the unpaged cache, which this is not
        return None if want == "none" else out["logits"]

    def copy_page(self, source: int, target: int, count: int) -> None:
        # Its forwards run on a stream of their own, which a thread has only after its first one: the copy must wait
        # for the last forward, and the next forward for the copy.
        self._set_streams()
        self._cache.copy_states(
            self._cache,
            from_column=source * self.page_size,
            from_columns=count,
            to_column=target * self.page_size,
            to_columns=count,
            from_row=0,
            from_rows=1,
            to_row=0,
            to_rows=1,
        )

    def unload(self) -> None:
        self._model.unload()


def _token_bytes(config: Any, cache_bits: int) -> int:
    """Keys and values of one token over all layers."""
    value_bytes = 2.0 if cache_bits == 16 else cache_bits / 8 + SCALE_BYTES
    values = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return int(values * value_bytes)
