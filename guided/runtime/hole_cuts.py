"""Where a hole's text ends.

The text of a hole is cut before the first complete occurrence of what may follow it (the fixed text after the hole, or
a stop), or where the hole's own constraint can go no further. `Cuts` looks at bytes as they come and is a value. A cut
at byte p needs that the constraint accepts the first p bytes and that the rest is the beginning of something that
follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from guided.errors import GenerationError

if TYPE_CHECKING:
    from guided.matcher import CompiledGrammar, Matcher

__all__ = ["Cuts", "End", "EndKind", "Follow"]

EndKind: TypeAlias = Literal["following", "stop", "done"]


@dataclass(frozen=True, slots=True)
class Follow:
    """Something that may come after the hole: a literal, or the shortest match of a grammar."""

    kind: Literal["following", "stop"]
    literal: bytes = b""
    grammar: CompiledGrammar | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The hole's text is its first `cut` bytes; what follows it was seen up to byte `stop`."""

    cut: int
    stop: int
    kind: EndKind


@dataclass(frozen=True, slots=True)
class _Open:
    """A cut at `start` whose follow has matched so far: `seen` bytes of the literal, or `matcher`."""

    start: int
    follow: Follow
    seen: int = 0
    matcher: Matcher | None = None

    def step(self, byte: bytes) -> _Open | None:
        if self.follow.grammar is None:
            if self.follow.literal[self.seen : self.seen + 1] != byte:
                return None
            return _Open(self.start, self.follow, self.seen + 1)
        matcher = (self.matcher or self.follow.grammar.matcher()).fork()
        return _Open(self.start, self.follow, self.seen + 1, matcher) if matcher.accept_bytes(byte) else None

    @property
    def is_complete(self) -> bool:
        if self.matcher is None:
            return self.seen == len(self.follow.literal)
        return self.matcher.is_accepting


@dataclass(frozen=True, slots=True)
class Cuts:
    """The text of a hole so far, and where it may be cut."""

    hole: Matcher | None  # of the hole's own constraint after `text`; None: it cannot be that
    follows: Sequence[Follow]
    num_eos: int
    open_end: bool = False  # whatever the constraint cannot go on with ends the hole at its last complete text
    text: bytes = b""
    last: int | None = None  # the last position where the constraint accepts, if `open_end` asks for it
    open: tuple[_Open, ...] = ()
    end: End | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the constraint accepts the text as it is."""
        return self.hole is not None and self.hole.is_accepting

    @property
    def certain(self) -> int:
        """How many bytes are the hole's whatever comes."""
        if self.end is not None:
            return self.end.cut
        if self.open_end and not self.is_complete:
            return self.last or 0
        return min((cut.start for cut in self.open), default=len(self.text))

    def feed(self, data: bytes) -> Cuts:
        """After `data`; bytes behind an end are kept in `text` and change nothing."""
        if self.end is not None or not data:
            return replace(self, text=self.text + data)
        if not self.follows and not self.open_end:
            hole = self.hole.fork() if self.hole is not None else None
            alive = hole is not None and hole.accept_bytes(data)
            text = self.text + data
            return Cuts(
                hole if alive else None, self.follows, self.num_eos, False, text, self.last, self.open
            )._closed()
        return self._feed_bytes(data)

    def _feed_bytes(self, data: bytes) -> Cuts:
        hole, cuts, last = (self.hole.fork() if self.hole is not None else None), self.open, self.last
        for offset in range(len(data)):
            position, byte = len(self.text) + offset, data[offset : offset + 1]
            if hole is not None and hole.is_accepting:
                cuts, last = (*cuts, *(_Open(position, follow) for follow in self.follows)), position
            cuts = _first_of_equals([next_cut for cut in cuts if (next_cut := cut.step(byte)) is not None])
            done = min((cut for cut in cuts if cut.is_complete), key=lambda cut: cut.start, default=None)
            if done is not None:
                end = End(done.start, position + 1, done.follow.kind)
                return replace(self, hole=None, text=self.text + data, open=(), end=end)
            if hole is not None and not hole.accept_bytes(byte):
                hole = None
        return replace(self, hole=hole, text=self.text + data, open=cuts, last=last)._closed()

    def _closed(self) -> Cuts:
        """Ended, if the constraint can go no further and only one cut is left."""
        if self.hole is not None and not (self.hole.is_accepting and _is_closed(self.hole, self.num_eos)):
            return self
        starts = {cut.start for cut in self.open}
        if self.is_complete:
            starts.add(len(self.text))
        if self.open_end and self.last is not None and not starts:
            starts.add(self.last)
        if not starts:
            raise GenerationError(f"a token was accepted that no text of this hole begins with: {self.text[-40:]!r}")
        return self.cut_at(starts.pop(), "done") if len(starts) == 1 else self

    def cut_at(self, position: int, kind: EndKind = "done") -> Cuts:
        """Ended at `position`."""
        return replace(self, end=End(position, position, kind))

    def best_cut(self) -> int | None:
        """Where to cut if no more may come: after the whole text, else at the first cut that is open."""
        if self.is_complete:
            return len(self.text)
        return min((cut.start for cut in self.open), default=None)


def _first_of_equals(cuts: list[_Open]) -> tuple[_Open, ...]:
    """Of cuts whose follows go on alike the first one: a pattern that waits long has few states, not one per byte."""
    if len(cuts) < 2:
        return tuple(cuts)
    first: dict[tuple[int, int, Matcher | None], _Open] = {}
    for cut in cuts:
        key = (id(cut.follow), cut.seen if cut.matcher is None else 0, cut.matcher)
        first.setdefault(key, cut)
    return tuple(first.values())


def _is_closed(matcher: Matcher, num_eos: int) -> bool:
    """Whether nothing but the end may come."""
    return matcher.num_allowed() <= num_eos
