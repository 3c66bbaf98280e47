"""The grammars that a hole needs beside its own constraint: the constraint and what may follow, and plain bytes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from guided.constraints import Constraint, Limits

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
    shortest way to the end is that of the hole alone.
    """

    def __init__(self, constraint: Constraint, literals: Sequence[bytes], pattern: Constraint | None = None) -> None:
        self._literals = tuple(literals)
        self._parts = (constraint,) if pattern is None else (constraint, pattern)

    @property
    def identity(self) -> Hashable:
        return self._parts, self._literals

    @property
    def parts(self) -> Sequence[Constraint]:
        return self._parts

    def lower_with(self, builder: Builder, parts: Sequence[int], limits: Limits) -> int:
        nothing = builder.lexeme(builder.epsilon())
        follows = [nothing, *(builder.raw(text) for text in self._literals), *parts[1:]]
        return builder.sequence([parts[0], builder.choice(follows)])

    def parse(self, text: str) -> Any:
        return self._parts[0].parse(text)
