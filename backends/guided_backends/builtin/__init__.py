"""The builtin backend: small Llamas in numpy, and the model that ships with the package.

`load` is its entry point in the group `guided.backends`. It reads a Hugging Face directory: config.json,
tokenizer.json and model.safetensors, in one file or in shards.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from guided.errors import ModelLoadError, VocabularyError
from guided.runtime.load_options import check_counts, check_optional_counts
from guided.vocab import Vocabulary
from guided_backends.builtin.config import LlamaConfig, read_json
from guided_backends.builtin.engine import BuiltinEngine
from guided_backends.builtin.model import LlamaModel
from guided_backends.builtin.weights import Weights

__all__ = ["BuiltinEngine", "load", "shipped_model"]


def shipped_model() -> Path:
    """The directory of the model that comes with the package."""
    return Path(__file__).parent / "tiny"


def load(
    source: str | Path | None = None,
    *,
    cache_bytes: int = 1 << 28,
    max_len: int | None = None,
    reuse: bool = True,
    threads: int | None = 1,
    **unknown: Any,
) -> BuiltinEngine:
    """Load a directory, or the shipped model for None; raises `ModelLoadError` with what, where and what to do.

    `cache_bytes` bounds the KV cache, `max_len` the length of a text, `threads` the matrix products (None: as
    numpy is set); `reuse=False` switches the prefix cache off.
    """
    if unknown:
        raise ModelLoadError(
            f"the builtin backend has no option {', '.join(sorted(unknown))}; "
            "it takes cache_bytes, max_len, reuse and threads"
        )
    check_counts(cache_bytes=cache_bytes)
    check_optional_counts(max_len=max_len, threads=threads)
    directory = shipped_model() if source is None else Path(source)
    if source is None and not directory.is_dir():
        raise ModelLoadError(f"the shipped model is missing from this installation ({directory}): install guided again")
    if not directory.is_dir():
        raise ModelLoadError(
            f"{directory} is not a directory: the builtin backend reads a local model directory "
            "(config.json, tokenizer.json, model.safetensors)"
        )
    config = LlamaConfig.read(directory / "config.json")
    vocab = _vocabulary(directory, config)
    return BuiltinEngine(
        LlamaModel(config, Weights(directory)),
        vocab,
        source=str(directory),
        cache_bytes=cache_bytes,
        max_len=max_len,
        reuse=reuse,
        threads=threads,
    )


def _vocabulary(directory: Path, config: LlamaConfig) -> Vocabulary:
    """The tokenizer of the directory, checked to fit the embedding."""
    path = directory / "tokenizer.json"
    raw = read_json(path)
    model, added = raw.get("model"), raw.get("added_tokens") or []
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), (dict, list)):
        raise ModelLoadError(f"{path} is not a tokenizer: it has no model.vocab; export the tokenizer again")
    ids = model["vocab"].values() if isinstance(model["vocab"], dict) else range(len(model["vocab"]))
    largest = max([*ids, *(token["id"] for token in added)], default=-1)
    if largest >= config.vocab_size:
        raise ModelLoadError(
            f"{path} has token id {largest}, but the model has {config.vocab_size} embeddings (vocab_size in "
            "config.json): the tokenizer belongs to another model"
        )
    try:
        return Vocabulary.from_tokenizer(str(directory), size=config.vocab_size)
    except VocabularyError as error:
        raise ModelLoadError(f"{directory}: the tokenizer cannot be used: {error}") from error
    except json.JSONDecodeError as error:
        raise ModelLoadError(f"{directory}: {error}; export the tokenizer again") from error
