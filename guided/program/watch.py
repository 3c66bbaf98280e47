"""From the states of a hole under way to events: new tokens, and text that is certain and whole characters."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from guided.program.events import Emit, TextAppended, TokenSampled
from guided.runtime.hole import HoleResult, HoleState

__all__ = ["HoleWatch"]


class HoleWatch:
    """Tells `emit` what is new since the last look; `hide` keeps text (not tokens) to itself, as a select does."""

    def __init__(self, emit: Emit, name: str, *, is_hidden: bool = False, shows_text: bool = True) -> None:
        self._emit = emit
        self._name = name
        self._is_hidden = is_hidden
        self._shows_text = shows_text
        self._num_tokens = 0
        self._num_bytes = 0
        self._decode: Callable[..., str] = codecs.getincrementaldecoder("utf-8")("replace").decode

    def look(self, state: HoleState) -> None:
        """After each token."""
        for token in state.tokens[self._num_tokens :]:
            self._emit(TokenSampled(self._name, token.id, token.data, token.kind, token.logprob))
        self._num_tokens = len(state.tokens)
        if self._shows_text:
            self._tell(state.cuts.text[: state.cuts.certain])

    def close(self, result: HoleResult) -> None:
        """Once the text is cut."""
        for token in result.tokens[self._num_tokens :]:
            self._emit(TokenSampled(self._name, token.id, token.data, token.kind, token.logprob))
        if self._shows_text:
            self._tell(result.text, is_last=True)

    def _tell(self, certain: bytes, *, is_last: bool = False) -> None:
        text = self._decode(certain[self._num_bytes :], is_last)
        self._num_bytes = max(self._num_bytes, len(certain))
        if text:
            self._emit(TextAppended(text, "model", self._name, self._is_hidden))
