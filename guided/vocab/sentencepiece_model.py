"""Reading a SentencePiece `.model` file without the sentencepiece package.

The file is one protobuf message; the few fields that matter are read here and written as a `tokenizer.json`
specification, so that the rest is `huggingface`; only BPE text is encoded by `piece_encoder`.
Source: sentencepiece_model.proto of google/sentencepiece.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from guided.errors import VocabularyError
from guided.vocab.byte_rules import SPACE_MARK

__all__ = ["SentencePieceModel", "looks_like_sentencepiece", "read_model"]

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)
_UNIGRAM, _BPE = 1, 2


@dataclass(slots=True)
class SentencePieceModel:
    """The fields of a model file that decide how text becomes tokens."""

    pieces: list[tuple[str, float, int]] = field(default_factory=list)  # piece, score, type
    model_type: int = _UNIGRAM
    byte_fallback: bool = False
    bos_id: int = 1
    eos_id: int = 2
    precompiled_charsmap: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    treat_whitespace_as_suffix: bool = False

    @property
    def is_bpe(self) -> bool:
        return self.model_type == _BPE

    def ids_of(self, *, is_user_defined: bool) -> dict[str, int]:
        """Id of each piece that text is made of: the user-defined ones, or the ordinary ones."""
        kind = _USER_DEFINED if is_user_defined else _NORMAL
        return {piece: i for i, (piece, _, k) in enumerate(self.pieces) if k == kind}

    def byte_ids(self) -> dict[int, int]:
        """Id of each byte piece."""
        return {int(piece[3:5], 16): i for i, (piece, _, kind) in enumerate(self.pieces) if kind == _BYTE}

    def as_tokenizer_json(self) -> dict[str, Any]:
        """The same tokenizer as a `tokenizer.json` specification."""
        if self.model_type not in (_UNIGRAM, _BPE):
            raise VocabularyError("only unigram and BPE SentencePiece models can be read, not word or char models")
        normalizers: list[dict[str, Any]] = []
        if self.precompiled_charsmap:
            charsmap = base64.b64encode(self.precompiled_charsmap).decode("ascii")
            normalizers.append({"type": "Precompiled", "precompiled_charsmap": charsmap})
        if self.remove_extra_whitespaces:
            normalizers.append({"type": "Strip", "strip_left": True, "strip_right": True})
            normalizers.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
        if self.add_dummy_prefix and not self.treat_whitespace_as_suffix:
            normalizers.append({"type": "Prepend", "prepend": SPACE_MARK})
        normalizers.append({"type": "Replace", "pattern": {"String": " "}, "content": SPACE_MARK})
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": self._added_tokens(),
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": None,
            "post_processor": None,
            "decoder": {
                "type": "Sequence",
                "decoders": [
                    {"type": "Replace", "pattern": {"String": SPACE_MARK}, "content": " "},
                    {"type": "ByteFallback"},
                    {"type": "Fuse"},
                ],
            },
            "model": self._unigram() if self.model_type == _UNIGRAM else self._bpe(),
        }

    def _added_tokens(self) -> list[dict[str, Any]]:
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        return [
            {"id": i, "content": piece, "special": kind != _USER_DEFINED, **flags}
            for i, (piece, _, kind) in enumerate(self.pieces)
            if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED) and piece
        ]

    def _unknown(self) -> int:
        return next((i for i, (_, _, kind) in enumerate(self.pieces) if kind == _UNKNOWN), 0)

    def _unigram(self) -> dict[str, Any]:
        vocab = [[piece, score] for piece, score, _ in self.pieces]
        return {"type": "Unigram", "unk_id": self._unknown(), "vocab": vocab, "byte_fallback": self.byte_fallback}

    def _bpe(self) -> dict[str, Any]:
        """The pieces only: SentencePiece merges by score, which no list of merges says exactly."""
        vocab = {piece: i for i, (piece, _, _) in enumerate(self.pieces)}
        unknown = self.pieces[self._unknown()][0]
        return {"type": "BPE", "unk_token": unknown, "byte_fallback": self.byte_fallback, "vocab": vocab, "merges": []}


def looks_like_sentencepiece(data: bytes) -> bool:
    """A model file starts with its first piece: field 1, length-delimited, which starts with a string."""
    return data[:1] == b"\x0a" and data[2:3] == b"\x0a"


def read_model(data: bytes, name: str) -> SentencePieceModel:
    """Parse the bytes of a `.model` file; `name` is for the error."""
    model = SentencePieceModel()
    try:
        for number, value in _fields(data):
            if number == 1 and isinstance(value, bytes):
                model.pieces.append(_piece(value))
            elif number == 2 and isinstance(value, bytes):
                _read_trainer(model, value)
            elif number == 3 and isinstance(value, bytes):
                _read_normalizer(model, value)
    except (IndexError, struct.error, UnicodeDecodeError) as problem:
        raise VocabularyError(f"{name} is not a SentencePiece model: {problem}") from problem
    if not model.pieces:
        raise VocabularyError(f"{name} is not a SentencePiece model: it has no pieces")
    return model


def _piece(data: bytes) -> tuple[str, float, int]:
    text, score, kind = "", 0.0, _NORMAL
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            text = value.decode()
        elif number == 2 and isinstance(value, bytes):
            score = struct.unpack("<f", value)[0]
        elif number == 3 and isinstance(value, int):
            kind = value
    return text, score, kind


def _read_trainer(model: SentencePieceModel, data: bytes) -> None:
    for number, value in _fields(data):
        if not isinstance(value, int):
            continue
        if number == 3:
            model.model_type = value
        elif number == 24:
            model.treat_whitespace_as_suffix = bool(value)
        elif number == 35:
            model.byte_fallback = bool(value)
        elif number == 41:
            model.bos_id = _signed(value)
        elif number == 42:
            model.eos_id = _signed(value)


def _read_normalizer(model: SentencePieceModel, data: bytes) -> None:
    for number, value in _fields(data):
        if number == 2 and isinstance(value, bytes):
            model.precompiled_charsmap = value
        elif number == 3:
            model.add_dummy_prefix = bool(value)
        elif number == 4:
            model.remove_extra_whitespaces = bool(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of one protobuf message, in order."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise IndexError(f"wire type {kind}")
        if position + size > len(data):
            raise IndexError("it ends in the middle of a field")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError("a number is too long")
