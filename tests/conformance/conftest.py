"""Backends under one suite: each is loaded on the same small random Llama, written here as a Hugging Face directory.

`GUIDED_BACKEND=NAME pytest tests/conformance/test_engine.py tests/conformance/test_masked_decode.py` runs it on an
installed backend, found through its entry point.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from guided.runtime.engine import Engine
from guided.runtime.load import load_engine
from tests.fakes.install import install_exllama

Loader = Callable[..., Engine]

TEXT = [
    "The following is a character profile for an RPG game in JSON format.",
    'The quick brown fox jumps over the lazy dog. {"name": "Aria", "age": 27, "items": ["rope", "torch"]}',
    "Thought: I must add 12 and 30. Action: calculator(12 + 30) Observation: 42 Answer: 42",
    "Is this sentence positive, negative or neutral? I liked the film very much, and so did my sister.",
]

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 384,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "torch_dtype": "float32",
}


def write_tokenizer(directory: Path, vocab_size: int) -> None:
    """A byte-level BPE trained on a few lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))


def random_weights(config: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Float32 tensors under their Hugging Face names; large enough for logits that differ clearly."""
    rng = np.random.default_rng(seed)
    hidden, inner, dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    query, key = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens": (config["vocab_size"], hidden), "norm": (hidden,)}
    for i in range(config["num_hidden_layers"]):
        layer = {
            "self_attn.q_proj": (query, hidden),
            "self_attn.k_proj": (key, hidden),
            "self_attn.v_proj": (key, hidden),
            "self_attn.o_proj": (hidden, query),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
            "input_layernorm": (hidden,),
            "post_attention_layernorm": (hidden,),
        }
        shapes |= {f"layers.{i}.{name}": shape for name, shape in layer.items()}
    named = {f"model.{name}.weight": shape for name, shape in shapes.items()}
    if not config["tie_word_embeddings"]:
        named["lm_head.weight"] = (config["vocab_size"], hidden)
    return {
        name: (rng.normal(0, 0.15, shape) if len(shape) > 1 else rng.uniform(0.5, 1.5, shape)).astype(np.float32)
        for name, shape in named.items()
    }


def write_llama(directory: Path, seed: int = 0, **changes: Any) -> Path:
    """A random Llama in `directory`; `changes` go into its config.json."""
    config = LLAMA | changes
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    save_file(random_weights(config, seed), directory / "model.safetensors", metadata={"format": "pt"})
    write_tokenizer(directory, config["vocab_size"])
    return directory


@pytest.fixture(scope="session")
def llama_writer() -> Callable[..., Path]:
    return write_llama


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small random Llama."""
    return write_llama(tmp_path_factory.mktemp("llama"))


def _load_builtin(directory: Path, **options: Any) -> Engine:
    from guided_backends.builtin import load

    return load(directory, **options)


def _load_transformers(directory: Path, **options: Any) -> Engine:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    load = importlib.import_module("guided_backends.transformers").load
    engine: Engine = load(str(directory), device="cpu", dtype="float32", num_threads=1, **options)
    return engine


def _exllama(name: str) -> Loader:
    """By the fake of `tests/fakes`, whose page size the fixture sets."""

    def load_it(directory: Path, **options: Any) -> Engine:
        from guided_backends import exllama

        options.setdefault("cache_bytes", 1 << 21)  # all of it is taken at once
        engine: Engine = (exllama.load_v2 if name == "exllamav2" else exllama.load_v3)(directory, **options)
        return engine

    return load_it


def _load_installed(directory: Path, **options: Any) -> Engine:
    return load_engine(directory, os.environ["GUIDED_BACKEND"], **options)


BACKENDS: dict[str, Loader] = {
    "builtin": _load_builtin,
    "transformers": _load_transformers,
    "exllamav2": _exllama("exllamav2"),
    "exllamav3": _exllama("exllamav3"),
}
PAGE_SIZES = {"exllamav2": (1, 16), "exllamav3": (1, 16)}  # of 1: then a budget is exact to the token
if "GUIDED_BACKEND" in os.environ:
    BACKENDS = {os.environ["GUIDED_BACKEND"]: _load_installed}


CASES = [(name, size) for name in sorted(BACKENDS) for size in PAGE_SIZES.get(name, (1,))]


@pytest.fixture(params=CASES, ids=lambda case: case[0] if case[1] == 1 else f"{case[0]}-{case[1]}")
def load(
    request: pytest.FixtureRequest, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Engine]]:
    """A function that loads the random Llama with options, by each backend in turn."""
    name, page_size = request.param
    if page_size > 1 and request.node.get_closest_marker("budget_in_tokens"):
        pytest.skip(f"memory comes in pages of {page_size} tokens")
    if name in PAGE_SIZES:
        if importlib.util.find_spec("torch") is None:
            pytest.skip("torch is not installed")
        install_exllama(monkeypatch, name, page_size)
    engines: list[Engine] = []

    def load_it(**options: Any) -> Engine:
        engines.append(BACKENDS[name](llama, **options))
        return engines[-1]

    yield load_it
    for engine in engines:
        engine.shutdown()


@pytest.fixture
def engine(load: Callable[..., Engine]) -> Engine:
    return load()
