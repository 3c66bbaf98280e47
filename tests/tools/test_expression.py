"""The calculator against Python's own arithmetic, and its refusals."""

from __future__ import annotations

import contextlib
import re
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.errors import ToolError
from guided.tools import calculator
from guided.tools.expression import evaluate, to_text

NUMBERS = st.one_of(st.integers(0, 99).map(str), st.decimals(0, 9, places=2).map(str))
EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join),
        st.tuples(inner, st.sampled_from([" ** 2", "**3", "**-1", "** 0"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.integers(0, 9).map(lambda n: f"2 ** -{n} ** 2 - -{n}"),
        inner.map(lambda e: f"({e})"),
        inner.map(lambda e: f"-{e}"),
        inner.map(lambda e: f"+ {e}"),
    ),
    max_leaves=8,
)


def by_python(expression: str) -> Fraction:
    exact = re.sub(r"\d+(\.\d+)?", lambda m: f"Fraction('{m[0]}')" if "**" not in m[0] else m[0], expression)
    return eval(exact, {"Fraction": Fraction})


@settings(max_examples=500, deadline=None)
@given(EXPRESSIONS)
def test_it_agrees_with_python(expression):
    try:
        expected = by_python(expression)
    except (ZeroDivisionError, OverflowError):
        with pytest.raises(ToolError):
            evaluate(expression)
        return
    if not isinstance(expected, int | Fraction):  # a fractional power, which Python rounds
        with pytest.raises(ToolError, match="whole exponents"):
            evaluate(expression)
        return
    try:
        computed = evaluate(expression)
    except ToolError as error:
        computed = str(error)
    assert computed == expected or ("too large" in str(computed) and "**" in expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("12 + 30", "42"),
        ("42 * 4", "168"),
        ("0.1 + 0.2", "0.3"),
        ("7 / 2", "3.5"),
        ("1 / 3", "0.333333333333"),
        ("2 / 3", "0.666666666667"),
        ("100000 / 7", "14285.7142857"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("-2 ** 2", "-4"),
        ("2 ** 3 ** 2", "512"),
        ("2 ** -2", "0.25"),
        ("1.5e3 * 2", "3000"),
        ("6 × 7", "42"),
        ("9 ÷ 2 − 1", "3.5"),
        ("2 ** 200", str(2**200)),
        ("((((1))))", "1"),
        (".5 + 1.", "1.5"),
        ("(-1) ** 1000000001", "-1"),
        ("0 ** 0", "1"),
    ],
)
def test_results_as_text(expression, text):
    assert calculator(expression=expression) == text


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "there is nothing"),
        ("1 +", "a number is missing at the end"),
        ("* 2", "a number is missing before"),
        ("(1 + 2", "never closed"),
        ("1 + 2)", "closes nothing"),
        ("()", "a number is missing before"),
        ("2 3", "an operator is missing before this number"),
        ("2 (3)", "an operator is missing before this parenthesis"),
        ("2 ^ 3", r"write \*\* for powers"),
        ("abs(2)", "not arithmetic"),
        ("__import__('os')", "not arithmetic"),
        ("1_000", "not arithmetic"),
        ("٣ + 1", "not arithmetic"),
        ("1 / (2 - 2)", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("2 ** 0.5", "whole exponents"),
        ("9 ** 9 ** 9", "too large"),
        ("2 ** 100000", "too large"),
        ("1e999 * 1e999", "too large"),
        ("1e1000", "not arithmetic|operator is missing"),
        ("1" * 1001, "1001 characters"),
    ],
)
def test_what_is_not_arithmetic_is_refused_with_its_place(expression, reason):
    with pytest.raises(ToolError, match=reason):
        calculator(expression=expression)


@pytest.mark.parametrize("expression", ["(" * 500 + "1" + ")" * 499, "-" * 999 + "1", "9**9*" * 199 + "1", "9" * 1000])
def test_hostile_expressions_cost_little(expression):
    started = time.perf_counter()
    with contextlib.suppress(ToolError):
        evaluate(expression)
    assert time.perf_counter() - started < 0.5


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_text_is_within_half_a_unit_of_its_last_digit(numerator, denominator):
    value = Fraction(numerator, denominator)
    assert abs(Fraction(to_text(value)) - value) <= abs(value) / 10**11
