"""Choosing tokens where the logits are, so that a step brings back token ids instead of rows of logits.

The rules are those of `guided.runtime.sampling`, row by row: temperature, top-k, top-p, min-p over what is left, the
cumulative distribution in token order inverted at the row's own uniform number, ties to the smaller id. Masks go up
as bits, on a stream of their own: the forward is mostly still running when they are made.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from guided.runtime.engine import Policy

__all__ = ["DeviceChooser", "mask_by_torch"]

_log = logging.getLogger(__name__)
Mask = Callable[[torch.Tensor, torch.Tensor], None]


def mask_by_torch(logits: torch.Tensor, words: torch.Tensor) -> None:
    """What `triton_mask.mask_logits` does, on any device."""
    shifts = torch.arange(32, dtype=torch.int32, device=words.device)
    hidden = ((words[:, :, None] >> shifts) & 1).flatten(1)[:, : logits.shape[1]] == 0
    logits.masked_fill_(hidden, -torch.inf)


class DeviceChooser:
    """For one model; `choose` is to be called by one thread."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._mask: Mask | None = None
        self._upload_stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._pinned = torch.empty((0, 0), dtype=torch.int32)

    @staticmethod
    def knows(policy: Policy) -> bool:
        """Whether a row can be chosen here: one token, no bias, and no log-probabilities wanted."""
        return policy.num == 1 and not policy.logprobs and policy.bias is None

    def upload(self, masks: npt.NDArray[np.int32]) -> torch.Tensor:
        """The mask words on the device; the copy runs beside the forward, and later work waits for it."""
        if self._upload_stream is None:
            return torch.from_numpy(masks)
        if self._pinned.shape[0] < len(masks) or self._pinned.shape[1] != masks.shape[1]:
            self._pinned = torch.empty((max(len(masks), 16), masks.shape[1]), dtype=torch.int32, pin_memory=True)
        host = self._pinned[: len(masks)]
        host.numpy()[:] = masks  # the last copy from here is done: its tokens have been read back since
        with torch.cuda.stream(self._upload_stream):
            words = host.to(self.device, non_blocking=True)
        current = torch.cuda.current_stream(self.device)
        current.wait_stream(self._upload_stream)
        words.record_stream(current)
        return words

    def choose(
        self, logits: torch.Tensor, words: torch.Tensor | None, policies: Sequence[Policy]
    ) -> npt.NDArray[np.int32]:
        """int32[n]: one token for each row of float32[n, V] `logits`, which are overwritten."""
        if words is not None:
            self._apply(logits, words)
        sampled = [i for i, policy in enumerate(policies) if policy.temperature > 0]
        tokens = _most_likely(logits)
        if sampled:
            rows = logits if len(sampled) == len(policies) else logits[sampled]
            tokens[sampled] = _sample(rows, [policies[i] for i in sampled])
        chosen: npt.NDArray[np.int32] = tokens.to(torch.int32).cpu().numpy()
        return chosen

    def _apply(self, logits: torch.Tensor, words: torch.Tensor) -> None:
        if self._mask is not None:
            self._mask(logits, words)
            return
        kernel = self._kernel()
        try:
            (kernel or mask_by_torch)(logits, words)
            self._mask = kernel or mask_by_torch
        except Exception as error:  # Triton compiles at the first launch, for which it needs a C compiler
            if kernel is None:
                raise
            _log.warning("Triton's mask kernel does not run here (%s): masks are applied by torch", error)
            self._mask = mask_by_torch
            self._mask(logits, words)

    def _kernel(self) -> Mask | None:
        """Triton's, where it is installed and there is a CUDA device."""
        if self.device.type != "cuda" or importlib.util.find_spec("triton") is None:
            return None
        from guided_backends.torch_device.triton_mask import mask_logits

        return mask_logits


def _most_likely(logits: torch.Tensor) -> torch.Tensor:
    """int64[n]; of equal ones the smallest id, which argmax does not promise on every device."""
    size = logits.shape[1]
    ids = torch.arange(size, device=logits.device)
    top = logits.amax(1, keepdim=True)
    return torch.where(logits == top, ids, size).amin(1)


def _sample(logits: torch.Tensor, policies: Sequence[Policy]) -> torch.Tensor:
    """int64[n]"""
    column = _Columns(policies, logits.device)
    top = logits.amax(1, keepdim=True)
    weights = torch.exp((logits - top) / column.of(lambda policy: max(policy.temperature, 1e-30)))
    if any(policy.top_k is not None or policy.top_p < 1.0 for policy in policies):
        weights = _cut(weights, column)
    if any(policy.min_p > 0.0 for policy in policies):
        least = column.of(lambda policy: policy.min_p) * weights.amax(1, keepdim=True)
        weights = weights.masked_fill(weights < least, 0.0)
    sums = weights.cumsum(1, dtype=torch.float64)
    target = column.of(lambda policy: policy.uniform, torch.float64) * sums[:, -1:]
    places = torch.searchsorted(sums, target, right=True)[:, 0]
    ids = torch.arange(weights.shape[1], device=weights.device)
    last = torch.where(weights > 0, ids, -1).amax(1)  # a uniform number next to 1 may round to the total
    return torch.minimum(places, last)


def _cut(weights: torch.Tensor, column: _Columns) -> torch.Tensor:
    """Only the heaviest tokens that top-k, then top-p leave; of equally heavy ones the smaller ids."""
    size = weights.shape[1]
    ranked, order = weights.sort(dim=1, descending=True, stable=True)
    ranks = torch.arange(size, device=weights.device)
    most = column.of(lambda policy: policy.top_k if policy.top_k and policy.top_k > 0 else size, torch.int64)
    ranked = ranked.masked_fill(ranks >= most, 0.0)
    sums = ranked.cumsum(1, dtype=torch.float64)
    share = column.of(lambda policy: policy.top_p, torch.float64)
    beyond = (sums - ranked >= share * sums[:, -1:]) & (share < 1.0) & (ranks > 0)
    return torch.zeros_like(weights).scatter_(1, order, ranked.masked_fill(beyond, 0.0))


class _Columns:
    """Settings of the rows, as [n, 1] tensors."""

    def __init__(self, policies: Sequence[Policy], device: torch.device) -> None:
        self._policies = policies
        self._device = device

    def of(self, setting: Callable[[Policy], float], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.tensor([[setting(policy)] for policy in self._policies], dtype=dtype, device=self._device)
