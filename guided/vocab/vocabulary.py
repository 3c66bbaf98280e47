"""The tokens of a model as bytes: all that constraints, masks and healing know of a tokenizer.

A token is bytes, or None where it is never text (control tokens, padding). What `encode` returns always spells its
input byte for byte and never holds a control id: text cannot end a turn. Only `encode_trusted` makes control ids.
Immutable; the fingerprint, the native table and the tokenizer are made at first use.
"""

from __future__ import annotations

import functools
import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any

from guided.errors import VocabularyError
from guided.vocab.chat_template import ChatTemplate, Segment
from guided.vocab.loading import read_tokenizer
from guided.vocab.longest_match import LongestMatch
from guided.vocab.saved_tables import native_tables
from guided.vocab.token_table import TokenTable

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Vocabulary"]

_SLICE = 4096  # tokens hashed at a time: the work space of one join over all of them would be ten times the text
_PROBE = 'Hello  world,\n\tnaïve Ωmega  42! don\'t  こんにちは ﬁ Å \U0001f600 <x/> {"a": 1}\r\n  end '

MAX_SHORT, SHORT_BYTES = 4096, 64
"""How many short texts' tokens are kept, and how long a short text is at most."""


class Vocabulary:
    """Tokens as bytes, with the ids that end a text.

    >>> vocab = Vocabulary([None, b"a", b"b", b"ab"], eos_ids={0})
    >>> vocab.size, vocab.decode([1, 3])
    (4, b'aab')
    """

    def __init__(self, tokens: Sequence[bytes | None], eos_ids: Iterable[int] = ()) -> None:
        self._fill(TokenTable(tokens=list(tokens), eos_ids=frozenset(int(i) for i in eos_ids)))

    @classmethod
    def from_tokenizer(
        cls, tokenizer: Any, size: int | None = None, *, eos_ids: Iterable[int] | None = None
    ) -> Vocabulary:
        """The vocabulary of a transformers tokenizer, a `tokenizers.Tokenizer`, a tiktoken `Encoding`, or a path.

        size: the width of the model's logits where it is more than the tokenizer's; the ids in between are no text.
        eos_ids: which ids end a text, where the tokenizer's configuration does not say so.
        """
        table = read_tokenizer(tokenizer)
        tokens = table.tokens
        if size is not None and size < len(tokens):
            raise VocabularyError(f"size={size} is less than the {len(tokens)} tokens of the tokenizer")
        tokens = tokens + [None] * ((size or 0) - len(tokens))
        ends = table.eos_ids if eos_ids is None else frozenset(int(i) for i in eos_ids)
        if not ends:
            raise VocabularyError("the tokenizer does not say which token ends a text; pass eos_ids=")
        vocab = cls.__new__(cls)
        names = {k: getattr(table, k) for k in TokenTable.__dataclass_fields__ if k not in ("tokens", "eos_ids")}
        vocab._fill(TokenTable(tokens=tokens, eos_ids=ends, **names))
        return vocab

    def _fill(self, table: TokenTable) -> None:
        if not set(map(type, table.tokens)) <= {bytes, NoneType} or b"" in table.tokens:
            for token, spelled in enumerate(table.tokens):
                if spelled is not None and not (isinstance(spelled, bytes) and spelled):
                    raise VocabularyError(f"token {token} must be non-empty bytes or None, not {spelled!r}")
        outside = sorted(i for i in table.eos_ids if not 0 <= i < len(table.tokens))
        if outside:
            raise VocabularyError(f"eos id {outside[0]} is outside the vocabulary of {len(table.tokens)} tokens")
        self._table = table
        tokens = list(table.tokens)
        for end in table.eos_ids:
            tokens[end] = None
        self._tokens = tuple(tokens)

    @property
    def tokens(self) -> tuple[bytes | None, ...]:
        """The bytes of each token; None for control tokens and padding."""
        return self._tokens

    @property
    def size(self) -> int:
        return len(self._tokens)

    @property
    def eos_ids(self) -> frozenset[int]:
        """Ids that end a text; they are never text themselves."""
        return self._table.eos_ids

    @property
    def bos_id(self) -> int | None:
        return self._table.bos_id

    @property
    def add_bos(self) -> bool:
        """Whether the tokenizer puts `bos_id` before a prompt."""
        return self._table.add_bos

    @property
    def space_prefix(self) -> bool:
        """Whether the tokenizer itself would put a space before a prompt (`encode` never does)."""
        return self._table.space_prefix

    @property
    def chat(self) -> ChatTemplate | None:
        """The tokenizer's chat template."""
        chat: ChatTemplate | None = self._table.chat
        return chat

    @functools.cached_property
    def special(self) -> Mapping[str, int]:
        """Name of each control token, with its id."""
        return MappingProxyType(dict(self._table.special))

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 over every token's bytes, which are control tokens, and the eos ids; the key of every cache."""
        digest = hashlib.sha256(b"guided vocabulary 1\0" + struct.pack("<I", self.size))
        slices = range(0, self.size, _SLICE)
        for i in slices:
            lengths = [0xFFFFFFFF if t is None else len(t) for t in self._tokens[i : i + _SLICE]]
            digest.update(struct.pack(f"<{len(lengths)}I", *lengths))
        for i in slices:
            digest.update(b"".join(filter(None, self._tokens[i : i + _SLICE])))
        ends = sorted(self.eos_ids)
        digest.update(struct.pack(f"<I{len(ends)}I", len(ends), *ends))
        return digest.hexdigest()

    @functools.cached_property
    def native(self) -> _native.Vocabulary:
        """The token trie that masks are computed with: built, or left on disk by an earlier process."""
        try:
            return native_tables(self._tokens, sorted(self.eos_ids), self.fingerprint)
        except ValueError as problem:  # a token of unlikely length
            raise VocabularyError(f"this vocabulary cannot be used: {problem}") from problem

    @functools.cached_property
    def _short(self) -> dict[bytes, list[int]]:
        """Short texts that were encoded: keys, closings and quotes come again at every hole."""
        return {}

    @functools.cached_property
    def can_round_trip(self) -> bool:
        """Whether `encode` takes any text: False without a tokenizer, and for one that normalises text."""
        encoder = self._table.encoder
        if encoder is None or encoder.changes_text is not None:
            return False
        try:
            return self.decode(self.encode(_PROBE.encode())) == _PROBE.encode()
        except VocabularyError:
            return False

    @functools.cached_property
    def is_byte_pair(self) -> bool:
        """Whether the tokenizer is a byte pair encoding without chance in it, and spells any text (in NFC) exactly."""
        encoder = self._table.encoder
        is_exact = self.can_round_trip or bool(getattr(encoder, "only_composes", False))
        return is_exact and bool(getattr(encoder, "is_byte_pair", False))

    @property
    def changes_text(self) -> str | None:
        """What the tokenizer does to texts before it encodes them, in words; None where they stay as they are."""
        return None if self._table.encoder is None else self._table.encoder.changes_text

    def encode(self, data: bytes) -> list[int]:
        """The tokenizer's canonical tokens of `data`: no bos, no space put in front, never a control id.

        Parts that are not UTF-8 are spelled by the longest tokens that fit. Raises VocabularyError where the
        vocabulary came without a tokenizer, or where its tokens would not spell `data`.
        """
        if self._table.encoder is None:
            raise VocabularyError("this vocabulary came without a tokenizer: build it with Vocabulary.from_tokenizer")
        data = bytes(data)
        if (known := self._short.get(data)) is not None:
            return known.copy()
        ids: list[int] = []
        for part, text in _utf8_parts(data):
            ids.extend(self._longest_match.encode(part) if text is None else self._encode_text(text))
        if len(data) <= SHORT_BYTES:
            if len(self._short) >= MAX_SHORT:
                self._short.clear()
            self._short[data] = ids.copy()
        return ids

    def spell(self, data: bytes) -> list[int]:
        """Tokens of `data` exactly: as `encode`, but a word that the tokenizer would change is spelled all the same.

        Tokenizers that normalise (Qwen's writes é for e and an accent) have no canonical tokens for such a word; it
        gets the longest tokens that fit. Raises VocabularyError where no tokens spell it.
        """
        try:
            return self.encode(data)
        except VocabularyError:
            if self.changes_text is None:
                raise
        ids: list[int] = []
        for part, text in _utf8_parts(bytes(data)):
            ids.extend(self._longest_match.encode(part) if text is None else self._spell_words(text))
        return ids

    def encode_trusted(self, text: str) -> list[int]:
        """Tokens of a text written by the program itself: names of control tokens become their ids."""
        return self.encode_segments([Segment(text, is_trusted=True)])

    def encode_segments(self, segments: Iterable[Segment]) -> list[int]:
        """Tokens of a rendered chat: control ids only from trusted segments, text merged across segments."""
        ids: list[int] = []
        pending: list[str] = []
        strip_next = False
        for part in self._parts(segments):
            if isinstance(part, str):
                part = part.lstrip() if strip_next else part
                strip_next = strip_next and not part
                pending.append(part)
                continue
            before = "".join(pending)
            pending.clear()
            ids.extend(self.spell((before.rstrip() if part in self._table.strips_before else before).encode()))
            ids.append(part)
            strip_next = part in self._table.strips_after
        ids.extend(self.spell("".join(pending).encode()))
        return ids

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes of `ids`, one after the other; control tokens are no bytes."""
        try:
            return b"".join(self._tokens[i] or b"" for i in ids if i >= 0 or _refuse(i))
        except IndexError:
            raise VocabularyError(f"a token id is outside the vocabulary of {self.size} tokens") from None

    def __repr__(self) -> str:
        return f"Vocabulary(size={self.size}, eos_ids={sorted(self.eos_ids)}, fingerprint={self.fingerprint[:12]})"

    def _parts(self, segments: Iterable[Segment]) -> Iterator[str | int]:
        """Texts and control ids; names of control tokens count in trusted segments only."""
        for segment in segments:
            if not segment.is_trusted or self._names is None:
                yield segment.text
                continue
            for i, part in enumerate(self._names.split(segment.text)):
                if i % 2:
                    yield self.special[part]
                elif part:
                    yield part

    @functools.cached_property
    def _names(self) -> re.Pattern[str] | None:
        names = sorted(self.special, key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, names)) + ")") if names else None

    @functools.cached_property
    def _longest_match(self) -> LongestMatch:
        return LongestMatch(self._tokens)

    def _encode_text(self, text: str) -> list[int]:
        encoder = self._table.encoder
        assert encoder is not None
        ids = encoder.encode(text)
        if self._spells(ids, text):
            return ids
        if encoder.changes_text is not None:
            raise VocabularyError(f"this tokenizer does not round-trip {_excerpt(text)}: {encoder.changes_text}")
        return self._encode_around_marks(text)

    def _spells(self, ids: list[int], text: str) -> bool:
        parts = [self._tokens[i] if 0 <= i < len(self._tokens) else None for i in ids]
        return None not in parts and b"".join(p for p in parts if p) == text.encode()

    def _spell_words(self, text: str) -> list[int]:
        """Runs of words that stay as they are in canonical tokens, the words between them by longest match."""
        encoder = self._table.encoder
        assert encoder is not None
        ids: list[int] = []
        run: list[str] = []
        for word in [*re.findall(r"\s*\S+|\s+", text), ""]:
            if word and self._spells(encoder.encode(word), word):
                run.append(word)
                continue
            together = encoder.encode("".join(run))
            if self._spells(together, "".join(run)):
                ids.extend(together)
            else:
                ids.extend(token for each in run for token in encoder.encode(each))
            ids.extend(self._longest_match.encode(word.encode()))
            run = []
        return ids

    def _encode_around_marks(self, text: str) -> list[int]:
        """Spell by longest match the words that the tokenizer's model cannot spell exactly, as a literal U+2581."""
        ids: list[int] = []
        for piece in re.findall(r"\u2581+|[^\u2581]+", text):
            encoded = self._table.encoder.encode(piece) if self._table.encoder and piece[0] != "\u2581" else []
            ids.extend(encoded if self._spells(encoded, piece) else self._longest_match.encode(piece.encode()))
        return ids


def _utf8_parts(data: bytes) -> Iterator[tuple[bytes, str | None]]:
    """Runs of valid UTF-8 with their text, and the bytes between them with None."""
    position = 0
    while position < len(data):
        try:
            yield data[position:], data[position:].decode()
            return
        except UnicodeDecodeError as problem:
            if problem.start:
                good = data[position : position + problem.start]
                yield good, good.decode()
            yield data[position + problem.start : position + problem.end], None
            position += problem.end


def _refuse(token: int) -> bool:
    raise VocabularyError(f"token id {token} is negative")


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
