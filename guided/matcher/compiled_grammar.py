"""Which tokens may come next, and what follows from choosing one.

A `CompiledGrammar` belongs to one vocabulary and may be used from many threads. A `Matcher` is one of its states: a
value that forks in O(1) and compares by state. The trie and the automaton live in `guided._native` and grow lazily,
so a grammar costs what is visited of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guided._native import Grammar, Matcher, fill_masks
from guided.constraints.compile_cache import renewed

if TYPE_CHECKING:
    from guided.constraints import Constraint
    from guided.constraints.limits import Limits
    from guided.vocab import Vocabulary

__all__ = ["CompiledGrammar", "Matcher", "fill_masks"]


class CompiledGrammar:
    """A constraint compiled for one vocabulary.

    >>> import guided
    >>> vocab = guided.Vocabulary([b"a", b"b", b"ab", None], eos_ids={3})
    >>> matcher = guided.Regex("ab?").compile(vocab).matcher()
    >>> matcher.allowed_tokens().tolist()
    [0, 2]
    >>> matcher.accept_token(0), matcher.is_accepting, matcher.allowed_tokens().tolist()
    (True, True, [1, 3])
    """

    __slots__ = ("_grammar", "_limits", "constraint", "vocab")

    def __init__(self, grammar: Grammar, vocab: Vocabulary, constraint: Constraint, limits: Limits) -> None:
        self._grammar = grammar
        self._limits = limits
        self.vocab = vocab
        self.constraint = constraint

    def matcher(self, prefix: bytes = b"") -> Matcher:
        """A matcher at the start; `prefix` are bytes that must come first (token healing).

        Matchers compare as equal while the grammar's memory is the same: once texts have made it larger than
        `Limits.max_grown_bytes`, new matchers begin in a fresh one.
        """
        self._grammar = renewed(self.constraint, self.vocab, self._limits, self._grammar)
        return self._grammar.start(prefix)

    @property
    def num_states(self) -> int:
        """States visited so far."""
        return self._grammar.num_states

    @property
    def num_bytes(self) -> int:
        """Bytes of memory held beside the tables of the vocabulary, about."""
        return self._grammar.num_bytes

    @property
    def num_rows(self) -> int:
        """Distinct masks computed so far."""
        return self._grammar.num_rows

    def __repr__(self) -> str:
        return f"CompiledGrammar({self.constraint!r}, {self.num_states} states, {self.num_rows} rows)"
