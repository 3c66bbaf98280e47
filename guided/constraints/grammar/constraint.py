"""Texts of a context-free grammar."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from guided.constraints.constraint import Constraint
from guided.constraints.grammar.lower import lower_grammar
from guided.constraints.grammar.reader import read_grammar
from guided.constraints.limits import Limits
from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Grammar"]


class Grammar(Constraint):
    """Texts of the rule `start` of a grammar in GBNF, the notation of llama.cpp; docs/grammar.md has the notation.

    Raises InvalidGrammar with line, column and a caret; compiling raises UnsatisfiableConstraint where no text ends.

    >>> Grammar('root ::= root "+" [0-9] | [0-9]')
    Grammar('root ::= root "+" [0-9] | [0-9]')
    """

    def __init__(self, text: str, start: str = "root") -> None:
        if not isinstance(text, str) or not isinstance(start, str):
            wrong = text if not isinstance(text, str) else start
            raise ConstraintError(f"a grammar and the name of its first rule are texts, not {type(wrong).__name__}")
        self.text = text
        self.start = start
        self._rules = read_grammar(text, start)

    @property
    def identity(self) -> Hashable:
        return self.text, self.start

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        return lower_grammar(builder, self._rules, self.start, limits)

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return f"Grammar({text!r}{'' if self.start == 'root' else f', start={self.start!r}'})"
