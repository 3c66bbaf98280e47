"""Torch's settings during a model's work, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["torch_scope"]


@contextmanager
def torch_scope(num_threads: int | None) -> Iterator[None]:
    """No gradients and `num_threads` threads inside; outside everything is as it was."""
    before = torch.get_num_threads()
    changes = num_threads is not None and num_threads != before
    if changes:
        torch.set_num_threads(num_threads)
    try:
        with torch.no_grad():
            yield
    finally:
        if changes:
            torch.set_num_threads(before)
