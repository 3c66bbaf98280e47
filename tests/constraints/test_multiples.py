"""multipleOf against exact decimals: as automata over the spelling, wanted and refused."""

from __future__ import annotations

import json
from decimal import Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.constraints import JsonSchema
from guided.constraints.json_schema.multiples import Multiples
from guided.errors import ConstraintTooComplex

from .conftest import BYTES
from .fake_builder import FakeBuilder

EXACT = Context(prec=500)
DIVISORS = ["1", "2", "3", "7", "0.01", "0.5", "0.25", "10", "1000", "60", "1.5", "0.0001", "1e-8", "0.3", "25", "1e2"]
MACHINES: dict[str, tuple[FakeBuilder, int, int]] = {}


def machine(text: str) -> tuple[FakeBuilder, int, int]:
    if text not in MACHINES:
        builder = FakeBuilder()
        multiples = Multiples(builder)
        divisor = Decimal(text)
        MACHINES[text] = (builder, multiples.of(divisor, is_small=False), multiples.refused_by(divisor, is_small=False))
    return MACHINES[text]


@given(
    divisor=st.sampled_from(DIVISORS),
    factor=st.integers(-(10**6), 10**6),
    shift=st.integers(0, 20),
    number=st.floats(-1e25, 1e25, allow_nan=False) | st.floats(-1, 1, allow_nan=False),
    nudge=st.sampled_from(["0", "1", "0.005", "-0.5"]),
)
@settings(max_examples=400, deadline=None)
def test_a_spelling_is_wanted_exactly_when_it_is_a_multiple(divisor, factor, shift, number, nudge):
    builder, wanted, refused = machine(divisor)
    m = Decimal(divisor)
    for value in (m * factor, m * factor + Decimal(nudge), m * factor * 10**shift, Decimal(repr(number))):
        texts = {json.dumps(float(value)), format(value, "f")} | (
            {json.dumps(int(value))} if value == int(value) else set()
        )
        for text in texts:
            if max(map(len, text.lstrip("-").split("."))) > 40:
                continue
            is_multiple = EXACT.remainder(Decimal(text), m) == 0
            assert builder.matches(wanted, text) == is_multiple, text
            assert builder.matches(refused, text) != is_multiple, text


@pytest.mark.parametrize("divisor", ["123457", "1e999999999", "1e-999999999", "0.123457"])
def test_divisors_with_too_many_remainders(divisor):
    with pytest.raises(ConstraintTooComplex):
        JsonSchema(f'{{"multipleOf": {divisor}}}').compile(BYTES)


@pytest.mark.parametrize("divisor", [1e-30, 1e-50, 1e6, 3600, 86400, 1e300])
def test_divisors_with_few(divisor):
    JsonSchema({"type": "number", "multipleOf": divisor}).compile(BYTES)
