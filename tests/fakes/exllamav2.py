"""ExLlamaV2 0.3.2 as far as the backend uses it: its names and signatures, over a Llama on the CPU.

`test_exllama_signatures.py` compares the signatures with the real package's where that is installed.
"""

from __future__ import annotations

import threading

import torch

from tests.fakes.paged_llama import PagedLlama, empty_cells

__version__ = "0.3.2"
PAGED_PAGE_SIZE = 256  # of generator.dynamic
HEAD_PADDING = 8


_here = threading.local()


def set_device_streams():
    """Of `device`: from now on this thread works on the stream that the forwards run on."""
    _here.has_stream = True


def assert_paged_attn():
    """Of `attn`."""


class PagedParams:
    """Of `attn`, as `ExLlamaV2Attention.PagedParams`."""

    def __init__(
        self,
        batch_size: int,
        block_index: torch.Tensor,
        cache_seqlens: torch.Tensor,
        max_cache_seqlen: int,
        page_size: int,
        q_len: int = 0,
        alt_rope_embed: dict | None = None,
        rope_offsets: torch.Tensor | None = None,
    ):
        assert block_index.device.type == cache_seqlens.device.type == "cpu"
        assert block_index.dtype == cache_seqlens.dtype == torch.int32
        assert block_index.shape[0] == cache_seqlens.shape[0] == batch_size
        assert max_cache_seqlen == int(cache_seqlens.max())
        assert q_len > 0
        self.block_index, self.cache_seqlens = block_index, cache_seqlens
        self.page_size, self.q_len = page_size, q_len


class ExLlamaV2Attention:
    PagedParams = PagedParams


class ExLlamaV2Config:
    def __init__(self, model_dir: str | None = None):
        self.llama = PagedLlama(model_dir)
        config = self.llama.config
        self.max_input_len = 2048
        self.max_batch_size = 1
        self.max_seq_len = config["max_position_embeddings"]
        self.vocab_size = config["vocab_size"]
        self.num_hidden_layers = config["num_hidden_layers"]
        self.num_key_value_heads = config["num_key_value_heads"]
        self.head_dim = config["head_dim"]


class ExLlamaV2Cache:
    def __init__(
        self,
        model: ExLlamaV2,
        batch_size: int = 1,
        max_seq_len: int = -1,
        copy_from: ExLlamaV2Cache | None = None,
        lazy: bool = False,
        num_key_value_heads: int | None = None,
        fixed_device: int | None = None,
    ):
        assert lazy
        assert batch_size == 1
        assert copy_from is None
        self.model, self.max_seq_len = model, max_seq_len
        self.current_seq_len = 0
        self.key_states = self.value_states = None

    def allocate(self) -> None:
        """What `load_autosplit` does to a lazy cache."""
        llama = self.model.config.llama
        shape = (1, self.max_seq_len, llama.kv_heads, llama.head_dim)
        self.key_states = [empty_cells(*shape) for _ in range(llama.num_layers)]
        self.value_states = [empty_cells(*shape) for _ in range(llama.num_layers)]

    def copy_states(
        self,
        target: ExLlamaV2Cache,
        from_column: int,
        from_columns: int,
        to_column: int,
        to_columns: int,
        from_row: int,
        from_rows: int,
        to_row: int,
        to_rows: int,
    ):
        assert getattr(_here, "has_stream", False)  # else nothing orders the copy and the forwards
        assert from_rows == to_rows == 1
        assert from_row == to_row == 0
        assert from_columns == to_columns
        for source, other in ((self.key_states, target.key_states), (self.value_states, target.value_states)):
            for old, new in zip(source, other, strict=True):
                new[:, to_column : to_column + to_columns] = old[:, from_column : from_column + from_columns]


class ExLlamaV2Cache_Q8(ExLlamaV2Cache):
    """Without the rounding."""


class ExLlamaV2:
    def __init__(self, config: ExLlamaV2Config, lazy_load=False, archparams=None):
        self.config = config
        self.loaded = False

    def load_autosplit(
        self,
        cache,
        reserve_vram=None,
        last_id_only: bool = False,
        callback=None,
        callback_gen=None,
        progress: bool = False,
    ):
        cache.allocate()
        self.loaded = True

    def unload(self):
        self.loaded = False

    @torch.inference_mode()
    def forward_chunk(
        self,
        input_ids: torch.Tensor,
        cache: ExLlamaV2Cache | None = None,
        input_mask: torch.Tensor | None = None,
        preprocess_only: bool = False,
        last_id_only: bool = False,
        loras=None,
        return_last_state: bool = False,
        position_offsets: torch.Tensor | None = None,
        abort_event=None,
        attn_params: PagedParams | None = None,
        extract_state_indices: list[int] | None = None,
        **kwargs,
    ):
        assert self.loaded
        set_device_streams()
        rows, count = input_ids.shape
        assert rows * count <= self.config.max_input_len * self.config.max_batch_size
        assert count == attn_params.q_len
        llama = self.config.llama
        caches = [(k[0], v[0]) for k, v in zip(cache.key_states, cache.value_states, strict=True)]
        hidden = llama.hidden(
            input_ids, caches, attn_params.block_index, attn_params.cache_seqlens, attn_params.page_size
        )
        cache.current_seq_len += count
        if preprocess_only:
            return {}
        logits = llama.logits(hidden[:, -1:] if last_id_only else hidden)
        padding = torch.full((*logits.shape[:-1], HEAD_PADDING), -65504.0)
        return {"logits": torch.cat([logits, padding], -1)}
