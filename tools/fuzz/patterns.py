"""Random regular expressions of both dialects, and texts that come near them."""

from __future__ import annotations

import random

__all__ = ["ecma_pattern", "python_pattern", "random_text"]

ALPHABET = ["a", "b", "A", "1", "_", " ", "\n", "-", "é", "\U0001f600", "\u2028", "aa", "ab", "ba"]
_ATOMS = [
    "a",
    "b",
    "ab",
    ".",
    "[ab]",
    "[^a]",
    "[^\\d]",
    "\\d",
    "\\w",
    "\\W",
    "\\s",
    "é",
    "[a-zé]",
    "\U0001f600",
    "-",
    "1",
    "_",
]
_PYTHON = ["\\A", "\\Z", "(?i:aB)", "(?s:.)", "(?m:^)", "(?m:$)", "[^\\W]", "\\x61", "(?P<n>a|b)", "(?#x)"]
_ECMA = ["[^]", "[]", "\\p{L}", "\\P{Lu}", "\\u{1F600}", "\\cA", "\\x61", "(?<n>a|b)", "\\0", "[\\b]", "\\u00e9"]
_REPEATS = ["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??", "{1,3}?", "{0}", "{2,}", "{3,100}"]


def _pattern(rng: random.Random, depth: int, atoms: list[str], behind: list[str]) -> str:
    if depth <= 0 or rng.random() < 0.15:
        return rng.choice(atoms)
    one = _pattern(rng, depth - 1, atoms, behind)
    other = _pattern(rng, depth - rng.randint(1, 2), atoms, behind)
    return rng.choice(
        [
            one + other,
            one + other,
            f"(?:{one}|{other})",
            f"({one}|{other}|)",
            f"(?:{one}){rng.choice(_REPEATS)}",
            f"(?:{one}){rng.choice(_REPEATS)}{other}",
            f"(?={one}){other}",
            f"(?!{one}){other}",
            f"{one}{rng.choice(behind)}{other}",
            f"{one}{rng.choice(['^', '$', chr(92) + 'b', chr(92) + 'B'])}{other}",
            f"({rng.choice(['a|b', 'a', '[ab]'])}){one}{chr(92)}1" if rng.random() < 0.3 else other + one,
        ]
    )


def python_pattern(rng: random.Random) -> str:
    """A pattern of the dialect of `re`; not every one parses."""
    behind = ["(?<=a)", "(?<!b)", "(?<=ab)", "(?<!a|b)"]
    return _pattern(rng, rng.randint(0, 4), _ATOMS + _PYTHON, behind)


def ecma_pattern(rng: random.Random) -> str:
    """A pattern of ECMA-262; not every one parses."""
    behind = ["(?<=a)", "(?<!b+)", "(?<=a*b)", "(?<!^a)"]
    return _pattern(rng, rng.randint(0, 4), _ATOMS + _ECMA, behind)


def random_text(rng: random.Random) -> str:
    """A short text of the characters that patterns are made of."""
    return "".join(rng.choices(ALPHABET, k=rng.choice([0, 1, 1, 2, 2, 3, 4, 6])))
