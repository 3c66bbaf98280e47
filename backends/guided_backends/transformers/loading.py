"""From a place on disk, or from loaded objects, to an engine; and what is said when that cannot be.

Nothing is downloaded: a name that is not a directory must already be in the local Hugging Face cache. Weights that
lack a tensor are refused (transformers would fill it with random numbers and warn).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from guided.errors import ModelLoadError, VocabularyError
from guided.runtime.load_options import check_counts, check_optional_counts, check_switches
from guided.vocab import Vocabulary
from guided_backends.torch_device.device_choice import DeviceChooser
from guided_backends.transformers.architecture import Architecture
from guided_backends.transformers.decode_graphs import CudaRecorder
from guided_backends.transformers.engine import DEFAULT_CACHE_BYTES, TransformersEngine
from guided_backends.transformers.gguf_files import gguf_name, gguf_tokenizer, is_gguf
from guided_backends.transformers.products import Library
from guided_backends.transformers.recurrent_runner import RecurrentRunner
from guided_backends.transformers.runner import ModelRunner

__all__ = ["from_loaded", "load_from_disk"]


def load_from_disk(
    source: str | os.PathLike[str] | None,
    *,
    device: str = "cpu",
    dtype: Any = None,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    max_batch: int | None = None,
    num_threads: int | None = None,
    reuse: bool = True,
    graphs: bool | None = None,
    library: Library | None = None,
    max_len: int | None = None,
    **options: Any,
) -> TransformersEngine:
    """See `guided_backends.transformers.load`; `options` go to `AutoModelForCausalLM.from_pretrained`."""
    _check(reuse=reuse, cache_bytes=cache_bytes, max_batch=max_batch, num_threads=num_threads, max_len=max_len)
    where = {"revision": options.pop("revision", None), "cache_dir": options.pop("cache_dir", None)}
    if is_gguf(source):
        options["gguf_file"] = gguf_name(source)
        folder = Path(os.fspath(source or "")).expanduser().parent
    else:
        folder = _folder(source, **where)
    torch_device = _device(device)
    config = _config(folder, options)
    model = _model(folder, config, _dtype(dtype, torch_device), options)
    if "device_map" not in options and getattr(model, "hf_quantizer", None) is None:
        model.to(torch_device)
    return from_loaded(
        model,
        gguf_tokenizer(folder, options["gguf_file"], config.vocab_size)
        if "gguf_file" in options
        else _tokenizer(folder),
        cache_bytes=cache_bytes,
        max_batch=max_batch,
        num_threads=num_threads,
        reuse=reuse,
        graphs=graphs,
        library=library,
        max_len=max_len,
        source=os.fspath(source or folder),
    )


def from_loaded(
    model: Any,
    tokenizer: Any,
    *,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    max_batch: int | None = None,
    num_threads: int | None = None,
    reuse: bool = True,
    form: str | None = None,
    graphs: bool | None = None,
    library: Library | None = None,
    max_len: int | None = None,
    source: str = "objects",
    **unknown: Any,
) -> TransformersEngine:
    """An engine over `model`, with the vocabulary of `tokenizer`; see `ModelRunner` for the options.

    On a CUDA device tokens are chosen there, and decode steps are recorded as graphs unless `graphs=False`.
    """
    if unknown:
        raise ModelLoadError(
            f"a model that is loaded takes no option {', '.join(sorted(unknown))}; it takes cache_bytes, max_len, "
            "num_threads, reuse, graphs and library (device and dtype are the model's own: model.to(...))"
        )
    _check(reuse=reuse, cache_bytes=cache_bytes, max_batch=max_batch, num_threads=num_threads, max_len=max_len)
    runner: ModelRunner | RecurrentRunner
    architecture = Architecture.of(model)
    on_cuda = architecture.device.type == "cuda"
    if graphs and not on_cuda:
        raise ModelLoadError(f"graphs=True needs a CUDA device, the model is on {architecture.device}: leave it out")
    if architecture.is_recurrent:
        runner = RecurrentRunner(
            model, snapshot_bytes=cache_bytes, num_threads=num_threads, max_batch=max_batch, library=library
        )
    else:
        recorder = (
            CudaRecorder(architecture.device) if on_cuda and graphs is not False and not _is_spread(model) else None
        )
        runner = ModelRunner(
            model, num_threads=num_threads, max_batch=max_batch, form=form, library=library, recorder=recorder
        )
    vocab = _vocabulary(tokenizer, model, runner.num_logits)
    chooser = DeviceChooser(architecture.device) if on_cuda and not _is_spread(model) else None
    return TransformersEngine(
        runner, vocab, cache_bytes=cache_bytes, max_len=max_len, reuse=reuse, source=source, chooser=chooser
    )


def _check(*, reuse: bool, cache_bytes: int, **counts: int | None) -> None:
    """Refuse options of the wrong type before anything is loaded."""
    check_switches(reuse=reuse)
    check_counts(cache_bytes=cache_bytes)
    check_optional_counts(**counts)


def _is_spread(model: Any) -> bool:
    """Over several devices, or on disk in part: by the map that accelerate leaves."""
    return len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1


def _vocabulary(tokenizer: Any, model: Any, num_logits: int) -> Vocabulary:
    if isinstance(tokenizer, Vocabulary):
        if tokenizer.size == num_logits:
            return tokenizer
        raise ModelLoadError(f"the vocabulary has {tokenizer.size} tokens, the model's head {num_logits} logits")
    said = getattr(model.generation_config, "eos_token_id", None)
    ends = frozenset() if said is None else frozenset([said] if isinstance(said, int) else said)
    is_silent = getattr(tokenizer, "eos_token_id", 0) is None  # a tokenizer object that does not say; the model may
    try:
        vocab = Vocabulary.from_tokenizer(tokenizer, size=num_logits, eos_ids=ends if is_silent and ends else None)
        more = {end for end in ends if 0 <= end < num_logits and vocab.tokens[end] is None}
        if isinstance(tokenizer, str | os.PathLike) or more <= vocab.eos_ids:
            return vocab
        # A chat model ends its turns with tokens that only its generation config names.
        return Vocabulary.from_tokenizer(tokenizer, size=num_logits, eos_ids=vocab.eos_ids | more)
    except VocabularyError as error:
        raise ModelLoadError(
            f"the tokenizer does not go with the model, whose head gives {num_logits} logits: {error}; "
            "load both from the same place"
        ) from error


def _tokenizer(folder: Path) -> Any:
    """The folder, where it holds a tokenizer in one file; else what transformers makes of vocab.json and merges.txt."""
    names = ("tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model")
    others = [*folder.glob("*.tiktoken"), *folder.glob("*tekken*.json")]
    if others or any((folder / name).is_file() for name in names):
        return folder
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise ModelLoadError(
            f"{folder} holds no tokenizer that can be read ({_brief(error)}); put the model's tokenizer.json there, "
            "as AutoTokenizer.from_pretrained(NAME).save_pretrained(folder) writes it"
        ) from error


def _folder(source: str | os.PathLike[str] | None, **where: Any) -> Path:
    """A directory that holds a model: the one named, or where the local Hugging Face cache keeps that name."""
    if source is None:
        raise ModelLoadError(
            "the transformers backend ships no model: pass a model directory, or use backend='builtin'"
        )
    place = os.fspath(source)
    path = Path(place).expanduser()
    if path.is_file():
        raise ModelLoadError(f"{place} is a file, not a model directory; pass the directory that holds config.json")
    if not path.is_dir():
        try:
            path = Path(snapshot_download(place, local_files_only=True, **where))
        except Exception as error:
            raise ModelLoadError(
                f"no model at {place!r}: there is no such directory, and no model of that name in the local "
                "Hugging Face cache; guided never downloads, so fetch it first (hf download NAME) or pass a directory"
            ) from error
    if not (path / "config.json").is_file():
        raise ModelLoadError(
            f"{place} is not a model directory: it has no config.json; "
            "it should hold config.json, tokenizer.json and *.safetensors, as save_pretrained writes them"
        )
    return path


def _device(device: str) -> torch.device:
    try:
        found = torch.device(device)
        if found.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("torch sees no CUDA device")
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        first = str(error).splitlines()[0]
        raise ModelLoadError(f"device {device!r} cannot be used: {first}; pass 'cpu', 'cuda' or 'cuda:1'") from error
    return found


def _dtype(dtype: Any, device: torch.device) -> Any:
    """A torch dtype or "auto". Half precision is slow and inexact on a CPU, so float32 is the default there."""
    if dtype is None:
        return torch.float32 if device.type == "cpu" else "auto"
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype == "auto" or isinstance(found, torch.dtype):
        return "auto" if dtype == "auto" else found
    raise ModelLoadError(f"dtype {dtype!r} is not one of torch's; pass 'float32', 'bfloat16', 'float16' or 'auto'")


def _config(folder: Path, options: dict[str, Any]) -> Any:
    trust = bool(options.get("trust_remote_code", False))
    try:
        return AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust, gguf_file=options.get("gguf_file")
        )
    except Exception as error:
        place = folder / options.get("gguf_file", "config.json")
        raise ModelLoadError(f"{place} is not a config that transformers knows: {_brief(error)}") from error


def _model(folder: Path, config: Any, dtype: Any, options: dict[str, Any]) -> Any:
    try:
        with _quiet_progress():
            model, report = AutoModelForCausalLM.from_pretrained(
                folder, config=config, dtype=dtype, local_files_only=True, output_loading_info=True, **options
            )
    except SafetensorError as error:
        raise ModelLoadError(
            f"the weights in {folder} are corrupt ({_brief(error)}); copy or download the safetensors files again"
        ) from error
    except Exception as error:
        strange = (
            re.search(r"unexpected keyword argument '(\w+)'", str(error)) if isinstance(error, TypeError) else None
        )
        if strange is not None and strange[1] in options:
            raise ModelLoadError(
                f"there is no option {strange[1]!r}: the transformers backend takes device, dtype, cache_bytes, "
                "max_len, num_threads, reuse, graphs and library, and what from_pretrained takes for this model"
            ) from error
        kind = getattr(config, "model_type", None)
        raise ModelLoadError(
            f"the model in {folder} (model_type {kind!r}) cannot be loaded: {_brief(error)}"
        ) from error
    if missing := sorted(report.get("missing_keys") or ()):
        raise ModelLoadError(
            f"the weights in {folder} lack {len(missing)} tensors, the first is {missing[0]}: "
            "the files are incomplete or belong to another model"
        )
    return model.eval()


@contextmanager
def _quiet_progress() -> Iterator[None]:
    """No progress bars where nobody watches: standard error that is not a terminal."""
    was_on = transformers_logging.is_progress_bar_enabled()
    if sys.stderr.isatty() or not was_on:
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
