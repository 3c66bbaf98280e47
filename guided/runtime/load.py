"""From a name to an engine: which backend, and where it is.

Backends are found through the entry points of the group `guided.backends`: name -> `load(source, **options)`.
Nothing of theirs is imported before one of them is chosen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from guided.errors import ModelLoadError
from guided.runtime.engine import Engine

__all__ = ["default_backend", "installed_backends", "load_engine"]

GROUP = "guided.backends"
SMALL_BYTES = 1 << 28  # weights up to this size run well in numpy


def load_engine(source: str | Path | None = None, backend: str | None = None, **options: Any) -> Engine:
    """Load a model: the shipped one for `source=None`, else a directory or a name that the backend knows.

    Raises `ModelLoadError`; `options` are the backend's own.
    """
    if backend is not None and not isinstance(backend, str):
        raise ModelLoadError(f"backend is the name of a backend, such as 'transformers', not {backend!r}")
    _check_place(source)
    name = backend or default_backend(source)
    installed = installed_backends()
    if name not in installed:
        if _is_address(source):
            raise ModelLoadError(
                f"{source} is the address of a server, for which a backend {name!r} would be needed, and none is "
                "installed: guided decodes in its own loop, so load the model itself, by its directory or name"
            )
        listed = ", ".join(sorted(installed)) or "none: install the package, with pip install ."
        raise ModelLoadError(f"no backend {name!r} is installed; installed are: {listed}")
    return _loader(installed[name])(source, **options)


def _check_place(source: str | Path | None) -> None:
    """Say at once, whatever the backend, that a directory which is there holds no model."""
    if source == "":
        raise ModelLoadError("the name of the model is empty: pass a directory, a name, or None for the shipped model")
    if not isinstance(source, str | Path) or not Path(source).is_dir() or (Path(source) / "config.json").is_file():
        return
    raise ModelLoadError(
        f"{source} is not a model directory: it has no config.json; "
        "a Hugging Face directory has config.json, tokenizer.json and *.safetensors"
    )


def installed_backends() -> dict[str, EntryPoint]:
    """The entry points of all installed backends, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def default_backend(source: str | Path | None) -> str:
    """`builtin` for the shipped model and for a local directory with a small Llama, else `transformers`.

    >>> default_backend(None), default_backend("Qwen/Qwen2.5-0.5B-Instruct")
    ('builtin', 'transformers')
    """
    if source is None:
        return "builtin"
    if _is_address(source):
        return "openai"
    return "builtin" if _is_small_llama(Path(source)) else "transformers"


def _is_address(source: object) -> bool:
    return str(source).startswith(("http://", "https://"))


def _is_small_llama(directory: Path) -> bool:
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    sizes = [path.stat().st_size for path in directory.glob("model*.safetensors")]
    is_llama = isinstance(config, dict) and config.get("model_type") == "llama"
    return is_llama and bool(sizes) and sum(sizes) <= SMALL_BYTES


def _loader(point: EntryPoint) -> Callable[..., Engine]:
    """Import a backend; what it lacks is told as the extra that brings it."""
    try:
        loader: Callable[..., Engine] = point.load()
    except ImportError as error:
        missing = error.name or str(error)
        raise ModelLoadError(
            f'the backend {point.name!r} needs {missing}, which is not installed: pip install "guided[{point.name}]"'
        ) from error
    return loader
