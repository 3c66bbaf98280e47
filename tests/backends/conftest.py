"""Tiny random models of several architectures and one tokenizer, on one torch thread.

Windows are 8 tokens wide, so that a text of 20 tokens leaves them; the vocabulary is narrower than the head, as in
many released models.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    FalconH1Config,
    FalconH1ForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    JambaConfig,
    JambaForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Mamba2Config,
    Mamba2ForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
)

from guided_backends import transformers as backend

NUM_LOGITS = 320  # the tokenizer below has fewer
WINDOW = 8
MAX_LEN = 256

MAIN = ("llama", "qwen3", "gpt2", "phi3", "mistral", "gemma3")
"""The architectures that every promise is tested on."""
ALL = (*MAIN, "gemma2", "granite")
RECURRENT = ("mamba", "mamba2", "qwen3-next", "jamba", "falcon-h1", "lfm2")
"""State-space models, hybrids with attention beside or between, and one with convolutions."""
"""Plus one that runs eager attention with soft caps, and one that scales its logits."""

SIZES = {
    "vocab_size": NUM_LOGITS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": MAX_LEN,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}


BARE = {key: SIZES[key] for key in SIZES if not key.startswith(("num_a", "num_k", "max", "int"))}
SCAN = {"num_heads": 8, "head_dim": 8, "n_groups": 1, "state_size": 16, "chunk_size": 4}
DELTA = {
    "head_dim": 16,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
}
JAMBA = {
    "attn_layer_period": 3,
    "attn_layer_offset": 1,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
    "num_experts": 2,
    "mamba_d_state": 8,
    "mamba_dt_rank": 4,
    "use_mamba_kernels": False,
}
HYBRID = {
    "mamba_d_ssm": 64,
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_d_state": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 4,
}


def _configured(name: str) -> tuple[Any, Any]:
    ids = {key: SIZES[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    mixed = {**SIZES, "num_hidden_layers": 3, "head_dim": 16, "sliding_window": WINDOW}
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    gpt2 = GPT2Config(vocab_size=NUM_LOGITS, n_embd=32, n_layer=2, n_head=4, n_positions=MAX_LEN, **ids)
    return {
        "llama": lambda: (LlamaForCausalLM, LlamaConfig(**SIZES)),
        "qwen3": lambda: (Qwen3ForCausalLM, Qwen3Config(**SIZES, head_dim=16)),
        "gpt2": lambda: (GPT2LMHeadModel, gpt2),
        "phi3": lambda: (Phi3ForCausalLM, Phi3Config(**SIZES)),
        "mistral": lambda: (MistralForCausalLM, MistralConfig(**SIZES, sliding_window=WINDOW)),
        "gemma3": lambda: (Gemma3ForCausalLM, Gemma3TextConfig(**mixed, layer_types=kinds)),
        "gemma2": lambda: (Gemma2ForCausalLM, Gemma2Config(**mixed, layer_types=kinds)),
        "granite": lambda: (GraniteForCausalLM, GraniteConfig(**SIZES, logits_scaling=3.0)),
        "mamba": lambda: (MambaForCausalLM, MambaConfig(**BARE)),
        "mamba2": lambda: (Mamba2ForCausalLM, Mamba2Config(**BARE, **SCAN)),
        "qwen3-next": lambda: (Qwen3NextForCausalLM, Qwen3NextConfig(**{**SIZES, "num_hidden_layers": 4}, **DELTA)),
        "jamba": lambda: (JambaForCausalLM, JambaConfig(**{**SIZES, "num_hidden_layers": 3}, **JAMBA)),
        "falcon-h1": lambda: (FalconH1ForCausalLM, FalconH1Config(**SIZES, **HYBRID)),
        "lfm2": lambda: (Lfm2ForCausalLM, Lfm2Config(**{**SIZES, "num_hidden_layers": 3}, full_attn_idxs=[1])),
    }[name]()


def tiny_model(name: str, attention: str | None = None) -> Any:
    """The same object every time; do not change it."""
    return _model(name, attention)


@functools.cache
def _model(name: str, attention: str | None) -> Any:
    kind, config = _configured(name)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        if attention is not None:
            config._attn_implementation = attention
        model = kind(config).eval()
        for key, parameter in model.named_parameters():  # the usual initial values make all logits nearly equal
            if not key.endswith("A_log"):  # the decay of a state, which has its own scale
                parameter.data.mul_(3.0) if parameter.dim() > 1 else parameter.data.add_(0.1)
    finally:
        torch.set_rng_state(state)
    return model


@functools.cache
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE: three control tokens, all bytes, and a few merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=NUM_LOGITS - 10,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(['{"name": "value", "name": 12}\nthe other one and the value'] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def tiny_engine(name: str, **options: Any) -> Any:
    """An engine over `tiny_model(name)`; options as `from_objects`, and `attention`."""
    return backend.from_objects(tiny_model(name, options.pop("attention", None)), tiny_tokenizer(), **options)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads wait for each other on a busy machine, and tiny models need one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model_of() -> Callable[..., Any]:
    return tiny_model


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny_tokenizer()


@pytest.fixture
def engine_of() -> Callable[..., Any]:
    return tiny_engine


@pytest.fixture(params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    return str(request.param)


@pytest.fixture
def plain() -> Callable[..., np.ndarray]:
    """Logits after every token, float32[n, V], by the model itself without a cache."""

    def logits(name: str, tokens: list[int]) -> np.ndarray:
        with torch.no_grad():
            out = tiny_model(name)(input_ids=torch.tensor([list(tokens)]), use_cache=False)
        result: np.ndarray = out.logits[0].numpy()
        return result

    return logits
