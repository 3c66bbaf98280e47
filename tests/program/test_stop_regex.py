"""Stops that are patterns: the text ends before the match that is complete first, exactly, whatever the tokens are."""

from __future__ import annotations

import random
import re

import pytest

from guided.constraints import Regex
from guided.errors import ConstraintError, TemplateSyntaxError
from guided.program import TextAppended
from guided.runtime.hole import HoleRequest, decode_hole
from guided.runtime.hole_cuts import Cuts, Follow
from guided.runtime.hole_text import append_text, start
from guided.runtime.scheduler import Scheduler


def first_stop(pattern: str, text: str) -> tuple[int, int] | None:
    """Where the match that is complete first begins and ends; of those that end there, the one that begins first."""
    for end in range(1, len(text) + 1):
        for begin in range(end):
            if re.fullmatch(pattern, text[begin:end]):
                return begin, end
    return None


PATTERNS = [
    r"\n+- ",
    r"[.!?] ",
    r"\d{3}",
    r"(no|nothing)x?",
    r"the (cross|island)",
    r"a.*b",
    r"é+;",
    r"\s*\n\s*\n",
    r"q[^q]*q",
]
TEXTS = [
    " is nothing the island",
    " a\n\n- the sword. no",
    "12 123 1234",
    "the crossbow éé; a  b",
    " http://x.y? the  \n \n q",
    "quite a quiet island bb",
    "plain",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("keep", [False, True])
def test_the_text_ends_at_the_first_match(pattern, keep, engine_of, vocab):
    for text in TEXTS:
        engine = engine_of(vocab, says="say" + text)
        request = HoleRequest(
            constraint=Regex(r"(?s).*"), stop_regex=Regex(pattern), keep_stop=keep, max_tokens=60, token_healing=False
        )
        made = Scheduler(engine).run_one(decode_hole(engine, append_text(start(vocab), b"say"), request))
        found = first_stop(pattern, text)
        expected = text if found is None else text[: found[1 if keep else 0]]
        assert made.text.decode() == expected, text
        assert made.finish_reason == "stop"


def test_it_does_not_matter_how_the_bytes_come(vocab):
    """Cuts by bytes: any split of the text into tokens gives the same end, and what is certain is never taken back."""
    rng = random.Random(3)
    own = Regex(r"(?s).*").compile(vocab)
    for pattern in PATTERNS:
        follow = Follow("stop", grammar=Regex(pattern).compile(vocab))
        for text in TEXTS:
            data, found = text.encode(), first_stop(pattern, text)
            for _ in range(4):
                cuts, at, certain = Cuts(own.matcher(), [follow], 1), 0, 0
                while at < len(data) and cuts.end is None:
                    size = rng.randint(1, 6)
                    cuts, at = cuts.feed(data[at : at + size]), at + size
                    assert cuts.certain >= certain
                    certain = cuts.certain
                if found is None:
                    assert cuts.end is None
                    assert cuts.best_cut() == len(data)
                else:
                    assert cuts.end is not None
                    assert (cuts.end.cut, cuts.end.stop) == tuple(len(text[:i].encode()) for i in found)
                    assert certain <= cuts.end.cut


def test_a_pattern_that_waits_costs_little(vocab):
    """One open match per state of the pattern, not one per byte."""
    follow = Follow("stop", grammar=Regex("(?s)a.*z").compile(vocab))
    cuts = Cuts(Regex("(?s).*").compile(vocab).matcher(), [follow], 1)
    cuts = cuts.feed(b"a" * 3000)
    assert len(cuts.open) == 1
    assert cuts.certain == 0
    cuts = cuts.feed(b"z")
    assert cuts.end is not None
    assert (cuts.end.cut, cuts.end.stop) == (0, 3001)


def test_streaming_holds_back_what_may_be_a_stop(play):
    run = play('{{ gen("x", stop_regex="nothing|;+!") }}.', says="say no;; is nothing.")
    told = [event.text for event in run.events if isinstance(event, TextAppended)]
    assert "".join(told) == run.result.text == "say no;; is ."
    assert not any("nothing" in text for text in told)


def test_stops_of_both_kinds_stand_side_by_side(play):
    assert play('{{ gen("x", stop="is", stop_regex="[0-9]+") }}', says="the island 7").result.values["x"] == "the "
    assert play('{{ gen("x", stop="is", stop_regex="[0-9]+") }}', says="no 7 is").result.values["x"] == "no "


def test_a_stop_waits_for_a_complete_text(play):
    run = play('{{ gen("x", regex="[0-9]+(;[0-9]+)*", stop_regex=";;?") }}', says="1;;2")
    assert run.result.values["x"] == "1"


def test_a_pattern_of_nothing_is_refused(engine_of, vocab):
    engine = engine_of(vocab, says="x")
    request = HoleRequest(constraint=Regex(".*"), stop_regex=Regex("a*"))
    with pytest.raises(ConstraintError, match="stop_regex matches the empty text"):
        Scheduler(engine).run_one(decode_hole(engine, append_text(start(vocab), b"say"), request))


def test_a_pattern_is_checked_where_it_stands(compiled):
    with pytest.raises(TemplateSyntaxError, match="this parenthesis is never closed"):
        compiled('{{ gen("x", stop_regex="(a") }}')
    with pytest.raises(TemplateSyntaxError, match="'stop_regex' matches the empty text"):
        compiled('{{ gen("x", stop_regex="a*") }}')
