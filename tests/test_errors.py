"""Errors, constraints and results go between processes as they are."""

from __future__ import annotations

import copy
import pickle

import pydantic
import pytest

import guided
from guided import errors


def raised(work):
    with pytest.raises(guided.GuidedError) as caught:
        work()
    return caught.value


MADE = [
    guided.BudgetTooSmall(3, 5),
    guided.DeadlineExceeded(2.5),
    guided.InvalidSchema("/a/b", "no such type"),
    guided.UnsupportedSchema("/a", "format", "not regular"),
    guided.InvalidRegex("a(", 1, "never closed"),
    guided.UnsatisfiableConstraint("nothing is left", "minimum and maximum"),
    guided.ConstraintTooComplex("states", 10, "max_states", "/a"),
    guided.CacheFull("full"),
    guided.InputError("wrong"),
    raised(lambda: guided.Template("{{ gen( }}")),
    raised(lambda: guided.Grammar("root")),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"])
def test_an_error_is_the_same_elsewhere(error, again):
    other = again(error)
    assert type(other) is type(error)
    assert (str(other), other.args) == (str(error), error.args)
    assert other.__dict__.keys() == error.__dict__.keys()


def test_every_error_is_tried_that_is_made_with_more_than_a_text():
    kinds = [getattr(errors, name) for name in errors.__all__]
    special = {kind for kind in kinds if "__init__" in vars(kind)}
    assert special <= {kind for error in MADE for kind in type(error).__mro__}


class Point(pydantic.BaseModel):
    x: int
    y: float = 0.1


CONSTRAINTS = [
    guided.JsonSchema(
        {"type": "object", "properties": {"a": {"multipleOf": 0.1}}, "required": ["a"]}, whitespace="dumps"
    ),
    guided.JsonSchema(True),
    guided.JsonSchema(Point, order="any"),
    guided.constraint(list[int]),
    guided.Choice(["a", "b"]),
    guided.Seq("a", guided.Regex("b+") | guided.Choice(["c"])),
    guided.Grammar('root ::= "a" root | "b"'),
]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda constraint: type(constraint).__name__)
def test_a_constraint_is_the_same_elsewhere(constraint):
    other = pickle.loads(pickle.dumps(constraint))
    assert other == constraint
    assert repr(other) == repr(constraint)


def test_a_result_is_the_same_elsewhere():
    with guided.load_model() as model:
        results = model.generate_batch(["A ", "B "], constraint=[guided.JsonSchema(Point), int], max_tokens=60)
        results += model.generate_batch(["C "], constraint=guided.Regex("[a-z]{50}"), max_tokens=5)
    for result in results:
        other = pickle.loads(pickle.dumps(result))
        assert (other.text, other.tokens, other.finish_reason) == (result.text, result.tokens, result.finish_reason)
        assert type(other.error) is type(result.error)
        if result.error is None:
            assert other.value == result.value
