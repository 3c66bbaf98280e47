"""Programs in Python: the same decoders, a text that grows call by call."""

from __future__ import annotations

import pytest

from guided.constraints import Regex
from guided.errors import BudgetTooSmall, GenerationError, GuidedError, InputError
from guided.program import Session, readable, run_html, segments
from guided.runtime.scheduler import Scheduler


@pytest.fixture
def session(engine_of, vocab_of):
    def make(says="", *, chat=False, words=None, seed=0):
        vocab = vocab_of(chat=chat) if words is None else vocab_of(words, chat=chat)
        engine = engine_of(vocab, says=says, seed=seed)
        return Session(engine, Scheduler(engine), seed=seed)

    return make


def test_text_and_holes(session):
    s = session('n="ab", m=12;')
    s.text('n="')
    assert s.gen("n", stop='"') == "ab"
    s.text('", m=')
    assert s.gen("m", type="int") == 12
    assert str(s) == 'n="ab", m=12'
    assert s.captures == {"n": "ab", "m": 12}
    assert s["n"] == "ab"


def test_whatever_cannot_go_on_ends_a_hole_whose_following_text_is_unknown(session):
    s = session("m=12; and")
    s.text("m=")
    assert s.gen("m", regex="[0-9]+") == "12"
    s.text(";")
    assert str(s) == "m=12;"


def test_the_longest_complete_text_is_taken(session):
    s = session("m=1.x")
    s.text("m=")
    assert s.gen("m", regex=r"[0-9]+(\.[0-9]+)?") == "1"


def test_select_has_a_distribution(session):
    s = session()
    s.text("I said ")
    taken = s.select("a", ["no", "nothing"])
    probabilities = s.distribution("a")
    assert taken == max(probabilities, key=probabilities.get)
    assert sum(probabilities.values()) == pytest.approx(1)


def test_a_fork_goes_its_own_way(session):
    s = session(seed=4)
    s.text("x")
    s.gen("a", regex="[a-z]{2}")
    other = s.fork()
    s.text(" one ")
    other.text(" two ")
    s.gen("b", regex="[a-z]{2}")
    other.gen("b", regex="[a-z]{2}")
    assert str(s) == f"x{s['a']} one {s['b']}"
    assert str(other) == f"x{s['a']} two {other['b']}"


def test_a_session_gives_its_sequences_back(session):
    s = session()
    s.text("x")
    s.gen("a", regex="[a-z]{2}")
    other = s.fork()
    s.close()
    other.close()
    assert s._engine.num_open == 0
    s.text(" more")
    assert len(s.gen("b", regex="[a-z]{2}")) == 2


def test_roles(session):
    s = session(chat=True)
    with s.user():
        s.text("hi <|end|>")
    with s.assistant():
        s.gen("a", regex="[a-z]{2}")
    tokens = [*s._state.text.seq.tokens, *s._state.text.pending]
    assert sum(s._engine.vocab.tokens[t] is None for t in tokens) == 4
    assert str(s) == "hi <|end|>" + s["a"]


def test_a_beam_block_is_one_search(session):
    s = session(words=())
    s.text("p")
    with s.beam(n=20):
        first = s.gen("a", regex="[ab]{1,2}")
        s.text(";")
        s.gen("b", regex="[cd]")
        for use in (str, bool, len, lambda v: v + "x", lambda v: v == "x", lambda v: f"{v}"):
            with pytest.raises(GenerationError, match="after the block"):
                use(first)
        with pytest.raises(GuidedError):
            s["a"]
    assert str(s) == f"p{s['a']};{s['b']}"


def test_a_beam_block_may_keep_several_texts(session):
    s = session(words=())
    s.text("p")
    with s.beam(n=20, keep=3):
        s.gen("a", regex="[ab]{1,2}")
        s.text(";")
        s.gen("b", regex="[cd]")
    assert str(s) == f"p{s['a'][0]};{s['b'][0]}"
    assert len(set(zip(s["a"], s["b"], strict=True))) == 3
    with pytest.raises(GuidedError, match="keep=3 is more than n=2"), s.beam(n=2, keep=3):
        s.gen("c", regex="[ab]")


def test_a_failed_call_leaves_the_session_as_it_was(session):
    s = session()
    s.text("x")
    s.gen("a", regex="[a-z]{2}")
    before = str(s)
    with pytest.raises(BudgetTooSmall):
        s.gen("b", regex="[a-z]{9}", max_tokens=2)
    assert str(s) == before
    assert len(s.gen("b", regex="[a-z]{3}")) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.text(3),
        lambda s: s.gen("a", type="nothing"),
        lambda s: s.gen("a", regex="a", constraint=Regex("a")),
        lambda s: s.gen("a", maxtokens=3),
        lambda s: s["nothing"],
        lambda s: s.distribution("nothing"),
    ],
)
def test_wrong_arguments(session, call):
    with pytest.raises(InputError):
        call(session())


def test_a_trace_and_its_html(session):
    s = session('n="a<b"')
    s.text('n="')
    s.gen("n", stop='"')
    assert readable(segments(s.pieces)) == '[n="] a < b .'
    page = run_html(s.pieces)
    assert "&lt;" in page
    assert "a<b" not in page
    assert "script" not in page
