"""Random context-free grammars in GBNF notation, and who of nobody of ours decides which texts they have.

Rules may be recursive on the left, in the middle and on the right, ambiguous, empty, or without end. `Rules.matches`
goes over all places of a text until no rule ends anywhere new.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

__all__ = ["Rules", "random_grammar", "random_sentence"]

NAMES = ["root", "one", "two", "three"]
Expr = tuple[
    Any, ...
]  # ("text", str), ("class", chars, negated), ("rule", name), ("seq" | "alt", parts), ("repeat", part, low, high)


def random_grammar(rng: random.Random) -> Rules:
    """A grammar of up to four rules."""
    names = NAMES[: rng.randint(1, 4)]
    return Rules({name: _expr(rng, rng.randint(1, 3), names) for name in names})


def _expr(rng: random.Random, depth: int, names: list[str]) -> Expr:
    if depth <= 0 or rng.random() < 0.2:
        return rng.choice(
            [
                ("text", rng.choice(["a", "b", "ab", "ba", "é", "", "-", '"'])),
                ("class", rng.choice(["a", "ab", "bé"]), rng.random() < 0.2),
                ("rule", rng.choice(names)),
                ("rule", rng.choice(names)),
            ]
        )
    kind = rng.choice(["seq", "seq", "alt", "alt", "repeat"])
    if kind == "repeat":
        low = rng.choice([0, 0, 1, 2])
        return ("repeat", _expr(rng, depth - 1, names), low, rng.choice([None, max(low, 1), low + 2]))
    return (kind, [_expr(rng, depth - 1, names) for _ in range(rng.randint(1, 3))])


@dataclass(frozen=True)
class Rules:
    """A grammar by its rules; `root` is where a text begins."""

    rules: dict[str, Expr]

    def text(self) -> str:
        """The grammar as GBNF."""
        return "\n".join(f"{name} ::= {_written(expr)}" for name, expr in self.rules.items())

    def matches(self, text: str) -> bool:
        """Whether the whole text is one of `root`."""
        ends: dict[tuple[str, int], set[int]] = {(n, i): set() for n in self.rules for i in range(len(text) + 1)}
        changed = True
        while changed:
            changed = False
            for (name, start), known in ends.items():
                found = _ends(self.rules[name], {start}, text, ends)
                changed |= not found <= known
                known |= found
        return len(text) in ends["root", 0]


def _written(expr: Expr) -> str:
    kind = expr[0]
    if kind == "text":
        return '"' + expr[1].replace("\\", "\\\\").replace('"', '\\"') + '"'
    if kind == "class":
        return f"[{'^' if expr[2] else ''}{expr[1]}]"
    if kind == "rule":
        return str(expr[1])
    if kind in ("seq", "alt"):
        return "(" + (" " if kind == "seq" else " | ").join(map(_written, expr[1])) + ")"
    _, part, low, high = expr
    short = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((low, high))
    return f"({_written(part)}){short or f'{{{low},{high if high is not None else str()}}}'}"


def _ends(expr: Expr, starts: set[int], text: str, rules: dict[tuple[str, int], set[int]]) -> set[int]:
    """Where a match may end that begins at one of `starts`, by what is known of the rules so far."""
    kind = expr[0]
    if kind == "text":
        return {i + len(expr[1]) for i in starts if text.startswith(expr[1], i)}
    if kind == "class":
        return {i + 1 for i in starts if i < len(text) and (text[i] in expr[1]) != expr[2]}
    if kind == "rule":
        return set().union(*(rules[expr[1], i] for i in starts))
    if kind == "alt":
        return set().union(*(_ends(part, starts, text, rules) for part in expr[1]))
    if kind == "seq":
        for part in expr[1]:
            starts = _ends(part, starts, text, rules)
        return starts
    _, part, low, high = expr
    for _ in range(low):
        starts = _ends(part, starts, text, rules)
    reached, rounds = set(starts), 0
    while starts and (high is None or rounds < high - low):
        starts = _ends(part, starts, text, rules) - reached
        reached |= starts
        rounds += 1
    return reached


def random_sentence(rng: random.Random) -> str:
    """A short text of what grammars are made of."""
    return "".join(rng.choices(["a", "b", "é", "-", '"', "ab"], k=rng.choice([0, 1, 1, 2, 3, 4, 5])))
