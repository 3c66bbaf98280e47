"""From hidden rows to logits, as the model itself does it, but only for the rows and the tokens that are wanted.

The usual head is a linear layer, then a scale (Granite, Cohere), then a soft cap (Gemma). `self_check` compares it
with the model's own logits at load; where they differ, `OwnHead` runs the model's own forward for the wanted rows
instead: always right, never sparse.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["Head", "LinearHead", "OwnHead"]


class Head(Protocol):
    """`states` are what `forward` of the engine returns: hidden rows or, for `OwnHead`, already logits."""

    @property
    def num_logits(self) -> int: ...

    def wants_hidden(self) -> bool: ...

    def logits(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> torch.Tensor:
        """float32[k, num_logits], or [k, len(token_ids)]."""


@dataclass(frozen=True, slots=True)
class LinearHead:
    """linear, scale, soft cap; `token_ids` computes only those rows of the linear layer."""

    layer: Any
    num_logits: int
    scale: float = 1.0
    soft_cap: float | None = None

    @classmethod
    def of(cls, layer: Any, config: Any, num_logits: int) -> LinearHead:
        scale = float(getattr(config, "logit_scale", None) or 1.0) / float(
            getattr(config, "logits_scaling", None) or 1.0
        )
        scale *= float(getattr(config, "output_multiplier", None) or 1.0)
        soft_cap = getattr(config, "final_logit_softcapping", None)
        return cls(layer, num_logits, scale, None if soft_cap is None else float(soft_cap))

    def wants_hidden(self) -> bool:
        return True

    @property
    def is_plain(self) -> bool:
        """An ordinary linear layer: its rows can be taken out (a quantised, adapted or hooked one is only called)."""
        layer = self.layer
        hooked = layer._forward_hooks or layer._forward_pre_hooks or hasattr(layer, "_hf_hook")
        return type(layer) is torch.nn.Linear and not hooked

    def logits(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> torch.Tensor:
        if token_ids is None or not self.is_plain:
            out = self.layer(states)
            out = out[:, : self.num_logits] if token_ids is None else out[:, _index(token_ids, out.device)]
        else:
            rows = _index(token_ids, self.layer.weight.device)
            bias = None if self.layer.bias is None else self.layer.bias.index_select(0, rows)
            out = torch.nn.functional.linear(states, self.layer.weight.index_select(0, rows), bias)
        if self.scale != 1.0:
            out = out * self.scale
        if self.soft_cap is not None:
            out = torch.tanh(out / self.soft_cap) * self.soft_cap
        return out.float()


@dataclass(frozen=True, slots=True)
class OwnHead:
    """The model's own forward made the logits already."""

    num_logits: int

    def wants_hidden(self) -> bool:
        return False

    def logits(self, states: torch.Tensor, token_ids: npt.NDArray[np.int32] | None) -> torch.Tensor:
        return (states if token_ids is None else states[:, _index(token_ids, states.device)]).float()


def takes_rows(model: Any) -> bool:
    """Whether the model's forward computes logits for chosen rows only."""
    return "logits_to_keep" in inspect.signature(model.forward).parameters


def _index(token_ids: npt.NDArray[np.int32], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(token_ids.astype(np.int64)).to(device)
