"""How many threads numpy's matrix products use, for the length of a forward.

For a model of a few million parameters a second thread gains little and, when the other cores are busy, loses
much: products of 0.4 ms took 15 ms while a training ran beside. numpy offers no switch, so OpenBLAS is asked
directly where it is the one that numpy carries; elsewhere nothing is changed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["blas_threads"]

Switch = tuple[Callable[[], int], Callable[[int], None]]


@contextmanager
def blas_threads(num: int | None) -> Iterator[None]:
    """Use `num` threads inside the block, and as many as before after it; None changes nothing."""
    switch = _switch() if num is not None else None
    if switch is None or num is None:
        yield
        return
    get, put = switch
    before = get()
    if before != num:
        put(num)
    try:
        yield
    finally:
        if before != num:
            put(before)


@cache
def _switch() -> Switch | None:
    """OpenBLAS's own getter and setter, or None where numpy runs on something else."""
    folder = Path(np.__file__).parent
    for path in [*folder.parent.glob("numpy.libs/*openblas*"), *folder.glob(".dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", ""):
                get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                put = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
                if get is not None and put is not None:
                    return get, put
    return None
