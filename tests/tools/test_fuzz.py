"""The fuzzer finds nothing in some rounds, and would find something."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.conftest import ROOT
from tests.oracles.judge import ECMA, Judge
from tools.fuzz import rounds
from tools.fuzz.grammars import Rules
from tools.fuzz.session import Session

needs_node = pytest.mark.skipif(not ECMA.is_available(), reason="the oracle of ECMA-262 patterns is Node")


@needs_node
@pytest.mark.slow
def test_some_rounds_find_nothing():
    # so many rounds, not so many seconds: what a run finds must not hang on the machine
    command = [sys.executable, "-m", "tools.fuzz.run", "--seed", "20", "--most", "1500"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 findings" in done.stdout


def _found(kinds, count=60):
    return [f for i in range(count) if (f := rounds.run_round(f"a:{i}", Counter(), kinds))]


@needs_node
def test_a_wrong_verdict_is_found(monkeypatch):
    monkeypatch.setattr(Judge, "fault", lambda self, text: "none of them is valid")
    assert any("too loose" in f for f in _found(["schema"]))
    monkeypatch.setattr(Rules, "matches", lambda self, text: True)
    assert any("too tight" in f for f in _found(["grammar"]))


def test_a_matcher_that_lies_is_found(monkeypatch):
    monkeypatch.setattr(Session, "_bytes", lambda self, token: b"\xff")
    assert any("refused as bytes" in f for f in _found(["regex"], 20))


def test_what_is_no_typed_error_is_found(monkeypatch):
    def broken(*_):
        raise KeyError("x")

    monkeypatch.setattr(rounds, "_compiled", broken)
    assert _found(["regex"], 3)[0].startswith("regex: KeyError")


@pytest.mark.parametrize(
    ("rules", "good", "bad"),
    [
        (
            {"root": ("alt", [("text", ""), ("seq", [("text", "a"), ("rule", "root"), ("text", "b")])])},
            ["", "aabb"],
            ["aab"],
        ),
        ({"root": ("alt", [("seq", [("rule", "root"), ("rule", "root")]), ("text", "a")])}, ["a", "aaaa"], [""]),
        ({"root": ("repeat", ("class", "ab", False), 2, 3)}, ["ab", "aba"], ["a", "abab", "ac"]),
        ({"root": ("repeat", ("repeat", ("text", "x"), 1, None), 2, None)}, ["xx", "xxx"], ["x", ""]),
        ({"root": ("rule", "root")}, [], ["", "a"]),
    ],
)
def test_the_oracle_of_grammars(rules, good, bad):
    assert all(Rules(rules).matches(t) for t in good)
    assert not any(Rules(rules).matches(t) for t in bad)
