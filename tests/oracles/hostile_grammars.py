"""Grammars made to exhaust whoever compiles them: the text, texts that it accepts, and texts that it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["GRAMMARS"]

Case: TypeAlias = tuple[str, Sequence[str], Sequence[str]]

_DEEP = 30_000
_MANY = 20_000


def _rules(count: int, rule: str) -> str:
    """`count` rules, `{0}` the number of each and `{1}` that of the next one, round in a circle."""
    return "root ::= r0\n" + "".join(rule.format(i, (i + 1) % count) + "\n" for i in range(count))


GRAMMARS: dict[str, Case] = {
    "30,000 nested parentheses": ("root ::= " + "(" * _DEEP + '"a"' + ")" * _DEEP, ["a"], ["", "aa"]),
    "30,000 open parentheses": ("root ::= " + "(" * _DEEP, [], []),
    "30,000 nested optional groups": ("root ::= " + '("a" ' * _DEEP + ")?" * _DEEP, ["", "aa"], ["b"]),
    "30,000 nested optional calls": (
        'root ::= "x" root "y" | "z"' + ' ("a" root ' * _DEEP + ")?" * _DEEP,
        ["z", "zaz", "xzazy", "zazazaz"],
        ["za", "xz"],
    ),
    "a chain of 30,000 rules": (
        "root ::= r0\n" + "".join(f'r{i} ::= r{i + 1} | "{i}"\n' for i in range(_DEEP)) + f'r{_DEEP} ::= "z"',
        ["7", "29999"],
        ["30000"],
    ),
    "a circle of 30,000 rules that say each other": (_rules(_DEEP, 'r{0} ::= r{1} | "{0}" root?'), ["7", "71"], ["x"]),
    "a circle of left recursion": (_rules(_MANY, 'r{0} ::= r{1} "a" | "{0}"'), ["7aaaaaaa"], ["7aaaaaa"]),
    "a circle of calls in the middle": (_rules(_MANY, 'r{0} ::= "(" r{1} ")" | "{0}"'), ["((2))"], ["((1))", "((2)"]),
    "doubling 60 times": (
        "root ::= r0 root r0 | r0\n" + "".join(f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(60)) + 'r60 ::= "a"',
        [],
        ["a"],
    ),
    "doubling of what may be left out": (
        "root ::= r0 root r0 | r0\n" + "".join(f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(60)) + 'r60 ::= "a"?',
        ["", "aaaa"],
        ["b"],
    ),
    "doubling of calls": (
        'root ::= r0 | "x" root "y"\n' + "".join(f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(60)) + "r60 ::= root?",
        ["", "xy", "xyxxyy"],
        ["x", "yx"],
    ),
    "a repeat of a repeat": ('root ::= "a" root "b" | ((("c"{1000}){1000}){1000})', [], ["ab"]),
    "a million rounds": ('root ::= ("a" root "b" | "c"){1,1000000}', ["c", "cacbc"], ["", "ac"]),
    "a million rounds at least": ('root ::= ("a" root "b" | "c"){1000000}', [], ["c"]),
    "a million empty rounds": ('root ::= ("a" root "b" | ""){1000000}', ["", "abaabb"], ["a"]),
    "rounds of rounds": ('root ::= ((("a" root "b")*)*)* "x"', ["x", "axbaaxbxbx"], ["ax"]),
    "20,000 alternatives": (
        "root ::= " + " | ".join(f'"a{i}" root "b{i}"' for i in range(_MANY)) + ' | "x"',
        ["a17xb17"],
        ["a17xb18"],
    ),
    "a text of 100,000 characters": ('root ::= "' + "a" * 100_000 + '"', ["a" * 100_000], ["a" * 99_999]),
    "a count of 100,000": ("root ::= [a-z]{1,100000} | [0-9] root [0-9]", ["abc", "1a2"], ["", "1a"]),
    "every reading of 600 characters": ('root ::= root root | "a" | ""', ["a" * 600], ["a" * 600 + "b"]),
    "more readings than are kept": ('root ::= root root root | root root | "a"', ["a" * 20_000], []),
    "two ends for each of 2,000 beginnings": (
        'root ::= "a" root "b" | "a" root "c" | "a" root | "x"',
        ["a" * 2_000 + "x" + "bc" * 1_000],
        ["a" * 2_000 + "x" + "bc" * 1_001],
    ),
    "two ends for runs of blanks": (
        'root ::= " " root "\\n" | " " root "." | " " root | "x"',
        [" " * 600 + "x" + "\n." * 200],
        [" " * 600 + "x" + "\n" * 601],
    ),
    "palindromes": (
        "root ::= " + " | ".join(f'"{c}" root "{c}"' for c in "abcdefgh") + ' | ""',
        ["abcdefgh" * 60 + "hgfedcba" * 60],
        ["abcdefgh" * 60 + "hgfedcba" * 59 + "hgfedcb"],
    ),
    "nested repeats": ('root ::= (("a"+)+)+ root "b" | "x"', ["aaaxb"], ["aaaxbbbb"]),
}
