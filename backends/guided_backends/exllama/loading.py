"""From a directory to an exllama engine, and what is said where exllama cannot run.

Both versions compile or load CUDA code when they are imported, and fail in their own ways without it. So what can be
asked beforehand is asked first: torch, a CUDA device, the package.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from guided.errors import ModelLoadError, VocabularyError
from guided.runtime.load_options import check_counts, check_optional_counts, check_switches
from guided.vocab import Vocabulary

if TYPE_CHECKING:
    from guided_backends.exllama.engine import ExllamaEngine
    from guided_backends.exllama.paged_model import PagedModel

__all__ = ["load_from_disk"]

DEFAULT_CACHE_BYTES = 2 << 30
VERSIONS = {"exl2": 2, "exl3": 3}


def load_from_disk(
    source: str | os.PathLike[str] | None,
    version: int | None,
    *,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    cache_bits: int = 16,
    max_len: int | None = None,
    max_batch: int = 64,
    reuse: bool = True,
    **unknown: Any,
) -> ExllamaEngine:
    """See `guided_backends.exllama.load`; `version` None: as config.json says."""
    if unknown:
        raise ModelLoadError(
            f"the exllama backend has no option {', '.join(sorted(unknown))}; "
            "it takes cache_bytes, cache_bits, max_len, max_batch and reuse"
        )
    check_counts(cache_bytes=cache_bytes, cache_bits=cache_bits, max_batch=max_batch)
    check_optional_counts(max_len=max_len)
    check_switches(reuse=reuse)
    directory = _directory(source)
    version = version or _version(directory)
    module = _exllama(f"exllamav{version}")
    model = _model(version, module, directory, cache_bytes=cache_bytes, cache_bits=cache_bits, max_len=max_len)
    from guided_backends.exllama.engine import ExllamaEngine

    try:
        vocab = Vocabulary.from_tokenizer(str(directory), size=model.num_logits)
    except VocabularyError as error:
        model.unload()
        raise ModelLoadError(f"{directory}: the tokenizer cannot be used: {error}") from error
    return ExllamaEngine(model, vocab, source=str(directory), max_batch=max_batch, reuse=reuse)


def _directory(source: str | os.PathLike[str] | None) -> Path:
    if source is None:
        raise ModelLoadError("the exllama backend ships no model: pass the directory of an EXL2 or EXL3 model")
    directory = Path(source)
    if not (directory / "config.json").is_file():
        raise ModelLoadError(
            f"{directory} is not a model directory: it has no config.json; "
            "pass the directory of an EXL2 or EXL3 model (config.json, tokenizer.json, *.safetensors)"
        )
    return directory


def _version(directory: Path) -> int:
    """By the quantisation that config.json names; ExLlamaV3 for a model that is not quantised."""
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        method = (config.get("quantization_config") or {}).get("quant_method", "exl3")
    except (ValueError, AttributeError) as error:
        raise ModelLoadError(f"{directory / 'config.json'} is not a config: {error}") from error
    if method not in VERSIONS:
        raise ModelLoadError(
            f"{directory} is quantised as {method!r}, which exllama does not run; it runs {', '.join(VERSIONS)} "
            "(try backend='transformers')"
        )
    return VERSIONS[method]


def _exllama(name: str) -> ModuleType:
    """Import one version, or say what is missing."""
    if importlib.util.find_spec("torch") is None:
        raise ModelLoadError(f"the backend {name!r} needs torch with CUDA and {name}: pip install 'guided[{name}]'")
    if not _has_cuda():
        raise ModelLoadError(
            f"the backend {name!r} needs a CUDA device, and torch sees none; "
            "on a CPU use backend='transformers' or 'builtin' with an unquantised model"
        )
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        raise ModelLoadError(f"the backend {name!r} needs the package {name}: pip install 'guided[{name}]'")
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # a failed compilation ends in whatever the compiler's wrapper raises
        lines = str(error).strip().splitlines() or [""]
        raise ModelLoadError(
            f"{name} is installed but cannot be imported: {type(error).__name__}: {lines[0][:300]}; it compiles CUDA "
            "code when first imported, for which it needs nvcc, or a prebuilt wheel for your torch and CUDA"
        ) from error


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _model(version: int, module: ModuleType, directory: Path, **options: Any) -> PagedModel:
    from guided_backends.exllama.version2 import Version2
    from guided_backends.exllama.version3 import Version3

    kind: Any = Version2 if version == 2 else Version3
    try:
        model: PagedModel = kind(module, directory, **options)
    except ModelLoadError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise ModelLoadError(
            f"{kind.name} cannot load {directory}: {type(error).__name__}: {lines[0][:300]}"
        ) from error
    return model
