"""How a `Model` is made: from a name or a directory, or from objects that are already loaded.

Backends are found through entry points and imported only here and now: `import guided` loads no inference library.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from guided.errors import InputError, ModelLoadError
from guided.model.model import Model
from guided.runtime.load import installed_backends, load_engine
from guided.runtime.scheduler import MAX_BATCH
from guided.runtime.wave import STEP_TOKENS

__all__ = ["from_transformers", "load_model"]


def load_model(
    source: str | Path | None = None,
    backend: str | None = None,
    *,
    max_batch: int = MAX_BATCH,
    step_tokens: int = STEP_TOKENS,
    **options: Any,
) -> Model:
    """Load a model: the one that ships with the package for None, else a directory or a name the backend knows.

    `max_batch`: how many texts are decoded at once; `step_tokens`: how many tokens a step may read beside them.
    `options` are the backend's own (`cache_bytes`, `device`, `dtype`, ...). Raises `ModelLoadError`.
    """
    if source is not None and not isinstance(source, str | Path):
        raise InputError(
            f"load_model takes a name or a directory, not {type(source).__name__}; "
            "for objects of transformers use guided.from_transformers(model, tokenizer)"
        )
    sizes = _checked(max_batch=max_batch, step_tokens=step_tokens)
    return Model(load_engine(source, backend, **options), **sizes)


def from_transformers(
    hf_model: Any, hf_tokenizer: Any, *, max_batch: int = MAX_BATCH, step_tokens: int = STEP_TOKENS, **options: Any
) -> Model:
    """A model over a transformers model and tokenizer that you have loaded; both stay as they are."""
    sizes = _checked(max_batch=max_batch, step_tokens=step_tokens)
    entry = installed_backends().get("transformers")
    if entry is None:
        raise ModelLoadError("the backend 'transformers' is not installed; install the package, with pip install .")
    module = importlib.import_module(entry.module)
    return Model(module.from_objects(hf_model, hf_tokenizer, **options), **sizes)


def _checked(**sizes: int) -> dict[str, int]:
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} is an integer of at least 1, not {value!r}")
    return sizes
