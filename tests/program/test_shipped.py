"""The shipped model and the shipped templates: forwards, healing and beams as promised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guided.lang import parse
from guided.lang.start import load_tools
from guided.program import compile_program
from guided.runtime.hole_score import score_pending
from guided.runtime.hole_text import HOLE, OUTSIDE, TextState, append_ids, append_text, take
from guided.runtime.load import load_engine
from guided.runtime.scheduler import Scheduler
from guided.source import Source

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


@pytest.fixture(scope="module")
def engine():
    made = load_engine()
    yield made
    made.shutdown()


def run(engine, text, inputs=None, **more):
    program = compile_program(parse(Source(text, "shipped.guided")))
    before = engine.stats.forward_calls
    result = Scheduler(engine).run_one(program.row(engine, inputs or {}, tools=load_tools(program.file), **more))
    assert result.error is None
    return result, engine.stats.forward_calls - before


@pytest.mark.parametrize("name", ["character", "extract", "classify", "link", "react"])
def test_forwards_are_at_most_sampled_tokens_and_one(engine, name):
    result, calls = run(engine, (TEMPLATES / f"{name}.guided").read_text())
    assert calls <= result.num_sampled + 1


@pytest.mark.parametrize("name", ["character", "joke"])
def test_what_is_cached_changes_nothing(engine, name):
    text = (TEMPLATES / f"{name}.guided").read_text()
    first, _ = run(engine, text, seed=5, logprobs=True)
    again, _ = run(engine, text, seed=5, logprobs=True)
    assert again.text == first.text
    for hole, capture in first.captures.items():
        assert again.captures[hole].logprob == pytest.approx(capture.logprob, abs=1e-3)


def test_an_address_is_healed(engine):
    text = (TEMPLATES / "link.guided").read_text()
    healed, _ = run(engine, text)
    assert healed.values["rest"].startswith("//")
    assert any(token.kind == "healed" for piece in healed.pieces for token in piece.tokens)
    plain, _ = run(engine, text, defaults={"token_healing": False})
    assert not any(token.kind == "healed" for piece in plain.pieces for token in piece.tokens)


def score(engine, result):
    """log p of what was searched: from `Q:` to the end of the visible text."""
    vocab, text, mark = engine.vocab, TextState(), OUTSIDE
    last = max(i for i, piece in enumerate(result.pieces) if piece.hole == "punchline")
    for piece in result.pieces[: last + 2]:
        if piece.provenance == "control":
            text = append_ids(vocab, text, vocab.encode_trusted(piece.text), mark)
            continue
        mark = HOLE if "Q:" in piece.text else mark
        text = append_text(text, piece.text.encode(), mark)
    text = take(vocab, text, vocab.encode(text.tail), len(text.tail))
    return Scheduler(engine).run_one(score_pending(engine, text, close=True))


def test_a_beam_over_two_holes_beats_greedy(engine):
    text = (TEMPLATES / "joke.guided").read_text()
    greedy_text = re.sub(r"\{% (?:end)?beam[^%]*%\}\n?", "", text)
    gain = []
    for topic in ("horse", "cat", "clock", "teacher"):
        scores = []
        for template in (text.replace("n=4", "n=8"), greedy_text):
            result, _ = run(engine, template, {"topic": topic})
            scores.append(score(engine, result))
        gain.append(scores[0] - scores[1])
    assert sum(gain) > 0.5
