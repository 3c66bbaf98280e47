"""One of several fixed texts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from guided.constraints.constraint import Expression
from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Choice"]


class Choice(Expression):
    """One of `options`, as free text.

    >>> Choice(["sword", "axe"]).parse("axe")
    'axe'
    """

    def __init__(self, options: Iterable[str]) -> None:
        if isinstance(options, str):
            raise ConstraintError("Choice takes a list of texts, not one text")
        self.options = tuple(options)
        if not self.options:
            raise ConstraintError("Choice needs at least one option")
        seen: set[str] = set()
        for option in self.options:
            if not isinstance(option, str):
                raise ConstraintError(f"an option must be a text, not {option!r}")
            if option in seen:
                raise ConstraintError(f"the option {option!r} is given twice")
            if any("\ud800" <= c <= "\udfff" for c in option):
                raise ConstraintError(f"the option {option!r} is not valid Unicode")
            seen.add(option)
        self._options = frozenset(seen)

    @property
    def identity(self) -> Hashable:
        return self.options

    def expression(self, builder: _native.Builder) -> int:
        return builder.words(self.options)

    def parse(self, text: str) -> str:
        if text not in self._options:
            raise ConstraintError(f"{text!r} is none of the {len(self.options)} options")
        return text

    def __repr__(self) -> str:
        return f"Choice({list(self.options)!r})"
