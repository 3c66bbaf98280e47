"""ExLlamaV2 and ExLlamaV3 models (EXL2, EXL3, fp16) as engines, through a paged loop of our own.

`load` picks the version by the model's config.json, `load_v2` and `load_v3` name it. Importing this package needs
neither torch nor exllama; using it needs both and a CUDA device, and says so (`ModelLoadError`) where one is missing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guided_backends.exllama.engine import ExllamaEngine

__all__ = ["load", "load_v2", "load_v3"]


def load(source: str | os.PathLike[str] | None, **options: Any) -> ExllamaEngine:
    """An engine from a model directory.

    Options: cache_bytes (2 GiB), cache_bits=16 (v2: 16, 8, 6, 4; v3: 16 or 2 to 8), max_len, max_batch=64, reuse.
    Raises `ModelLoadError`.
    """
    from guided_backends.exllama.loading import load_from_disk

    return load_from_disk(source, None, **options)


def load_v2(source: str | os.PathLike[str] | None, **options: Any) -> ExllamaEngine:
    """`load` by ExLlamaV2, whatever the directory says."""
    from guided_backends.exllama.loading import load_from_disk

    return load_from_disk(source, 2, **options)


def load_v3(source: str | os.PathLike[str] | None, **options: Any) -> ExllamaEngine:
    """`load` by ExLlamaV3, whatever the directory says."""
    from guided_backends.exllama.loading import load_from_disk

    return load_from_disk(source, 3, **options)
