"""Native expressions with what is known of them without asking: nothing at all, the empty text, or both parts.

`without_empty` is what the rules of anchors need; it is free for repeats and literals, and an intersection otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.constraints.characters import EVERYTHING, Ranges

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Language", "Languages"]


@dataclass(frozen=True, slots=True)
class Language:
    """A native expression; None is the empty language. `rest`: its part without the empty text, where known."""

    expression: int | None
    is_nullable: bool
    rest: int | None = None
    is_epsilon: bool = False


class Languages:
    """Operations on languages in one builder."""

    def __init__(self, builder: _native.Builder) -> None:
        self._builder = builder
        self.nothing = Language(None, is_nullable=False)
        self.epsilon = Language(builder.epsilon(), is_nullable=True, is_epsilon=True)
        self.everything = self.repeat(self.chars(EVERYTHING), 0, None)

    def expression(self, language: Language) -> int:
        """The native expression."""
        return self._builder.empty() if language.expression is None else language.expression

    def chars(self, ranges: Ranges) -> Language:
        return Language(self._builder.chars(ranges), is_nullable=False) if ranges else self.nothing

    def literal(self, text: str) -> Language:
        return Language(self._builder.literal(text), is_nullable=False) if text else self.epsilon

    def words(self, texts: Sequence[str]) -> Language:
        rest = [t for t in texts if t]
        if len(rest) == len(texts):
            return Language(self._builder.words(list(texts)), is_nullable=False)
        return Language(
            self._builder.words(list(texts)), is_nullable=True, rest=self._builder.words(rest) if rest else None
        )

    def concat(self, parts: Sequence[Language]) -> Language:
        """One after the other."""
        kept = [p for p in parts if not p.is_epsilon]
        if any(p.expression is None for p in kept):
            return self.nothing
        if len(kept) <= 1:
            return kept[0] if kept else self.epsilon
        expression = self._builder.concat([p.expression for p in kept if p.expression is not None])
        return Language(expression, is_nullable=all(p.is_nullable for p in kept))

    def union(self, parts: Sequence[Language]) -> Language:
        """Any of them."""
        kept = list(dict.fromkeys(p for p in parts if p.expression is not None))
        if len(kept) > 1 and any(p.is_nullable for p in kept if not p.is_epsilon):
            kept = [p for p in kept if not p.is_epsilon]
        if len(kept) <= 1:
            return kept[0] if kept else self.nothing
        expression = self._builder.alternate([p.expression for p in kept if p.expression is not None])
        return Language(expression, is_nullable=any(p.is_nullable for p in kept))

    def repeat(self, part: Language, minimum: int, maximum: int | None) -> Language:
        """Several times."""
        if part.expression is None:
            return self.epsilon if minimum == 0 else self.nothing
        if part.is_epsilon or maximum == 0:
            return self.epsilon
        rest = self._builder.repeat(part.expression, 1, maximum) if minimum == 0 and not part.is_nullable else None
        expression = self._builder.repeat(part.expression, minimum, maximum)
        return Language(expression, is_nullable=minimum == 0 or part.is_nullable, rest=rest)

    def without_empty(self, language: Language) -> Language:
        """Its texts of at least one character."""
        if not language.is_nullable:
            return language
        if language.is_epsilon or language.expression is None:
            return self.nothing
        rest = language.rest
        if rest is None:
            assert self.everything.rest is not None
            rest = self._builder.intersect([language.expression, self.everything.rest])
        return Language(rest, is_nullable=False)

    def intersect(self, left: Language, right: Language) -> Language:
        """Both."""
        if left == right or right == self.everything:
            return left
        if left == self.everything:
            return right
        if left.expression is None or right.expression is None:
            return self.nothing
        is_nullable = left.is_nullable and right.is_nullable
        if left.is_epsilon or right.is_epsilon:
            return self.epsilon if is_nullable else self.nothing
        return Language(self._builder.intersect([left.expression, right.expression]), is_nullable=is_nullable)

    def complement(self, language: Language) -> Language:
        """All other texts."""
        if language.expression is None:
            return self.everything
        if language == self.everything:
            return self.nothing
        return Language(self._builder.complement(language.expression), is_nullable=not language.is_nullable)

    def ending_in(self, language: Language, chars: Ranges) -> Language:
        """Its texts whose last character is one of these."""
        return self.intersect(language, self.concat([self.everything, self.chars(chars)]))
