"""Which bytes a token of a `tokenizer.json` stands for, from the tokenizer's own decoder.

Two families are exact: byte-level (GPT-2 maps each byte to a printable character) and pieces with a space mark
(U+2581) and byte fallback (`<0x0A>`). Anything whose decoder guesses spaces (WordPiece, `</w>` suffixes) is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from guided.errors import VocabularyError

__all__ = ["SPACE_MARK", "bytes_of_piece", "components"]

SPACE_MARK = "\u2581"
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_INEXACT = {
    "WordPiece": "the WordPiece decoder guesses where spaces were, so tokens have no exact bytes",
    "BPEDecoder": "its decoder turns word-end marks into spaces, so tokens have no exact bytes",
    "CTC": "a CTC decoder drops repeated tokens, so tokens have no exact bytes",
}


@functools.cache
def byte_of_char() -> dict[str, int]:
    """The GPT-2 byte map, from printable character to byte.

    >>> byte_of_char()["Ġ"], byte_of_char()["A"]
    (32, 65)
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in set(plain)]
    return {chr(b): b for b in plain} | {chr(0x100 + i): b for i, b in enumerate(others)}


def components(part: Any) -> Iterator[dict[str, Any]]:
    """A normalizer, pre-tokenizer or decoder of a `tokenizer.json` as a flat run of its steps."""
    pending = [part]
    while pending:
        step = pending.pop()
        if not isinstance(step, dict):
            continue
        if step.get("type") == "Sequence":
            inner: list[Any] = next((step[k] for k in ("normalizers", "pretokenizers", "decoders") if k in step), [])
            pending.extend(reversed(inner))
        else:
            yield step


def bytes_of_piece(spec: dict[str, Any]) -> Callable[[str], bytes]:
    """The rule that turns a model piece into bytes; VocabularyError says why there is none."""
    model = spec["model"].get("type") or "BPE"
    if model not in ("BPE", "Unigram"):
        raise VocabularyError(
            f"cannot read a {model} tokenizer as bytes: {_INEXACT.get(model, 'its words are joined by guessed spaces')}"
        )
    decoders = list(components(spec.get("decoder")))
    before = list(components(spec.get("pre_tokenizer"))) + list(components(spec.get("normalizer")))
    for step in decoders:
        if step["type"] in _INEXACT:
            raise VocabularyError(f"cannot read this tokenizer as bytes: {_INEXACT[step['type']]}")
    if any(s["type"] == "ByteLevel" for s in decoders + before):
        return _byte_level
    marks = {s.get("replacement", SPACE_MARK) for s in decoders + before if s["type"] == "Metaspace"}
    for step in decoders:
        if step["type"] == "Replace" and step.get("content") == " ":
            marks.add(step["pattern"].get("String", ""))
    fallback = bool(spec["model"].get("byte_fallback")) or any(s["type"] == "ByteFallback" for s in decoders)
    return functools.partial(_marked_piece, sorted(marks - {""}), fallback)


def _byte_level(piece: str) -> bytes:
    table = byte_of_char()
    try:
        return bytes([table[c] for c in piece])
    except KeyError:  # the tokenizer's decoder does the same
        return piece.encode()


def _marked_piece(marks: list[str], byte_fallback: bool, piece: str) -> bytes:
    if byte_fallback and (found := _BYTE_PIECE.fullmatch(piece)):
        return bytes([int(found[1], 16)])
    for mark in marks:
        piece = piece.replace(mark, " ")
    return piece.encode("utf-8", "surrogatepass")
