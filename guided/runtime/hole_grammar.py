"""The grammars that a hole needs beside its own constraint: the constraint and what may follow, and plain bytes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from guided.constraints import Constraint, Limits
from guided.constraints.characters import EVERYTHING

if TYPE_CHECKING:
    from guided._native import Builder

__all__ = ["Followed", "RawChoice"]


class RawChoice(Constraint):
    """One of these byte texts, which need not be whole characters."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = tuple(texts)

    @property
    def identity(self) -> Hashable:
        return self._texts

    def lower_with(self, builder: Builder, parts: Sequence[int], limits: Limits) -> int:
        return builder.choice([builder.raw(text) for text in self._texts])


class Followed(Constraint):
    """A text of the first part, then nothing or one of what may follow it.

    Nothing, because a text that may end here must not be forced on: the model may say so with its end token, and the
    shortest way to the end is that of the hole alone. Anything may come behind a stop, since a token may reach beyond
    it: what does is cut off.
    """

    def __init__(
        self,
        constraint: Constraint,
        literal: bytes,
        stops: Sequence[bytes],
        pattern: Constraint | None = None,
        *,
        anything: bool = False,
    ) -> None:
        """`anything`: whatever comes next may come, once the text is complete."""
        self._literal = literal
        self._anything = anything
        self._stops = tuple(stops)
        self._parts = (constraint,) if pattern is None else (constraint, pattern)

    @property
    def identity(self) -> Hashable:
        return self._parts, self._literal, self._stops, self._anything

    @property
    def parts(self) -> Sequence[Constraint]:
        return self._parts

    def lower_with(self, builder: Builder, parts: Sequence[int], limits: Limits) -> int:
        follows = [builder.lexeme(builder.epsilon())]
        if self._literal:
            follows.append(builder.raw(self._literal))
        stops = [*(builder.raw(stop) for stop in self._stops), *parts[1:]]
        anything = builder.lexeme(builder.repeat(builder.chars(EVERYTHING), 0, None))
        if self._anything:
            follows.append(anything)
        elif stops:
            follows.append(builder.sequence([builder.choice(stops), anything]))
        return builder.sequence([parts[0], builder.choice(follows)])

    def parse(self, text: str) -> Any:
        return self._parts[0].parse(text)
