"""Types as constraints: which texts fit, and which values they become."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, Optional, TypedDict, Union

import pydantic
import pytest

from guided.constraints import AnyText, Constraint, JsonSchema, Regex, constraint
from guided.errors import ConstraintError

from .conftest import accepts


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


class Movie(TypedDict):
    title: str
    year: int


class Hero(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(max_length=8)]
    colour: Colour
    born: datetime.date | None = None


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


class Owner(pydantic.BaseModel):
    pet: Cat | Dog = pydantic.Field(discriminator="kind")


DAY = datetime.date(2024, 2, 29)
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
IDENTITY = uuid.UUID("2eb8aa08-aa98-11ea-b4aa-73b441d16380")

VALUES: list[tuple[Any, str, Any]] = [
    (int, "-42", -42),
    (float, "1.5e-07", 1.5e-07),
    (bool, "true", True),
    (None, "null", None),
    (str, 'any "text"\n', 'any "text"\n'),
    (decimal.Decimal, "19.99", decimal.Decimal("19.99")),
    (datetime.date, "2024-02-29", DAY),
    (datetime.time, "12:30", datetime.time(12, 30)),
    (datetime.datetime, "2024-02-29T12:30:00Z", MOMENT),
    (uuid.UUID, str(IDENTITY), IDENTITY),
    (Literal["yes", "no"], "yes", "yes"),
    (Literal[1, "one", True, None], "1", 1),
    (Colour, "red", Colour.RED),
    (Level, "2", Level.HIGH),
    (Literal[Colour.BLUE], "blue", Colour.BLUE),
    (Optional[int], "null", None),  # noqa: UP045
    (int | None, "7", 7),
    (Union[int, Literal["none"]], "none", "none"),  # noqa: UP007
    (int | str, "7", 7),
    (list[int], "[1, 2]", [1, 2]),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (list[Colour], '["red"]', [Colour.RED]),
    (list[str], '["a"]', ["a"]),
    (Point, '{"x": 1, "y": 2}', Point(1, 2.0)),
    (Movie, '{"title": "a", "year": 1}', {"title": "a", "year": 1}),
    (list[Movie], '[{"title": "a", "year": 1}]', [{"title": "a", "year": 1}]),
    (Hero, '{"name": "Ann", "colour": "blue", "born": "2024-02-29"}', Hero(name="Ann", colour=Colour.BLUE, born=DAY)),
    (list[Point], '[{"x": 1}]', [Point(1)]),
    (Owner, '{"pet": {"kind": "cat", "lives": 9}}', Owner(pet=Cat(kind="cat", lives=9))),
    (Any, '{"a": [1]}', {"a": [1]}),
    (list, "[1, null]", [1, None]),
    (dict, '{"a": 1}', {"a": 1}),
]


@pytest.mark.parametrize(("annotation", "text", "value"), VALUES, ids=[str(v[0]) for v in VALUES])
def test_a_text_becomes_a_value(annotation, text, value):
    made = constraint(annotation)
    assert accepts(made, text)
    assert made.parse(text) == value
    assert type(made.parse(text)) is type(value)
    assert made == constraint(annotation)


REFUSED: list[tuple[Any, list[str]]] = [
    (int, ["1.5", "01", "+1", "", "1 "]),
    (float, ["nan", ".5", "1."]),
    (bool, ["True", "1"]),
    (datetime.date, ["2023-02-29", "2024-2-1"]),
    (Literal["yes", "no"], ["maybe", '"yes"']),
    (Colour, ["RED", "green"]),
    (list[int], ["[1.5]", '["1"]', "1"]),
    (tuple[int, str], ["[1]", '["a", 1]', '[1, "a", 2]']),
    (Point, ["{}", '{"x": "1"}']),
    (Hero, ['{"name": "far too long", "colour": "red"}', '{"name": "a", "colour": "green"}']),
    (Owner, ['{"pet": {"kind": "cow"}}', '{"pet": {"kind": "cat"}}']),
    (int | None, ["None", "x"]),
]


@pytest.mark.parametrize(("annotation", "texts"), REFUSED, ids=[str(r[0]) for r in REFUSED])
def test_other_texts_do_not_fit(annotation, texts):
    made = constraint(annotation)
    assert [t for t in texts if accepts(made, t)] == []


def test_a_constraint_passes_through():
    regex = Regex("a+")
    assert constraint(regex) is regex
    assert constraint(str) == AnyText()


def test_options_reach_the_schema():
    assert not accepts(constraint(list[int], whitespace="compact"), "[1, 2]")


@pytest.mark.parametrize(
    "annotation",
    [5, "red|blue", {"type": "string"}, ["a", "b"], ..., lambda: 0, object(), Literal[b"x"], JsonSchema],
    ids=str,
)
def test_what_has_no_meaning_is_refused(annotation):
    with pytest.raises(ConstraintError):
        constraint(annotation)


class Node(pydantic.BaseModel):
    value: int
    children: list[Node] = []


def test_recursive_models():
    made = JsonSchema(Node)
    assert accepts(made, '{"value": 1, "children": [{"value": 2}]}')
    assert not accepts(made, '{"value": 1, "children": [{"valu": 2}]}')
    assert made.parse('{"value": 1}') == Node(value=1)


def test_values_that_the_model_refuses_are_typed_errors():
    with pytest.raises(ConstraintError, match="Hero"):
        JsonSchema(Hero).parse('{"name": 5}')
    with pytest.raises(ConstraintError):
        constraint(int).parse("x")


def test_every_constraint_says_what_it_is():
    for annotation, _, _ in VALUES:
        assert isinstance(constraint(annotation), Constraint)
        assert repr(constraint(annotation))
