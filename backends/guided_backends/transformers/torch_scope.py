"""Torch's settings during a model's work, and only then."""

from __future__ import annotations

import torch

__all__ = ["torch_scope"]


class torch_scope:  # used like a function; a class, since a generator takes longer to enter, at every step
    """No gradients and `num_threads` threads inside; outside everything is as it was."""

    __slots__ = ("_had_grad", "_num_before", "_num_threads")

    def __init__(self, num_threads: int | None) -> None:
        self._num_threads = num_threads

    def __enter__(self) -> None:
        self._num_before: int | None = None
        if self._num_threads is not None:
            before = torch.get_num_threads()
            if before != self._num_threads:
                self._num_before = before
                torch.set_num_threads(self._num_threads)
        self._had_grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        torch.set_grad_enabled(self._had_grad)
        if self._num_before is not None:
            torch.set_num_threads(self._num_before)
