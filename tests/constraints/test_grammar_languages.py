"""Languages of grammars, judged by an independent Earley recognizer: every text up to a length, every state on it."""

from __future__ import annotations

import itertools
import random

import pytest

import guided
from guided.constraints import Grammar

from .conftest import BYTES
from .earley import Productions, accepts, alive, gbnf, productive

GRAMMARS: dict[str, Productions] = {
    "arithmetic": {"E": ["E+T", "T"], "T": ["T*F", "F"], "F": ["(E)", "1"]},
    "arithmetic, ambiguous": {"E": ["E+E", "E*E", "(E)", "1"]},
    "a^n b^n": {"S": ["aSb", ""]},
    "palindromes": {"S": ["aSa", "bSb", "a", "b", ""]},
    "doubling": {"S": ["SS", "a", ""]},
    "tripling": {"S": ["SSS", "ab"]},
    "brackets": {"S": ["", "(S)S"]},
    "brackets, left": {"S": ["", "S(S)"]},
    "two ends for one beginning": {"S": ["aSb", "aSc", "x"]},
    "indirect left recursion": {"A": ["Bx", "y"], "B": ["Az", "w"]},
    "three rules round": {"A": ["Ba", "a"], "B": ["Cb", "b"], "C": ["Ac", "c"]},
    "left recursion behind what may be empty": {"A": ["NAx", "y"], "N": ["n", ""]},
    "hidden and indirect": {"A": ["NB", "y"], "B": ["MAz", "w"], "N": ["", "n"], "M": ["NN"]},
    "everything may be empty": {"A": ["AA", "BA", ""], "B": ["AB", "b", ""]},
    "unit circles": {"A": ["B", "a"], "B": ["C", "Ab"], "C": ["A", "c"]},
    "left and right": {"A": ["AxA", "Ay", "zA", "n"]},
    "empty only": {"A": ["aEb"], "E": ["EE", ""]},
    "dead alternatives": {"A": ["aAb", "D", "x"], "D": ["dD", "AD"]},
    "long right recursion": {"A": ["xB", "x"], "B": ["yA", "C"], "C": ["zA"]},
    "not LL, not LR": {"S": ["A", "B"], "A": ["aAb", "x"], "B": ["aBbb", "x"]},
    "copies of the middle": {"S": ["aTa", "bTb"], "T": ["S", "cT", "c"]},
}


def check(grammar: Productions, most: int) -> None:
    """Every prefix up to a length: the bytes that may come, completeness, and the shortest way to the end."""
    check_constraint(Grammar(gbnf(grammar)), grammar, most)


def check_constraint(constraint: guided.Constraint, grammar: Productions, most: int) -> None:
    alphabet = sorted({s for bodies in grammar.values() for body in bodies for s in body if s not in grammar})
    compiled = constraint.compile(BYTES)
    states = [("", compiled.matcher())]
    while states:
        text, matcher = states.pop()
        oracle = alive(grammar, text)
        assert oracle is not None
        assert matcher.is_accepting == oracle.complete, (grammar, text)
        expected = {char for char in alphabet if alive(grammar, text + char)}
        allowed = {chr(t) for t in matcher.allowed_tokens().tolist() if t < 256}
        assert allowed == expected, (grammar, text)
        check_shortest(grammar, text, matcher, alphabet)
        if len(text) < most:
            for char in expected:
                after = matcher.fork()
                assert after.accept_bytes(char.encode())
                states.append((text + char, after))


def check_shortest(grammar: Productions, text: str, matcher: guided.Matcher, alphabet: list[str]) -> None:
    rest = matcher.shortest_completion().decode()
    assert accepts(grammar, text + rest), (grammar, text, rest)
    for size in range(min(len(rest), 3)):  # nothing shorter
        for tried in itertools.product(alphabet, repeat=size):
            assert not accepts(grammar, text + "".join(tried)), (grammar, text, rest, tried)


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
def test_every_state_is_what_the_oracle_says(grammar):
    check(grammar, 5)


def random_grammar(rng: random.Random) -> Productions:
    names = "ABCD"[: rng.randint(1, 4)]
    return {
        name: [
            "".join(rng.choice(names + "ab" + names.lower()) for _ in range(rng.choice((0, 1, 1, 2, 2, 3))))
            for _ in range(rng.randint(1, 4))
        ]
        for name in names
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_grammars_are_what_the_oracle_says(seed):
    rng = random.Random(seed)
    for _ in range(40):
        grammar = random_grammar(rng)
        if next(iter(grammar)) not in productive(grammar):
            with pytest.raises(guided.UnsatisfiableConstraint):
                Grammar(gbnf(grammar)).compile(BYTES)
        else:
            check(grammar, 4)


@pytest.mark.slow
def test_long_walks_stay_in_the_language():
    rng = random.Random(5)
    for grammar in GRAMMARS.values():
        compiled = Grammar(gbnf(grammar)).compile(BYTES)
        for _ in range(3):
            matcher, text = compiled.matcher(), ""
            while len(text) < 25:
                allowed = [t for t in matcher.allowed_tokens().tolist() if t < 256]
                if not allowed:
                    break
                token = rng.choice(allowed)
                assert matcher.accept_token(token)
                text += chr(token)
            text += matcher.shortest_completion().decode()
            assert accepts(grammar, text), (grammar, text)


def test_the_state_does_not_grow_where_recursion_is_at_one_end():
    """Right and left recursion that is not regular: the same states come again and again."""
    rounds = 'root ::= {} | pair\npair ::= "a" pair "b" | "c"'
    for body in ("pair root", "root pair", 'pair "," root', 'root "," pair'):
        compiled = Grammar(rounds.format(body)).compile(BYTES)
        matcher = compiled.matcher()
        step = b"acb," if "," in body else b"acb"
        for _ in range(3):
            assert matcher.accept_bytes(step)
        seen = matcher.fork()
        for _ in range(200):
            assert matcher.accept_bytes(step)
        assert matcher == seen


def test_many_readings_cost_little():
    """2^n stacks without sharing; with it a state is a set of callers."""
    matcher = Grammar('root ::= "a" root "b" | "a" root "c" | "x"').compile(BYTES).matcher()
    assert matcher.accept_bytes(b"a" * 500 + b"x")
    assert len(matcher.allowed_tokens()) == 2
    assert matcher.accept_bytes(b"bc" * 250)
    assert matcher.is_accepting


def test_forks_are_values():
    matcher = Grammar('root ::= root "+" t | t\nt ::= "(" root ")" | [0-9]+').compile(BYTES).matcher()
    other = matcher.fork()
    assert matcher.accept_bytes(b"(1+")
    assert other.accept_bytes(b"(2+")
    assert matcher == other
    assert other.accept_bytes(b"3")
    assert matcher != other
    assert matcher.accept_bytes(b"4")
    assert matcher == other


def test_what_must_come_is_forced():
    matcher = Grammar('root ::= "let " name " = " value ";"\nname ::= [a-z]\nvalue ::= "(" value ")" | "nil"')
    state = matcher.compile(BYTES).matcher()
    assert state.forced_bytes() == b"let "
    assert state.accept_bytes(b"let x")
    assert state.forced_bytes() == b" = "
    assert state.accept_bytes(b" = (n")
    assert state.forced_bytes() == b"il);"
    assert state.shortest_completion() == b"il);"


def renamed(grammar: Productions, suffix: str) -> tuple[str, dict[str, list[list[str]]]]:
    """The same grammar with other names, so that two can stand side by side; and its first rule."""
    names = {name: f"{name}{suffix}" for name in grammar}
    rules = {names[n]: [[names.get(s, s) for s in a] for a in alternatives] for n, alternatives in grammar.items()}
    return next(iter(rules)), rules


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_compositions_of_random_grammars_are_what_the_oracle_says(seed):
    rng = random.Random(100 + seed)
    for _ in range(15):
        left, right = random_grammar(rng), random_grammar(rng)
        if "A" not in productive(left) or "A" not in productive(right):
            continue
        (x, first), (y, second) = renamed(left, "1"), renamed(right, "2")
        one, two = Grammar(gbnf(left)), Grammar(gbnf(right))
        compositions = {
            guided.Seq(one, "c", two): [[x, "c", y]],
            guided.Seq(one, two, one): [[x, y, x]],
            one | two | "c": [[x], [y], ["c"]],
            guided.Repeat(one, min=1, max=2, sep=two): [[x], [x, y, x]],
            guided.Repeat(one | "c", min=0, max=2): [[], [x], ["c"], [x, x], [x, "c"], ["c", x], ["c", "c"]],
        }
        for composition, alternatives in compositions.items():
            check_constraint(composition, {"S": alternatives, **first, **second}, 3)
