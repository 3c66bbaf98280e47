"""What a constraint accepts, `.parse` reads: numbers in every spelling of their value."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import BaseModel, Field

from guided.constraints import JsonSchema, constraint
from guided.errors import ConstraintError

from .conftest import BYTES, accepts


class Row(BaseModel):
    count: int
    ratio: float = 0.0
    name: str = ""


class Bounded(BaseModel):
    count: int = Field(ge=0, le=10**60)


class Strict(BaseModel, strict=True):
    count: int


@dataclass
class Point:
    x: int
    y: list[int]


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("7", 7),
        ("7.0", 7),
        ("6E53", 6 * 10**53),
        ("6e+53", 6 * 10**53),
        ("-1.50e1", -15),
        ("70e-1", 7),
        ("123456789012345678.0", 123456789012345678),
        ("-9007199254740993.0", -9007199254740993),
        ("1e22", 10**22),
        ("1.0e19", 10**19),
        ("0e999", 0),
        ("1e999", 10**999),
        ("-0.0", 0),
    ],
)
@pytest.mark.parametrize("model", [Row, Strict])
def test_an_integer_is_read_in_every_spelling(model, spelling, value):
    text = f'{{"count": {spelling}}}'
    count = JsonSchema(model).parse(text).count
    assert count == value
    assert type(count) is int


@pytest.mark.parametrize("spelling", ["6E53", "7.0", "123456789012345678.0", "1e999", "-0.0"])
def test_such_spellings_are_accepted(spelling):
    assert accepts(JsonSchema(Row), f'{{"count": {spelling}}}')


def test_other_parts_of_the_text_stay_as_they_are():
    text = '{"count": 6E53, "ratio": 2.50, "name": "at 1e3, \\"5.0\\" or \\\\"}'
    assert accepts(JsonSchema(Row), text)
    assert JsonSchema(Row).parse(text) == Row(count=6 * 10**53, ratio=2.5, name='at 1e3, "5.0" or \\')


def test_dataclasses_bounds_and_containers():
    assert JsonSchema(Point).parse('{"x": 1E30, "y": [2e30, 3.0]}') == Point(10**30, [2 * 10**30, 3])
    assert JsonSchema(Bounded).parse('{"count": 9e59}').count == 9 * 10**59
    assert constraint(list[int]).parse("[6E53]") == [6 * 10**53]
    assert constraint(dict[str, int]).parse('{"1e5": 6E53}') == {"1e5": 6 * 10**53}


def test_a_number_that_fits_is_never_respelled():
    assert repr(constraint(list[float | int]).parse("[1.0, 1]")) == "[1.0, 1]"
    assert repr(JsonSchema(Row).parse('{"count": 1, "ratio": 1e300}').ratio) == "1e+300"


@pytest.mark.parametrize("text", ['{"count": 1.5}', '{"count": 15e-1}', '{"count": "x"}', '{"count": 1e5', "{}"])
def test_what_does_not_fit_is_still_refused(text):
    with pytest.raises(ConstraintError, match="does not fit"):
        JsonSchema(Row).parse(text)


@pytest.mark.parametrize(
    "keyword", ["unevaluatedProperties", "unevaluate\\u0064Properties", "\\u0075nevaluatedProperties"]
)
def test_a_keyword_may_be_spelled_with_escapes(keyword):
    text = '{"allOf": [{"properties": {"a": true}}], "keyword": false}'.replace("keyword", keyword)
    grammar = JsonSchema(text).compile(BYTES)
    assert grammar.matcher().accept_bytes(b'{"a": 1}')
    assert not grammar.matcher().accept_bytes(b'{"b"')


def test_a_model_is_described_once_until_it_is_rebuilt():
    class Price(BaseModel):
        amount: int

    first, again = JsonSchema(Price), JsonSchema(Price)
    assert first.schema_text == again.schema_text
    assert first == again
    Price.model_fields["amount"].annotation = str
    Price.model_rebuild(force=True)
    assert '"string"' in JsonSchema(Price).schema_text


def test_only_so_many_models_are_remembered():
    from guided.constraints.json_schema import source

    for number in range(source._MOST_MODELS + 5):
        JsonSchema(type(f"Model{number}", (BaseModel,), {}))
    assert len(source._models) <= source._MOST_MODELS
