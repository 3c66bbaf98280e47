"""Models in one GGUF file: what transformers' own reader needs to be told, and what it lacks.

transformers reads config, tokenizer and weights out of the file and turns the weights back into floats, so such a
model runs as any other and takes the memory of its floats. It needs the packages `gguf` and
`accelerate`.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from guided.errors import ModelLoadError

__all__ = ["gguf_name", "gguf_tokenizer", "is_gguf"]

MAGIC = b"GGUF"


def is_gguf(source: str | os.PathLike[str] | None) -> bool:
    """By its name: what it holds is looked at later, where it can be told."""
    return source is not None and os.fspath(source).endswith(".gguf")


def gguf_name(source: str | os.PathLike[str] | None) -> str:
    """The file's name, once it is known that there is a GGUF file and a reader for it."""
    path = Path(os.fspath(source or "")).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelLoadError(f"no model at {path}: {error.strerror}; pass a .gguf file or a model directory") from error
    if magic != MAGIC:
        raise ModelLoadError(f"{path} is not a GGUF file: it begins with {magic!r}; copy or download it again")
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelLoadError(f"to read {path}, {' and '.join(missing)} is needed: pip install 'guided[gguf]'")
    return path.name


def gguf_tokenizer(folder: Path, name: str, num_tokens: int) -> Any:
    """The tokenizer in the file, of `num_tokens`; a tokenizer.json beside it comes first, being the original."""
    if (folder / "tokenizer.json").is_file():
        return folder
    try:
        return _without_more(AutoTokenizer.from_pretrained(folder, gguf_file=name, local_files_only=True), num_tokens)
    except Exception as error:
        raise ModelLoadError(
            f"the tokenizer in {folder / name} cannot be read ({type(error).__name__}: {error}); "
            "put the model's tokenizer.json beside the file"
        ) from error


def _without_more(tokenizer: Any, num_tokens: int) -> Any:
    """Without the control tokens that transformers adds behind those of the file, which the model does not have."""
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < num_tokens]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)),
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
        chat_template=tokenizer.chat_template,
    )
