"""Any causal language model of transformers 5 as an engine: `load` from a directory, `from_objects` from objects.

Importing this package needs neither torch nor transformers; using it does (`pip install 'guided[transformers]'`).
Nothing is ever downloaded.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from guided.errors import ModelLoadError

if TYPE_CHECKING:
    from guided_backends.transformers.engine import TransformersEngine

__all__ = ["from_objects", "load"]


def load(source: str | os.PathLike[str] | None, **options: Any) -> TransformersEngine:
    """An engine from a model directory, or from the name of a model that is already in the local Hugging Face cache.

    Options: device="cpu", dtype=None (float32 on a CPU, else as stored), cache_bytes, max_len, num_threads ..., and
    what `AutoModelForCausalLM.from_pretrained` takes (attn_implementation, device_map, quantization_config ...).
    Raises `ModelLoadError`.
    """
    _require()
    from guided_backends.transformers.loading import load_from_disk

    return load_from_disk(source, **options)


def from_objects(model: Any, tokenizer: Any, **options: Any) -> TransformersEngine:
    """An engine over a loaded model and its tokenizer, which stay as they are. Options: cache_bytes, num_threads ..."""
    _require()
    from guided_backends.transformers.loading import from_loaded

    return from_loaded(model, tokenizer, **options)


def _require() -> None:
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelLoadError(
            f"the transformers backend needs {' and '.join(missing)}: pip install 'guided[transformers]'"
        )
