"""SentencePiece BPE: characters are merged by the score of the joined piece, the leftmost of equals first.

A `tokenizer.json` made from such a model lists merges instead, and differs on runs of one character; here it is exact.
Words are encoded one by one and remembered where no piece goes across a space, which is how models are trained.
"""

from __future__ import annotations

import functools
import re

from guided.errors import VocabularyError
from guided.vocab.byte_pairs import merge_pairs
from guided.vocab.byte_rules import SPACE_MARK
from guided.vocab.sentencepiece_model import SentencePieceModel

__all__ = ["PieceEncoder"]


class PieceEncoder:
    """The encoder of a SentencePiece BPE model, without its dummy prefix."""

    is_byte_pair = True

    def __init__(self, model: SentencePieceModel) -> None:
        self._id_of = model.ids_of(is_user_defined=False)
        self._user_defined = model.ids_of(is_user_defined=True)
        self._byte_ids = model.byte_ids()
        order = sorted(self._id_of, key=lambda piece: (-model.pieces[self._id_of[piece]][1], self._id_of[piece]))
        self._ranks = {piece: rank for rank, piece in enumerate(order)}
        self.changes_text = _normalisation(model)
        self._encode_word = functools.lru_cache(maxsize=1 << 16)(self._merge)

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, which may hold no space mark."""
        ids: list[int] = []
        for i, run in enumerate(self._cut_user_defined.split(text)) if self._cut_user_defined else [(0, text)]:
            if i % 2:
                ids.append(self._user_defined[run])
                continue
            for word in self._words.findall(run.replace(" ", SPACE_MARK)):
                ids.extend(self._encode_word(word))
        return ids

    def _merge(self, word: str) -> tuple[int, ...]:
        ids: list[int] = []
        for piece in merge_pairs(word, self._ranks):
            token = self._id_of.get(piece)
            ids.extend([token] if token is not None else self._bytes_of(piece))
        return tuple(ids)

    def _bytes_of(self, character: str) -> list[int]:
        try:
            return [self._byte_ids[b] for b in character.encode()]
        except KeyError:
            raise VocabularyError(
                f"this SentencePiece model has no piece for {character!r} and no byte pieces"
            ) from None

    @functools.cached_property
    def _cut_user_defined(self) -> re.Pattern[str] | None:
        pieces = sorted((p.replace(SPACE_MARK, " ") for p in self._user_defined), key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, pieces)) + ")") if pieces else None

    @functools.cached_property
    def _words(self) -> re.Pattern[str]:
        goes_across = re.compile(f"[^{SPACE_MARK}]{SPACE_MARK}").search
        if any(map(goes_across, self._id_of)):
            return re.compile(r"(?s).+")
        return re.compile(f"{SPACE_MARK}+[^{SPACE_MARK}]*|[^{SPACE_MARK}]+")


def _normalisation(model: SentencePieceModel) -> str | None:
    if model.precompiled_charsmap:
        return "its normalizer (a SentencePiece character map) changes text"
    return "its normalizer removes extra white space" if model.remove_extra_whitespaces else None
