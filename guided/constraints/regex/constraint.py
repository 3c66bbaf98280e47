"""Texts that match a regular expression."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from guided.constraints.constraint import Expression
from guided.constraints.regex.lower import pattern_expression
from guided.constraints.regex.parse import Dialect, parse_pattern
from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Regex"]


class Regex(Expression):
    """The whole text matches `pattern`, in Python's dialect; with `search`, ECMA-262's, anywhere in the text.

    docs/schema.md lists both dialects. Raises InvalidRegex with the position.
    """

    def __init__(self, pattern: str, *, search: bool = False, dialect: Dialect | None = None) -> None:
        if not isinstance(pattern, str):
            raise ConstraintError(f"a pattern must be a str, not {type(pattern).__name__}")
        if dialect not in (None, "python", "ecma"):
            raise ConstraintError(f"there is no dialect {dialect!r}; there are 'python' and 'ecma'")
        self.pattern = pattern
        self.search = search
        self.dialect: Dialect = dialect or ("ecma" if search else "python")
        parse_pattern(pattern, self.dialect)  # an error is raised here, not when it is compiled

    @property
    def identity(self) -> Hashable:
        return self.pattern, self.search, self.dialect

    def expression(self, builder: _native.Builder) -> int:
        return pattern_expression(builder, self.pattern, self.dialect, search=self.search)

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r}{', search=True' if self.search else ''})"
