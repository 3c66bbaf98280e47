"""What a session is asked for is checked before anything is computed, and named where it is wrong."""

from __future__ import annotations

import pytest

import guided


@pytest.fixture
def session(model):
    session = model.session()
    session.text("Name: ")
    return session


GEN = [
    ({"max_tokens": 0}, "max_tokens is from 1"),
    ({"max_tokens": "5"}, "max_tokens is an integer, not '5'"),
    ({"max_tokens": True}, "max_tokens is an integer"),
    ({"temperature": -1}, "temperature is from 0"),
    ({"temperature": "hot"}, "temperature is a number, not 'hot'"),
    ({"temperature": float("nan")}, "temperature is from 0 to 100, not nan"),
    ({"top_k": 0}, "top_k is from 1"),
    ({"top_p": 1.5}, "top_p is from 0 to 1"),
    ({"min_p": -0.1}, "min_p is from 0 to 1"),
    ({"repetition_penalty": 0}, "repetition_penalty is from"),
    ({"presence_penalty": "a"}, "presence_penalty is a number"),
    ({"frequency_penalty": float("nan")}, "frequency_penalty is from"),
    ({"logit_bias": 3}, "logit_bias maps tokens"),
    ({"logit_bias": {5: float("inf")}}, "logit_bias: inf for 5 is out of range"),
    ({"logit_bias": {5: 1e300}}, "is out of range"),
    ({"logit_bias": {"\ud800": 1}}, "not valid Unicode"),
    ({"min_tokens": 20, "max_tokens": 10}, "min_tokens=20 is more than max_tokens=10"),
    ({"min_tokens": -1}, "min_tokens is from 0"),
    ({"n": 0}, "n is from 1"),
    ({"stop": [""]}, "stop is a text or several"),
    ({"stop": "\ud800"}, "not valid Unicode"),
    ({"token_healing": "no"}, "token_healing is true or false"),
    ({"canonical": 1}, "canonical is true or false"),
    ({"logprobs": "yes"}, "logprobs is true or false"),
    ({"keep_stop": "yes"}, "keep_stop is true or false"),
    ({"normalize": "length"}, "unknown argument 'normalize'"),
    ({"constraint": 3}, "constraint is a guided constraint or a Python type, not int"),
    ({"constraint": "[a-z]"}, "guided.Regex"),
]


@pytest.mark.parametrize(("arguments", "message"), GEN, ids=lambda value: str(value)[:40])
def test_a_gen_that_cannot_be(model, session, arguments, message):
    before = model.stats.forward_calls
    with pytest.raises(guided.InputError, match=message):
        session.gen("x", **arguments)
    assert model.stats.forward_calls == before
    assert str(session) == "Name: "


SELECT = [
    ([], {}, "no options"),
    ("ab", {}, r"a list \(write select"),
    (["a", "a"], {}, "'a' is given twice"),
    ([""], {}, "empty text"),
    (["\ud800", "b"], {}, "not valid Unicode"),
    ([b"a", "b"], {}, "an option is a text"),
    (["a", "b"], {"temperature": "x"}, "temperature is a number"),
    (["a", "b"], {"normalize": "x"}, "normalize is 'length'"),
    (["a", "b"], {"top_k": 3}, "unknown argument 'top_k'; the options of a select are temperature"),
]


@pytest.mark.parametrize(("options", "how", "message"), SELECT, ids=lambda value: str(value)[:40])
def test_a_select_that_cannot_be(session, options, how, message):
    with pytest.raises(guided.InputError, match=message):
        session.select("x", options, **how)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_name_is_a_text(session, name):
    with pytest.raises(guided.InputError, match="has a name"):
        session.gen(name)
    with pytest.raises(guided.InputError, match="has a name"):
        session.select(name, ["a", "b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n of a beam is an integer of at least 1, not 0"),
        ({"n": 1.5}, "n of a beam"),
        ({"n": 2, "keep": "all"}, "keep of a beam"),
        ({"n": 2, "length_penalty": float("nan")}, "length_penalty of a beam is a number"),
        ({"n": 2, "fixed_weight": "x"}, "fixed_weight of a beam is a number"),
    ],
)
def test_a_beam_that_cannot_be(session, arguments, message):
    with pytest.raises(guided.InputError, match=message), session.beam(**arguments):
        session.gen("x", regex="[a-z]{2}")
    assert session.gen("x", regex="[a-z]{2}")


def test_none_leaves_an_option_as_it_is(session):
    other = session.fork()
    expected = session.gen("x", regex="[a-z]{2,5}")
    assert other.gen("x", regex="[a-z]{2,5}", temperature=None, stop=None, top_p=None, token_healing=None) == expected


def test_a_python_type_is_a_constraint_too(session):
    assert isinstance(session.gen("x", constraint=int, max_tokens=3), int)


def test_seeds_tell_sessions_and_forks_apart(model):
    def written(session):
        session.text("Name: ")
        return session.gen("x", regex="[A-Za-z]{8}", temperature=2.0)

    assert len({written(model.session(seed=seed)) for seed in range(6)}) > 3
    assert written(model.session(seed=4)) == written(model.session(seed=4))
    base = model.session(seed=4)
    assert written(base.fork()) == written(base.fork())
    assert len({written(base.fork(seed=seed)) for seed in range(6)}) > 3
    with pytest.raises(guided.InputError, match="seed is an integer"):
        model.session(seed=-1)
    with pytest.raises(guided.InputError, match="seed is an integer"):
        base.fork(seed="x")


def test_each_call_of_a_session_has_its_deadline(model):
    session = model.session(timeout=0.05)
    session.text("Name: ")
    with pytest.raises(guided.DeadlineExceeded):
        session.gen("x", regex="[a-z]{600}")
    assert str(session) == "Name: "
    with pytest.raises(guided.InputError, match="timeout=-1"):
        model.session(timeout=-1)
    with pytest.raises(guided.InputError, match="priority"):
        model.session(priority="high")


def test_a_session_is_a_context_manager():
    with guided.load_model() as model:
        with model.session() as session:
            session.text("Name: ")
            session.gen("x", regex="[a-z]{2}")
            assert model.cache_stats.num_live > 0
            assert repr(session) == "<guided session: 8 characters, captured: x>"
        assert model.cache_stats.num_live == 0
        assert session["x"] == str(session)[-2:]


def test_places_where_no_session_can_be(model, session, tmp_path):
    with pytest.raises(guided.InputError, match="cannot be saved in"):
        session.save(tmp_path / "nowhere" / "s")
    with pytest.raises(guided.InputError, match="cannot be saved as"):
        session.save(tmp_path)
    for path in (None, 3, ""):
        with pytest.raises(guided.InputError, match="give its path"):
            model.restore(path)
    assert not list(tmp_path.iterdir())
