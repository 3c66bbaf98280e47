"""Limits of grammars count work. What the hostile ones cost is measured by tests/matcher/test_hostile.py."""

from __future__ import annotations

import pytest

import guided
from guided.constraints import Grammar

from .conftest import BYTES


def test_more_readings_than_are_kept_are_refused_and_change_nothing():
    matcher = Grammar('root ::= root root | "a"').compile(BYTES).matcher()
    with pytest.raises(guided.ConstraintTooComplex, match="callers of one rule"):
        matcher.accept_bytes(b"a" * 10_000)
    assert matcher.accept_bytes(b"a" * 300)
    assert matcher.is_accepting


def test_a_large_grammar_is_refused():
    text = "root ::= " + " | ".join(f'"{i}"' for i in range(2_000))
    with pytest.raises(guided.ConstraintTooComplex, match="parts of a grammar"):
        Grammar(text).compile(BYTES, guided.Limits(max_schema_nodes=1_000))


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(guided.ConstraintTooComplex, match="characters of a shortest text"):
        Grammar('root ::= "a" root "b" | "c"{1000000}').compile(BYTES)
    with pytest.raises(guided.ConstraintTooComplex, match="bytes of the shortest text of a grammar"):
        Grammar('root ::= x{100000}\nx ::= "a" x "b" | "cc"').compile(BYTES)


def test_a_long_way_out_is_refused_where_it_begins():
    matcher = Grammar('root ::= "." | "a" x{100000}\nx ::= "b" x "c" | "ddd"').compile(BYTES).matcher()
    assert matcher.shortest_completion() == b"."
    assert matcher.accept_bytes(b"ab")
    with pytest.raises(guided.ConstraintTooComplex, match="bytes of the shortest way"):
        matcher.shortest_completion()
