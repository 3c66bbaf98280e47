"""multipleOf against exact decimals: as automata over the spelling, wanted and refused."""

from __future__ import annotations

import functools
import json
from decimal import Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided._native import Grammar
from guided.constraints import JsonSchema
from guided.constraints.json_schema.multiples import Multiples
from guided.constraints.limits import DEFAULT_LIMITS
from guided.errors import ConstraintTooComplex

from .conftest import BYTES

EXACT = Context(prec=500)
DIVISORS = ["2.125", "6.75", "1e2"]
DIVISORS += ["1", "2", "3", "7", "0.01", "0.5", "0.25", "10", "1000", "60", "1.5", "0.0001", "1e-8", "0.3", "25"]


@functools.cache
def grammar(divisor: str, *, is_wanted: bool) -> Grammar:
    builder = DEFAULT_LIMITS.new_builder()
    multiples = Multiples(builder)
    spelled = (multiples.of if is_wanted else multiples.refused_by)(Decimal(divisor), is_small=False)
    return builder.compile(builder.lexeme(spelled), BYTES.native)


def matches(grammar: Grammar, text: str) -> bool:
    matcher = grammar.start(b"")
    return matcher.accept_bytes(text.encode()) and matcher.is_accepting


@given(
    divisor=st.sampled_from(DIVISORS),
    factor=st.integers(-(10**6), 10**6),
    shift=st.integers(0, 20),
    number=st.floats(-1e25, 1e25, allow_nan=False) | st.floats(-1, 1, allow_nan=False),
    nudge=st.sampled_from(["0", "1", "0.005", "-0.5"]),
)
@settings(max_examples=400, deadline=None)
def test_a_spelling_is_wanted_exactly_when_it_is_a_multiple(divisor, factor, shift, number, nudge):
    wanted, refused = grammar(divisor, is_wanted=True), grammar(divisor, is_wanted=False)
    m = Decimal(divisor)
    for value in (m * factor, m * factor + Decimal(nudge), m * factor * 10**shift, Decimal(repr(number))):
        texts = {json.dumps(float(value)), format(value, "f")} | (
            {json.dumps(int(value))} if value == int(value) else set()
        )
        for text in texts:
            if max(map(len, text.lstrip("-").split("."))) > 40:
                continue
            is_multiple = EXACT.remainder(Decimal(text), m) == 0
            assert matches(wanted, text) == is_multiple, text
            assert matches(refused, text) != is_multiple, text


@pytest.mark.parametrize("divisor", ["123457", "1e999999999", "1e-999999999", "0.123457"])
def test_divisors_with_too_many_remainders(divisor):
    with pytest.raises(ConstraintTooComplex):
        JsonSchema(f'{{"multipleOf": {divisor}}}').compile(BYTES)


def test_many_divisors_about_one_number():
    divisors = [{"anyOf": [{"multipleOf": 33}, {"multipleOf": 12}, {"multipleOf": 77}]}, {"not": {"multipleOf": 429}}]
    others = [{"oneOf": [{"not": {"multipleOf": 7}}, {"multipleOf": 44}]}, {"not": {"multipleOf": 6}}]
    schema = {"type": "number", "allOf": [*divisors, *others, {"exclusiveMaximum": -100_000}]}
    matcher = JsonSchema(schema).compile(BYTES).matcher()
    text = matcher.shortest_completion()
    x = int(text)
    assert x < -100_000
    assert x % 429 != 0
    assert x % 33 == 0 or x % 12 == 0 or x % 77 == 0
    assert (x % 7 != 0) != (x % 44 == 0)
    assert x % 6 != 0
    assert matcher.accept_bytes(text)


@pytest.mark.parametrize("divisor", [1e-30, 1e-50, 1e6, 3600, 86400, 1e300])
def test_divisors_with_few(divisor):
    JsonSchema({"type": "number", "multipleOf": divisor}).compile(BYTES)
