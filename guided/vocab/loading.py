"""From whatever a user calls a tokenizer to a `TokenTable`.

Taken by what they can do, never by import: a transformers tokenizer has `backend_tokenizer`, a `tokenizers.Tokenizer`
has `to_str` and `model`, a `tiktoken.Encoding` has `encode_ordinary`; a path is told by its name and its first bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from guided.errors import VocabularyError
from guided.vocab.chat_template import ChatTemplate
from guided.vocab.configuration import (
    TokenizerSettings,
    first_control_id,
    read_json,
    settings_beside,
    settings_of_object,
)
from guided.vocab.huggingface import guess_eos, read_spec
from guided.vocab.piece_encoder import PieceEncoder
from guided.vocab.rank_files import read_encoding, read_ranks, read_tekken
from guided.vocab.sentencepiece_model import looks_like_sentencepiece, read_model
from guided.vocab.token_table import TokenTable

__all__ = ["read_tokenizer"]

_FILES_OF_A_FOLDER = ("tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model")


def read_tokenizer(tokenizer: Any) -> TokenTable:
    """The token table of a tokenizer object or path; VocabularyError says what was expected."""
    if isinstance(tokenizer, str | os.PathLike):
        return _read_path(Path(tokenizer))
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None and hasattr(backend, "to_str"):
        return _configured(_read_document(json.loads(backend.to_str())), settings_of_object(tokenizer))
    if hasattr(tokenizer, "to_str") and hasattr(tokenizer, "post_processor"):
        return _configured(_read_document(json.loads(tokenizer.to_str())), TokenizerSettings())
    if hasattr(tokenizer, "encode_ordinary") and hasattr(tokenizer, "n_vocab"):
        return read_encoding(tokenizer)
    model_file = getattr(tokenizer, "vocab_file", None)
    if isinstance(model_file, str) and os.path.isfile(model_file) and hasattr(tokenizer, "eos_token_id"):
        return _configured(_read_file(Path(model_file)), settings_of_object(tokenizer))
    raise VocabularyError(
        f"cannot read a {type(tokenizer).__module__}.{type(tokenizer).__qualname__} as a tokenizer; pass a "
        "transformers tokenizer, a tokenizers.Tokenizer, a tiktoken.Encoding, or the path of a model folder, "
        "tokenizer.json, SentencePiece .model, tekken.json or .tiktoken file"
    )


def _read_path(path: Path) -> TokenTable:
    if path.is_dir():
        for name in _FILES_OF_A_FOLDER:
            if (path / name).is_file():
                return _configured(_read_file(path / name), settings_beside(path))
        others = sorted(
            p for p in path.iterdir() if p.suffix == ".tiktoken" or ("tekken" in p.name and p.suffix == ".json")
        )
        if others:
            return _configured(_read_file(others[0]), settings_beside(path))
        raise VocabularyError(
            f"{path} holds no tokenizer: none of {', '.join(_FILES_OF_A_FOLDER)} or *.tiktoken is there"
        )
    if not path.is_file():
        raise VocabularyError(f"there is no tokenizer at {path}: no such file or folder")
    return _configured(_read_file(path), settings_beside(path.parent))


def _read_file(path: Path) -> TokenTable:
    if path.suffix == ".json":
        return _read_document(read_json(path))
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise VocabularyError(f"cannot read {path}: {problem}") from problem
    if looks_like_sentencepiece(data):
        model = read_model(data, path.name)
        table = read_spec(model.as_tokenizer_json())
        if model.is_bpe:
            table = dataclasses.replace(table, encoder=PieceEncoder(model))
        eos = frozenset([model.eos_id]) if model.eos_id >= 0 else frozenset()
        return dataclasses.replace(
            table, eos_ids=eos, bos_id=model.bos_id if model.bos_id >= 0 else None, add_bos=model.bos_id >= 0
        )
    return read_ranks(data, path.stem)


def _read_document(document: Any) -> TokenTable:
    if not isinstance(document, dict):
        raise VocabularyError("a tokenizer file must hold a JSON object")
    if "config" in document and "vocab" in document:
        return read_tekken(document)
    if "model" not in document:
        raise VocabularyError("neither a tokenizer.json (it has no 'model') nor a tekken.json (it has no 'config')")
    table = read_spec(document)
    first = first_control_id(document)
    is_settled = document.get("post_processor") is not None
    return dataclasses.replace(table, bos_id=first, add_bos=first is not None, is_bos_settled=is_settled)


def _configured(table: TokenTable, settings: TokenizerSettings) -> TokenTable:
    """Settings beside the tokenizer override what its own file says."""
    id_of = {
        **{t.decode("utf-8", "replace"): i for i, t in enumerate(table.tokens) if t and settings.eos_names},
        **table.special,
    }
    eos = settings.eos_ids | {id_of[name] for name in settings.eos_names if name in id_of}
    bos = settings.bos_id
    if bos is None and settings.bos_name is not None:
        bos = table.special.get(settings.bos_name)
    if bos is None:
        bos = table.bos_id
    is_settled = table.is_bos_settled or settings.add_bos is None
    add_bos = table.add_bos and table.bos_id == bos if is_settled else settings.add_bos
    chat = None
    if settings.chat_template is not None:
        chat = ChatTemplate(settings.chat_template, names=settings.names, control_texts=tuple(table.special))
    return dataclasses.replace(
        table,
        eos_ids=frozenset(eos) or table.eos_ids or guess_eos(table.special),
        bos_id=bos,
        add_bos=bool(add_bos) and bos is not None,
        chat=chat,
    )
