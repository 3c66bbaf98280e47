"""What a model is to this backend: its decoder, what its layers may look at, and why some models are refused.

Everything is read from the model object and its config; nothing is changed in it. Masks are made for each kind of
layer (full, sliding, chunked) and passed the way transformers' own `generate` passes them: a dict by layer type
where the config has `layer_types`, else one tensor. A recurrent model (or one with some recurrent layers) gets no
masks: it runs by snapshots of its state.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from guided.errors import ModelLoadError

__all__ = ["Architecture", "Reach"]

MASKABLE = ("sdpa", "eager")
RECURRENT = ("linear_attention", "conv", "hybrid", "hybrid_sliding", "mamba", "mamba2", "recurrent")
CACHE = "past_key_values"
NO_CACHE = ("moe", "mlp", "dummy")  # layer types without keys and values of their own


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a token looks in one kind of layer: everything, a sliding window, or its own chunk."""

    window: int | None = None
    chunk: int | None = None

    def first(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The first position that each of `positions` may look at.

        >>> Reach(window=3).first(np.arange(5)).tolist(), Reach(chunk=2).first(np.arange(5)).tolist()
        ([0, 0, 0, 1, 2], [0, 0, 2, 2, 4])
        """
        if self.window is not None:
            return np.maximum(positions - (self.window - 1), 0)
        if self.chunk is not None:
            return positions // self.chunk * self.chunk
        return np.zeros_like(positions)

    def first_of(self, position: int) -> int:
        """`first` of one position."""
        if self.window is not None:
            return max(position - (self.window - 1), 0)
        return 0 if self.chunk is None else position // self.chunk * self.chunk

    def covers(self, length: int) -> bool:
        """Whether the last of `length` tokens sees all of them."""
        return self.first_of(length - 1) == 0


@dataclass(frozen=True, slots=True)
class Architecture:
    """A causal language model that this backend can run; `of` decides whether it can."""

    model: Any
    decoder: Any
    config: Any
    reaches: dict[str, Reach]  # by layer type
    by_layer_type: bool  # masks go in as a dict
    is_eager: bool
    is_recurrent: bool = False

    @classmethod
    def of(cls, model: Any) -> Architecture:
        """Raises `ModelLoadError` with the reason and the way out if the model cannot be run exactly."""
        if not isinstance(model, PreTrainedModel):
            raise ModelLoadError(
                f"a {type(model).__name__} is not a transformers model; "
                "pass what AutoModelForCausalLM.from_pretrained returns"
            )
        _check_kind(model)
        decoder = model.get_decoder()
        config = decoder.config
        if _is_recurrent(model):
            return cls(model, decoder, config, {}, False, False, is_recurrent=True)
        _check_attention(config)
        reaches, by_layer_type = _reaches(config)
        return cls(model, decoder, config, reaches, by_layer_type, config._attn_implementation == "eager")

    @property
    def device(self) -> torch.device:
        """Where tokens go in. Weights that `device_map` has put on disk come to the device of their hook."""
        embeddings = self.decoder.get_input_embeddings()
        device: torch.device = embeddings.weight.device
        if device.type == "meta":
            device = torch.device(getattr(getattr(embeddings, "_hf_hook", None), "execution_device", "cpu"))
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.decoder.dtype
        return dtype

    @property
    def max_len(self) -> int:
        """Longest text in tokens; positions beyond it were never trained (or do not exist: learned positions).

        Long-RoPE turns all positions differently once a text outgrows the original length, those in the cache and
        those of other rows included; nothing cached would be right any more, so such a model ends there.
        """
        longest = int(getattr(self.config, "max_position_embeddings", None) or 1 << 30)
        rope = getattr(self.config, "rope_parameters", None) or {}
        if rope.get("rope_type") == "longrope":
            longest = min(longest, int(rope.get("original_max_position_embeddings") or longest))
        return longest

    @property
    def cache_argument(self) -> str:
        """What the model calls its cache."""
        return "cache_params" if "cache_params" in inspect.signature(self.decoder.forward).parameters else CACHE

    @property
    def groups_heads(self) -> bool:
        """Several query heads share one key head: transformers then copies keys for a forward of many tokens."""
        heads = getattr(self.config, "num_attention_heads", 1)
        return bool((getattr(self.config, "num_key_value_heads", None) or heads) != heads)

    def layer_type(self, layer: int) -> str:
        if self.by_layer_type:
            return str(self.config.layer_types[layer])
        return next(iter(self.reaches))


def _check_kind(model: Any) -> None:
    name = type(model).__name__
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelLoadError(f"{name} is an encoder-decoder model; this backend runs decoder-only language models")
    if model.get_output_embeddings() is None:
        raise ModelLoadError(f"{name} has no language-model head; load it with AutoModelForCausalLM")
    if model.training:
        raise ModelLoadError(f"{name} is in training mode (dropout is on); call model.eval() first")


def _is_recurrent(model: Any) -> bool:
    layer_types = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    return bool(getattr(model, "_is_stateful", False) or layer_types & set(RECURRENT))


def _check_attention(config: Any) -> None:
    implementation = config._attn_implementation
    if implementation not in MASKABLE:
        raise ModelLoadError(
            f"attention implementation {implementation!r} cannot take the masks that shared prefixes need; "
            'load the model with attn_implementation="sdpa" (or "eager")'
        )
    if getattr(config, "use_bidirectional_attention", None) or getattr(config, "is_causal", True) is False:
        raise ModelLoadError("the model attends in both directions; this backend runs causal language models")


def _reaches(config: Any) -> tuple[dict[str, Reach], bool]:
    """The kinds of layers, in the order and by the rule of `transformers.masking_utils.create_masks_for_generate`."""
    window = getattr(config, "sliding_window", None)
    chunk = getattr(config, "attention_chunk_size", None)
    known = {
        "full_attention": Reach(),
        "sliding_attention": Reach(window=window),
        "chunked_attention": Reach(chunk=chunk),
    }
    layer_types = getattr(config, "layer_types", None)
    if layer_types:
        kinds = [kind for kind in dict.fromkeys(layer_types) if kind not in NO_CACHE]
        if strange := [kind for kind in kinds if kind not in known]:
            raise ModelLoadError(
                f"layers of type {', '.join(map(repr, strange))} ({config.model_type}) are not supported; "
                f"known are {', '.join(map(repr, known))}"
            )
        return {kind: known[kind] for kind in kinds}, True
    if window is not None:
        return {"sliding_attention": known["sliding_attention"]}, False
    if chunk is not None:
        return {"chunked_attention": known["chunked_attention"]}, False
    return {"full_attention": known["full_attention"]}, False
