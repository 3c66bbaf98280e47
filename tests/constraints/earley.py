"""An independent recognizer: grammars as dictionaries of productions, and Earley's algorithm on characters.

Every symbol that is a key is a rule; every other one is a character. `gbnf` writes such a grammar as the text that
`guided.Grammar` reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Productions: TypeAlias = Mapping[str, Sequence[Sequence[str]]]


def gbnf(grammar: Productions) -> str:
    """The grammar as GBNF; the first rule comes out as `root`."""
    names = {name: "root" if i == 0 else f"rule-{name}" for i, name in enumerate(grammar)}
    lines = []
    for name, alternatives in grammar.items():
        bodies = (" ".join(names.get(s, f'"{s}"') for s in alternative) or '""' for alternative in alternatives)
        lines.append(f"{names[name]} ::= {' | '.join(bodies)}")
    return "\n".join(lines)


def productive(grammar: Productions) -> set[str]:
    """The rules that have a text."""
    found: set[str] = set()
    while True:
        more = {
            name
            for name, alternatives in grammar.items()
            if any(all(s in found or s not in grammar for s in alternative) for alternative in alternatives)
        }
        if more == found:
            return found
        found = more


def pruned(grammar: Productions) -> Productions:
    """Without the alternatives that no text fits."""
    good = productive(grammar)
    return {
        name: [a for a in alternatives if all(s in good or s not in grammar for s in a)]
        for name, alternatives in grammar.items()
        if name in good
    }


class Earley:
    """A text read character by character; `complete` says whether it is a text of the grammar."""

    def __init__(self, grammar: Productions) -> None:
        self.grammar = pruned(grammar)
        self.start = next(iter(grammar))
        self.sets: list[set[tuple[str, tuple[str, ...], int, int]]] = []
        self._close({(self.start, tuple(a), 0, 0) for a in self.grammar.get(self.start, ())})

    def _close(self, items: set[tuple[str, tuple[str, ...], int, int]]) -> None:
        here = len(self.sets)
        self.sets.append(items)
        changed = True
        while changed:  # to a fixpoint, so that empty rules need no special care
            before = len(items)
            for lhs, body, dot, origin in list(items):
                if dot == len(body):
                    items |= {
                        (outer, rest, at + 1, begun)
                        for outer, rest, at, begun in self.sets[origin]
                        if at < len(rest) and rest[at] == lhs
                    }
                elif body[dot] in self.grammar:
                    items |= {(body[dot], tuple(a), 0, here) for a in self.grammar[body[dot]]}
            changed = len(items) > before

    def read(self, char: str) -> bool:
        """Go on with `char`; False where no text of the grammar does."""
        moved = {
            (lhs, body, dot + 1, origin)
            for lhs, body, dot, origin in self.sets[-1]
            if dot < len(body) and body[dot] == char
        }
        if not moved:
            return False
        self._close(moved)
        return True

    @property
    def complete(self) -> bool:
        return any(lhs == self.start and dot == len(body) and origin == 0 for lhs, body, dot, origin in self.sets[-1])


def alive(grammar: Productions, text: str) -> Earley | None:
    """The recognizer after `text`, or None."""
    earley = Earley(grammar)
    if not earley.sets[0]:
        return None
    return earley if all(earley.read(char) for char in text) else None


def accepts(grammar: Productions, text: str) -> bool:
    """Whether `text` is a text of the grammar."""
    found = alive(grammar, text)
    return found is not None and found.complete
