"""Errors go between processes as they are."""

from __future__ import annotations

import copy
import pickle

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
