"""ExLlamaV3 1.6.5 as far as the backend uses it: its names and signatures, over a Llama on the CPU.

`test_exllama_signatures.py` compares the signatures with the real package's where that is installed.
"""

from __future__ import annotations

import torch

from tests.fakes.paged_llama import PagedLlama, empty_cells

__version__ = "1.6.5"
PAGE_SIZE = 256  # of constants
HEAD_PADDING = 8


class Config:
    def __init__(self, directory: str):
        self.llama = PagedLlama(directory)
        self.vocab_size = self.llama.config["vocab_size"]
        self.max_position_embeddings = self.llama.config["max_position_embeddings"]

    @staticmethod
    def from_directory(directory: str, **kwargs) -> Config:
        return Config(directory)


class CacheLayer_fp16:
    def __init__(self, config, attention, cache_id: int, max_num_tokens: int):
        assert max_num_tokens % PAGE_SIZE == 0
        llama = config.llama
        self.shape = (max_num_tokens // PAGE_SIZE, PAGE_SIZE, llama.kv_heads, llama.head_dim)
        self.k = self.v = None

    def alloc(self, device=None) -> None:
        self.k, self.v = empty_cells(*self.shape), empty_cells(*self.shape)

    def storage_size(self):
        return 2 * torch.Size(self.shape).numel() * 2

    def copy_page(self, source: CacheLayer_fp16, from_page: int, to_page: int, num_tokens: int):
        self.k[to_page, :num_tokens] = source.k[from_page, :num_tokens]
        self.v[to_page, :num_tokens] = source.v[from_page, :num_tokens]


class CacheLayer_quant(CacheLayer_fp16):
    """Without the rounding."""

    def __init__(
        self, config, attention, cache_id: int, max_num_tokens: int, k_bits: int, v_bits: int, compand_a: float = 0.0
    ):
        super().__init__(config, attention, cache_id, max_num_tokens)
        self.bits = k_bits + v_bits

    def storage_size(self):
        return torch.Size(self.shape).numel() * self.bits // 8


class Cache:
    def __init__(
        self,
        model: Model,
        max_num_tokens: int,
        layer_type=None,
        max_batch_size: int = 16,
        max_history: int = 0,
        recurrent_dtype: torch.dtype = torch.half,
        **kwargs,
    ):
        kind = layer_type or CacheLayer_fp16
        count = model.config.llama.num_layers
        self.model = model
        self.layers = {(i, 0): kind(model.config, None, id(self), max_num_tokens, **kwargs) for i in range(count)}
        model.caches.append(self)

    def detach_from_model(self, model: Model = None):
        (model or self.model).caches.remove(self)

    def copy_page(self, target: Cache, from_page: int, to_page: int, num_tokens: int):
        for place, layer in self.layers.items():
            target.layers[place].copy_page(layer, from_page, to_page, num_tokens)


class Model:
    recurrent_layers: tuple[str, ...] = ()  # a test sets it

    def __init__(self, config: Config, **kwargs):
        self.config = config
        self.caches: list[Cache] = []
        self.is_loaded = False

    @staticmethod
    def from_config(config: Config, component: str = "text", **kwargs):
        return Model(config)

    def get_recurrent_layers(self):
        return list(self.recurrent_layers)

    def load(self, *args, **kwargs):
        assert not args
        assert set(kwargs) <= {"progressbar", "device"}
        for cache in self.caches:
            for layer in cache.layers.values():
                layer.alloc()
        self.is_loaded = True

    def unload(self):
        self.is_loaded = False

    @torch.inference_mode
    def prefill(self, input_ids: torch.Tensor, params: dict | None = None):
        self._hidden(input_ids, params)

    @torch.inference_mode
    def forward(self, input_ids: torch.Tensor, params: dict | None = None):
        hidden = self._hidden(input_ids, params)
        if num := params.get("last_tokens_only"):
            hidden = hidden[..., -num:, :]
        logits = self.config.llama.logits(hidden)
        return torch.cat([logits, torch.zeros(*logits.shape[:-1], HEAD_PADDING)], -1)

    def _hidden(self, input_ids, params):
        assert self.is_loaded
        assert params["attn_mode"] == "flash_attn"
        cache = params["cache"]
        assert cache in self.caches, "the cache was detached"
        assert params["block_table"].dtype == params["cache_seqlens"].dtype == torch.int32
        flat = [
            (layer.k.view(-1, *layer.k.shape[2:]), layer.v.view(-1, *layer.v.shape[2:]))
            for layer in cache.layers.values()
        ]
        return self.config.llama.hidden(input_ids, flat, params["block_table"], params["cache_seqlens"], PAGE_SIZE)
