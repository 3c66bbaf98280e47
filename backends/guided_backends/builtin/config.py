"""Which Llama a directory holds: `config.json`, read and checked.

Everything that the numpy forward does not compute is refused here, by name, so that a model either runs exactly
or not at all. Both spellings of the RoPE settings are read: `rope_theta` with `rope_scaling`, and `rope_parameters`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.errors import ModelLoadError

__all__ = ["LlamaConfig"]

ELSEWHERE = "load it with backend='transformers'"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaConfig:
    """The shape of a Llama; names as in `config.json`."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    norm_eps: float
    max_len: int
    is_tied: bool
    inverse_frequencies: npt.NDArray[np.float32]  # float32[head_dim / 2], RoPE scaling applied

    @classmethod
    def read(cls, path: Path) -> LlamaConfig:
        """Read `config.json`; raises `ModelLoadError` for what is missing, malformed or not a plain Llama."""
        raw = read_json(path)
        _refuse_other_models(raw, path)
        hidden = _integer(raw, "hidden_size", path)
        heads = _integer(raw, "num_attention_heads", path)
        kv_heads = _integer(raw, "num_key_value_heads", path, default=heads)
        head_dim = _integer(raw, "head_dim", path, default=hidden // heads)
        if heads % kv_heads or head_dim % 2:
            raise ModelLoadError(
                f"{path}: {heads} heads, {kv_heads} key-value heads and head_dim {head_dim} do not fit together"
            )
        max_len = _integer(raw, "max_position_embeddings", path, default=2048)
        return cls(
            vocab_size=_integer(raw, "vocab_size", path),
            hidden_size=hidden,
            intermediate_size=_integer(raw, "intermediate_size", path),
            num_layers=_integer(raw, "num_hidden_layers", path),
            num_heads=heads,
            num_kv_heads=kv_heads,
            head_dim=head_dim,
            norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
            max_len=max_len,
            is_tied=bool(raw.get("tie_word_embeddings", False)),
            inverse_frequencies=_inverse_frequencies(raw, head_dim, path),
        )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a model directory."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelLoadError(
            f"{path.parent} has no {path.name}: a model directory holds config.json, tokenizer.json and "
            "model.safetensors"
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelLoadError(f"{path} cannot be read as JSON: {error}; download the file again") from error
    if not isinstance(value, dict):
        raise ModelLoadError(f"{path} holds a JSON {type(value).__name__} where an object is needed")
    return value


def _refuse_other_models(raw: Mapping[str, Any], path: Path) -> None:
    architectures = raw.get("architectures") or ["LlamaForCausalLM"]
    if raw.get("model_type") != "llama" or architectures != ["LlamaForCausalLM"]:
        found = f"model_type {raw.get('model_type')!r}, architectures {architectures}"
        raise ModelLoadError(f"{path}: the builtin backend runs LlamaForCausalLM only, this is {found}; {ELSEWHERE}")
    for key, only in (("hidden_act", "silu"), ("attention_bias", False), ("mlp_bias", False)):
        if raw.get(key, only) != only:
            raise ModelLoadError(f"{path}: {key}={raw[key]!r} is not supported by the builtin backend; {ELSEWHERE}")
    if raw.get("quantization_config"):
        raise ModelLoadError(f"{path}: quantised weights are not supported by the builtin backend; {ELSEWHERE}")


def _integer(raw: Mapping[str, Any], key: str, path: Path, default: int | None = None) -> int:
    value = raw.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelLoadError(f"{path}: {key} must be a positive integer, it is {value!r}")
    return value


def _inverse_frequencies(raw: Mapping[str, Any], head_dim: int, path: Path) -> npt.NDArray[np.float32]:
    """How fast each pair of a head turns per position, in radians."""
    settings = dict(raw.get("rope_parameters") or raw.get("rope_scaling") or {})
    theta = float(settings.get("rope_theta", raw.get("rope_theta", 10000.0)))
    kind = settings.get("rope_type", settings.get("type", "default"))
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    plain = (1.0 / theta ** exponents.astype(np.float64)).astype(np.float32)
    try:
        if kind == "default":
            return plain
        if kind == "linear":
            return plain / np.float32(settings["factor"])
        if kind == "llama3":
            return _llama3_frequencies(plain, settings)
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise ModelLoadError(f"{path}: RoPE scaling {kind!r} lacks or misstates {error}") from error
    raise ModelLoadError(f"{path}: RoPE scaling {kind!r} is not supported by the builtin backend; {ELSEWHERE}")


def _llama3_frequencies(plain: npt.NDArray[np.float32], settings: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Slow pairs are slowed down by `factor`, fast ones are kept, those between are blended (Llama 3.1)."""
    factor, low, high = settings["factor"], settings["low_freq_factor"], settings["high_freq_factor"]
    turns = settings["original_max_position_embeddings"] * plain.astype(np.float64) / (2 * np.pi)
    share = np.clip((turns - low) / (high - low), 0.0, 1.0)  # 0: slow, 1: fast
    blended = (1 - share) * plain / factor + share * plain
    return np.asarray(blended, np.float32)
