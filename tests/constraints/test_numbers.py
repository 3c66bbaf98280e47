"""Spelled numbers against exact decimals: never a value out of range, always what json.dumps writes."""

from __future__ import annotations

import json
import random
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.constraints import JsonSchema
from guided.constraints.json_schema.numbers import NumberSpellings, NumericRange
from guided.errors import ConstraintTooComplex, InvalidSchema, UnsatisfiableConstraint

from .conftest import BYTES, accepts
from .fake_builder import FakeBuilder

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

DECIMALS = st.one_of(
    st.integers(-200, 200).map(Decimal),
    st.integers(-(10**20), 10**20).map(Decimal),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e25, max_value=1e25).map(lambda f: Decimal(repr(f))),
    st.floats(-1, 1, allow_nan=False).map(lambda f: Decimal(repr(f))),
    st.decimals(-50, 50, places=3),
    st.sampled_from(["0", "-0", "1e22", "5.7", "1e-7", "-4", "4", "0.1", "1e16", "1e15", "-1e16", "1e-320"]).map(
        Decimal
    ),
)
RANGES = st.builds(
    NumericRange,
    low=st.none() | DECIMALS,
    high=st.none() | DECIMALS,
    is_low_open=st.booleans(),
    is_high_open=st.booleans(),
    is_integer=st.booleans(),
)


def spellings(value: Decimal) -> list[str]:
    """What JSON writers make of a value."""
    as_float = float(value)
    found = [json.dumps(as_float), format(value, "f")]
    if as_float.is_integer():
        found.append(json.dumps(int(as_float)))
    found.append(found[1] + ("0" if "." in found[1] else ".0"))
    return [s for s in found if max(map(len, re.split("[.e]", s.lstrip("-")))) <= 40]


@given(numbers=RANGES, values=st.lists(DECIMALS, max_size=12), nudge=st.sampled_from(["0.001", "1", "1e-9"]))
@settings(max_examples=400, deadline=None)
def test_a_spelling_is_accepted_exactly_when_its_value_is(numbers, values, nudge):
    builder = FakeBuilder()
    expression = NumberSpellings(builder).within(numbers)
    for bound in (numbers.low, numbers.high):
        if bound is not None:
            values = [*values, bound, bound + Decimal(nudge), bound - Decimal(nudge), -bound, bound * 10]
    for value in values:
        for text in spellings(value):
            assert builder.matches(expression, text) == numbers.holds(Decimal(text)), text


@given(numbers=RANGES, texts=st.lists(st.text(alphabet="0123456789-.eE+", max_size=7), max_size=40))
@settings(max_examples=300, deadline=None)
def test_nothing_but_numbers_in_range_is_accepted(numbers, texts):
    builder = FakeBuilder()
    expression = NumberSpellings(builder).within(numbers)
    for text in texts:
        if builder.matches(expression, text):
            assert JSON_NUMBER.fullmatch(text)
            assert numbers.holds(Decimal(text))


@given(value=DECIMALS, others=st.lists(DECIMALS, max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_constant_is_a_value_not_a_spelling(value, others):
    builder = FakeBuilder()
    expression = NumberSpellings(builder).one_of([value])
    for other in [value, -value, value * 10, value + 1, *others]:
        for text in spellings(other):
            assert builder.matches(expression, text) == (Decimal(text) == value), text


@given(low=st.integers(-300, 300), width=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_integer_ranges_of_the_native_core(low, width):
    schema = JsonSchema({"type": "integer", "minimum": low, "maximum": low + width})
    rng = random.Random(low)
    for value in [low - 1, low, low + width, low + width + 1, 0, *(rng.randint(-700, 700) for _ in range(20))]:
        for text in (str(value), f"{value}.0", f"{value}.5", f"0{value}"):
            is_right = (low <= value <= low + width and not text.endswith(".5") and text[0] != "0") or (
                text in ("0", "0.0") and low <= 0 <= low + width
            )
            assert accepts(schema, text) == is_right, text


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            {"type": "number", "minimum": -4, "maximum": 4},
            ["-0.5", "-0", "0", "4.0", "-4", "1e-07", "4e0"],
            ["4.0001", "-4.1", "5"],
        ),
        (
            {"type": "number", "minimum": 1, "maximum": 5},
            ["1", "4.999", "5.0", "5e+00"],
            ["5.7", "0.999", "-1", "5.0000001"],
        ),
        ({"type": "number", "exclusiveMinimum": 0}, ["1e-300", "0.0001"], ["0", "0.0", "-0.0", "-1"]),
        ({"type": "integer"}, ["1", "1.0", "-0", "1e+22", "1.5e+300", "1e16"], ["1.5", "1e-07", "01", "+1", "1."]),
        ({"type": "integer", "minimum": 0}, ["0", "1e+22"], ["-1", "-1e+22"]),
        ({"type": "number"}, ["1e-07", "1.5e+300", "-0.0", "5e-324"], ["1e", ".5", "NaN", "Infinity"]),
        ({"type": "integer", "exclusiveMinimum": 1.5, "exclusiveMaximum": 3}, ["2"], ["1", "3", "2.5"]),
        ({"type": "number", "minimum": 10**45}, ["1" + "0" * 45], ["9" * 45]),
        ({"type": ["integer", "number"], "maximum": 0.5}, ["0.5", "-7"], ["0.6"]),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}, ["1"], ["1.0"]),
        (
            {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True},
            ["1.5", '"x"'],
            ["1", "1.0"],
        ),
    ],
)
def test_bounds(schema, good, bad):
    constraint = JsonSchema(schema)
    assert [t for t in good if not accepts(constraint, t)] == []
    assert [t for t in bad if accepts(constraint, t)] == []


def test_bounds_given_as_text_are_exact():
    constraint = JsonSchema('{"type": "number", "maximum": 0.1000000000000000000001}')
    assert accepts(constraint, "0.1000000000000000000001")
    assert not accepts(constraint, "0.1000000000000000000002")


def test_bounds_beyond_the_exponents_are_too_complex():
    with pytest.raises(ConstraintTooComplex):
        JsonSchema('{"type": "number", "minimum": 1e5000}').compile(BYTES)


@pytest.mark.parametrize(
    "schema", [{"type": "integer", "minimum": 5, "maximum": 4}, {"type": "integer", "minimum": 0.2, "maximum": 0.8}]
)
def test_empty_ranges(schema):
    with pytest.raises(UnsatisfiableConstraint):
        JsonSchema(schema).compile(BYTES)


LONG = "1.234567890123456789012345678949"  # more digits than decimal's default context keeps
HUGE = "12345678901234567890123456789012345"


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (f'{{"minimum": {LONG}}}', [LONG, "1.23456789012345678901234567895"], [LONG[:-1] + "8", LONG[:-2]]),
        (f'{{"minimum": -{LONG}}}', [f"-{LONG}"], [f"-{LONG}1"]),
        (f'{{"exclusiveMaximum": {LONG}}}', [LONG[:-1] + "8"], [LONG, f"{LONG}0"]),
        (f'{{"minimum": {LONG}, "exclusiveMinimum": {LONG[:-1]}}}', [LONG], [LONG[:-1] + "1"]),
        (f'{{"maximum": -{LONG}, "exclusiveMaximum": -{LONG[:-1]}}}', [f"-{LONG}"], [LONG[:-1] + "1"]),
        (f'{{"const": {LONG}}}', [LONG, f"{LONG}0"], [LONG[:-1] + "8", LONG[:-1]]),
        (f'{{"enum": [-{HUGE}]}}', [f"-{HUGE}", f"-{HUGE}.0"], [f"-{HUGE[:-1]}4", f"-{HUGE[:-1]}0"]),
        (f'{{"type": "integer", "minimum": {HUGE}}}', [HUGE], [HUGE[:-1] + "4", HUGE[:-1]]),
        (f'{{"type": "integer", "maximum": -{HUGE}}}', [f"-{HUGE}"], [f"-{HUGE[:-1]}4"]),
    ],
)
def test_every_digit_of_a_bound_counts(schema, good, bad):
    constraint = JsonSchema(schema)
    assert [t for t in good if not accepts(constraint, t)] == []
    assert [t for t in bad if accepts(constraint, t)] == []


@pytest.mark.parametrize("keyword", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])
@pytest.mark.parametrize("bound", ["1e999999999", "-1e999999999", "1e-999999999", "0." + "1" * 5000])
def test_a_bound_of_any_size_is_answered_or_too_complex(keyword, bound):
    with pytest.raises(ConstraintTooComplex, match="a bound"):
        JsonSchema(f'{{"type": "number", "{keyword}": {bound}}}').compile(BYTES)


@pytest.mark.parametrize("keyword", ["maxLength", "maxItems", "maxProperties", "maxContains"])
def test_a_count_of_any_size_is_never_written_out(keyword):
    constraint = JsonSchema(f'{{"{keyword}": 1e999999999, "minItems": 0e999999999, "contains": true}}')
    assert accepts(constraint, '["x"]')
    with pytest.raises(InvalidSchema, match="must be an integer"):
        JsonSchema(f'{{"{keyword}": 1e-999999999}}').compile(BYTES)
