"""Any text at all, and one fixed text."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from guided.constraints.characters import EVERYTHING
from guided.constraints.constraint import Constraint, Expression
from guided.constraints.limits import Limits
from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["AnyText", "LiteralText"]


class AnyText(Expression):
    """Any valid UTF-8 text, within bounds on its number of characters."""

    def __init__(self, min_chars: int = 0, max_chars: int | None = None) -> None:
        if min_chars < 0 or (max_chars is not None and max_chars < min_chars):
            raise ConstraintError(f"AnyText needs 0 <= min_chars <= max_chars, not {min_chars} and {max_chars}")
        self._bounds = (min_chars, max_chars)

    @property
    def identity(self) -> Hashable:
        return self._bounds

    def expression(self, builder: _native.Builder) -> int:
        return builder.repeat(builder.chars(EVERYTHING), *self._bounds)

    def __repr__(self) -> str:
        return "AnyText()" if self._bounds == (0, None) else f"AnyText{self._bounds}"


class LiteralText(Constraint):
    """Exactly this text."""

    def __init__(self, text: str) -> None:
        try:
            self._bytes = text.encode()
        except UnicodeEncodeError as problem:
            raise ConstraintError(f"the text {text!r} is not valid Unicode: {problem.reason}") from problem
        self.text = text

    @property
    def identity(self) -> Hashable:
        return self.text

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        return builder.raw(self._bytes)

    def parse(self, text: str) -> str:
        if text != self.text:
            raise ConstraintError(f"{text!r} is not the text {self.text!r}")
        return text

    def __repr__(self) -> str:
        return f"LiteralText({self.text!r})"
