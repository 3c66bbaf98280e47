"""Hostile grammars: each is answered or refused with a typed error, in little time and memory, and nothing recurses."""

from __future__ import annotations

import time

import pytest

import guided
from guided.constraints import Grammar

from .conftest import BYTES

DEEP = 30_000
HOSTILE = {
    "30,000 nested parentheses": "root ::= " + "(" * DEEP + '"a"' + ")" * DEEP,
    "30,000 nested optional groups": "root ::= " + '("a" ' * DEEP + ")?" * DEEP,
    "30,000 nested groups that are not regular": 'root ::= "x" root "y" | "z"' + ' ("a" root ' * DEEP + ")?" * DEEP,
    "30,000 open parentheses": "root ::= " + "(" * DEEP,
    "a chain of 30,000 rules": "root ::= r0\n"
    + "".join(f'r{i} ::= r{i + 1} | "{i}"\n' for i in range(DEEP))
    + f'r{DEEP} ::= "z"',
    "a left-recursive chain of 20,000 rules": "root ::= r0\n"
    + "".join(f'r{i} ::= r{(i + 1) % 20_000} "a" | "{i}"\n' for i in range(20_000)),
    "a circle of 20,000 rules that are not regular": "root ::= r0\n"
    + "".join(f'r{i} ::= "(" r{(i + 1) % 20_000} ")" | "{i}"\n' for i in range(20_000)),
    "doubling 60 times": "root ::= r0 root r0 | r0\n"
    + "".join(f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(60))
    + 'r60 ::= "a"',
    "a repeat of a repeat": 'root ::= "a" root "b" | ((("c"{1000}){1000}){1000})',
    "a million rounds": 'root ::= ("a" root "b" | "c"){1,1000000}',
    "a million empty rounds": 'root ::= ("a" root "b" | ""){1000000}',
    "20,000 alternatives": "root ::= " + " | ".join(f'"a{i}" root "b{i}"' for i in range(20_000)) + ' | "x"',
    "a long text": 'root ::= "' + "a" * 200_000 + '"',
    "a large count of a class": "root ::= [a-z]{1,100000}",
    "nested repeats": 'root ::= (("a"+)+)+ root "b" | "x"',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_grammars_end(text):
    begin = time.process_time()
    try:
        matcher = Grammar(text).compile(BYTES).matcher()
        for _ in range(3):
            allowed = matcher.allowed_tokens()
            assert len(allowed)
            matcher.shortest_completion()
            matcher.accept_token(int(allowed[0]))
            if matcher.is_terminated:
                break
    except guided.ConstraintError:
        pass
    assert time.process_time() - begin < 4  # 2 s on an idle machine


def test_ambiguity_without_end_is_refused_by_work():
    matcher = Grammar('root ::= root root | "a"').compile(BYTES).matcher()
    with pytest.raises(guided.ConstraintTooComplex, match="callers of one rule"):
        matcher.accept_bytes(b"a" * 10_000)
    assert matcher.accept_bytes(b"a" * 300)
    assert matcher.is_accepting


def test_a_large_grammar_is_refused():
    text = "root ::= " + " | ".join(f'"{i}"' for i in range(2_000))
    with pytest.raises(guided.ConstraintTooComplex, match="parts of a grammar"):
        Grammar(text).compile(BYTES, guided.Limits(max_schema_nodes=1_000))
