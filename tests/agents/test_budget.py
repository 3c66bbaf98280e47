"""Limits, asked before each spend, nested runs included."""

from __future__ import annotations

import pytest

from guided.agents.budget import Budget, Ledger
from guided.errors import InputError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


FREE = Budget(steps=None, tokens=None, seconds=None, tool_seconds=None)


def test_no_limit_never_narrows():
    ledger = Ledger(FREE)
    for _ in range(100):
        ledger.spend_turn(1000)
        ledger.spend_call("t")
    assert ledger.narrows(1) is None
    assert ledger.tokens_left() is ledger.seconds_left() is ledger.call_timeout() is None


def test_the_last_step_is_the_answer():
    ledger = Ledger(Budget(steps=3))
    seen = []
    for _ in range(3):
        seen.append(ledger.narrows(1))
        ledger.spend_turn(1)
    assert seen == [None, None, "steps"]


def test_tool_calls_run_out():
    ledger = Ledger(Budget(tool_calls=1))
    assert ledger.narrows(1) is None
    ledger.spend_call("t")
    assert ledger.narrows(1) == "tool_calls"
    assert Ledger(Budget(tool_calls=0)).narrows(1) == "tool_calls"


def test_the_reserve_is_kept():
    ledger = Ledger(Budget(tokens=100), reserve=30)
    assert ledger.narrows(70) is None
    assert ledger.narrows(71) == "tokens"
    ledger.spend_turn(50)
    assert (ledger.narrows(20), ledger.narrows(21), ledger.tokens_left()) == (None, "tokens", 50)


def test_seconds_run_out_and_shorten_calls():
    clock = Clock()
    ledger = Ledger(Budget(seconds=10, tool_seconds=8), clock=clock)
    assert ledger.call_timeout() == 8
    clock.now = 7.0
    assert (ledger.call_timeout(), ledger.narrows(1)) == (3.0, None)
    clock.now = 10.5
    assert (ledger.seconds_left(), ledger.narrows(1)) == (0, "seconds")


def test_a_nested_run_charges_both_and_sees_the_smaller_rest():
    clock = Clock()
    outer = Ledger(Budget(tokens=100, tool_calls=3, seconds=10), reserve=20, clock=clock)
    outer.spend_turn(10)
    outer.spend_call("inner")
    inner = Ledger(Budget(tokens=1000, seconds=60), reserve=5, parent=outer, clock=clock)
    assert inner.tokens_left() == 70
    inner.spend_turn(40)
    inner.spend_call("t")
    assert (outer.tokens, outer.tool_calls, outer.steps, inner.tokens) == (50, 2, 1, 40)
    assert (inner.tokens_left(), inner.calls_left(), inner.narrows(26)) == (30, 1, "tokens")
    clock.now = 9.0
    assert inner.seconds_left() == 1.0
    inner.spend_turn(500)
    assert inner.tokens_left() == outer.tokens_left() == 0


@pytest.mark.parametrize(
    "limits", [{"steps": 0}, {"tokens": 0}, {"tool_calls": -1}, {"seconds": -1.0}, {"steps": "8"}, {"tokens": True}]
)
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(InputError, match=f"Budget: {next(iter(limits))} must be at least"):
        Budget(**limits)
