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
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from guided_backends import transformers as backend

NUM_LOGITS = 320  # the tokenizer below has fewer
WINDOW = 8
MAX_LEN = 256

MAIN = ("llama", "qwen3", "gpt2", "phi3", "mistral", "gemma3")
"""The architectures that every promise is tested on."""
ALL = (*MAIN, "gemma2", "granite")
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
        for parameter in model.parameters():  # the usual initial values make all logits nearly equal
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
