"""Patterns that ask for too much: an answer or a typed error, soon, and never something looser."""

from __future__ import annotations

import contextlib
import time

import pytest

from guided.constraints import Regex
from guided.constraints.regex import lower_program, parse_pattern
from guided.errors import ConstraintTooComplex, InvalidRegex

from .conftest import BYTES, accepts
from .fake_builder import FakeBuilder

HOSTILE = {
    "many look-aheads": "(?=a)" * 20_000 + "a",
    "nested look-aheads": "(?=a" * 51 + ")" * 51,
    "look-aheads in deep alternatives": "(?:a(?!b)|" * 20_000 + "b" + ")" * 20_000,
    "many boundaries": r"\b" * 2000 + "a",
    "subset explosion": r"(?:(?=.*a.{16}b)[ab])*",
    "wide look-behind in a loop": r"(?:(?<=a.{16})b|.)*",
    "a large repeat inside a look-ahead in a loop": "(?:(?!a{1,100000}b).)*",
    "a large repeat around a look-ahead": "(?:(?=ab|b)[ab]){1,100000}",
    "nested repeats of look-ahead": "(?:(?:(?:(?=ab|b)[ab]){64}){64}){64}",
    "unbounded group": r"(a*)\1",
    "large group": r"(\w)\1",
    "groups whose texts multiply": "(a|b)" * 12 + r"\1\2\3\4\5\6\7\8\9\10\11\12",
    "a large repeat of a group": r"((?:a|b){1,100000})\1",
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_hostile_patterns_are_refused_soon(pattern):
    start = time.process_time()
    with pytest.raises((InvalidRegex, ConstraintTooComplex), match=r"supported|limit"):
        Regex(pattern).expression(FakeBuilder())
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "pattern",
    [
        "(" * 30_000 + "a" + ")" * 30_000 + r"\1",
        "(?=" + "(" * 30_000 + "a" + ")" * 30_000 + ").",
        "(?:^a|" * 10_000 + "b" + ")" * 10_000,
        "(?:^" * 3_000 + "b" + ")*" * 3_000,
        "(?:" * 10_000 + r"(?=ab|b)." + ")?" * 10_000,
        r"(?:a\b|" * 900 + "b" + ")*" * 900,
    ],
    ids=["reference", "look-ahead", "anchors", "loops of anchors", "optional look-ahead", "loops of boundaries"],
)
def test_deep_nesting_needs_no_stack(pattern):
    start = time.process_time()
    with contextlib.suppress(ConstraintTooComplex):
        lower_program(FakeBuilder(), parse_pattern.__wrapped__(pattern))
    assert time.process_time() - start < 4


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (  # the length does not multiply with the loop
            r"^(?=.{1,253}$)((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+[A-Za-z]{2,6}$",
            ["a.com", "a-b.c1.org", "a" * 63 + ".com", ".".join(["a" * 62] * 4)[:249] + ".com"],
            ["-a.com", "a-.com", "a" * 64 + ".com", "a.c", ".".join(["a" * 62] * 4)[:250] + ".com"],
        ),
        (
            r"^(?!.*://)(?=.{1,255}$)((.{1,63}\.){1,127}(?![0-9]*$)[a-z0-9-]+\.?)$",
            ["example.org", "1.a", "a.b."],
            ["example.12", "a://b.c", "org", "a" * 64 + ".b"],
        ),
        (
            r"^https?:\/\/(www\.)?[-a-zA-Z0-9@:%._\+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}\b([-a-zA-Z0-9()@:%_\+.~#?&//=]*)$",
            ["http://a.b", "https://www.example.com/x?y=1", "https://a.b)c"],
            ["http://a.)", "ftp://a.b", "http://a"],
        ),
        (
            r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z\d]{8,1000}$",
            ["aB345678", "A" * 998 + "a1"],
            ["ab345678", "aB34567", "A" * 999 + "a1", "AB345678"],
        ),
        (r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$", ["1", "-1.5", "+.5", "00"], ["", "-", ".", "+.", "1.5.2"]),
        (r"^(?:(?!--)[a-z-]){1,100000}$", ["a-b", "a" * 2000], ["a--b", ""]),
    ],
    ids=["hostname", "domain", "url", "password", "decimal", "counted loop"],
)
def test_what_people_write(pattern, matching, others):
    regex = Regex(pattern, search=True)
    if pattern.endswith("100000}$"):
        with pytest.raises(ConstraintTooComplex):
            regex.compile(BYTES)
        return
    assert [t for t in matching if not accepts(regex, t)] == []
    assert [t for t in others if accepts(regex, t)] == []


def test_a_loop_that_refuses_one_character_keeps_its_counter():
    regex = Regex("(?:(?!x).){1,100000}")
    assert accepts(regex, "a" * 5000)
    assert not accepts(regex, "a" * 50 + "x")
    assert not accepts(regex, "")
