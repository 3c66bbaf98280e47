"""The bit mask applied to logits by one kernel, for CUDA devices; imported only where Triton is.

A program takes one row and `BLOCK` tokens: it reads their mask words and writes -inf where the bit is 0. Logits of
allowed tokens are neither read nor written, so a mask that allows nearly everything costs its words alone.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
import triton
import triton.language as tl

__all__ = ["mask_logits"]

BLOCK = 2048


@triton.jit  # type: ignore[untyped-decorator]  # triton is untyped
def _mask_kernel(
    logits: Any,
    words: Any,
    size: int,
    logits_stride: int,
    words_stride: int,
    BLOCK: tl.constexpr,
) -> None:
    row = tl.program_id(0)
    tokens = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = tokens < size
    word = tl.load(words + row * words_stride + (tokens >> 5), mask=inside, other=0)
    hidden = ((word >> (tokens & 31)) & 1) == 0
    tl.store(logits + row * logits_stride + tokens, float("-inf"), mask=inside & hidden)


def mask_logits(logits: torch.Tensor, words: torch.Tensor) -> None:
    """-inf in float[n, V] `logits` where the bit of int32[n, ceil(V/32)] `words` is 0, in place."""
    rows, size = logits.shape
    grid = (rows, triton.cdiv(size, BLOCK))
    # Triton launches on the current device, which need not be the model's ("cuda:1").
    with torch.cuda.device(logits.device) if logits.is_cuda else nullcontext():
        _mask_kernel[grid](logits, words, size, logits.stride(0), words.stride(0), BLOCK=BLOCK)
