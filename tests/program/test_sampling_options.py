"""Penalties, biases, lengths and samples, at a hole: against an engine whose logits are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

import guided
from guided.program import GenerateRequest, generate_row
from guided.runtime.bias import Penalties, bias_ids
from guided.runtime.engine import Bias, Policy
from guided.runtime.sampling import choose, choose_from_all
from guided.runtime.scheduler import Scheduler
from guided.template import Template


@pytest.fixture
def generate(engine_of, vocab):
    def run(prompt="Text: ", seed=0, **options):
        engine = engine_of(options.pop("vocab", vocab), seed=seed)
        made = Scheduler(engine).run_one(generate_row(engine, GenerateRequest(prompt=prompt, seed=seed, **options)))
        assert engine.num_open == 0
        return made, engine

    return run


def expected_greedy(engine, prompt, count, change):
    """The most likely tokens when `change(logits, prompt, generated)` is what they are chosen by."""
    tokens, out = engine.vocab.encode(prompt.encode()), []
    for _ in range(count):
        logits = change(engine.logits_after(tuple(tokens + out)).copy(), tokens + out, out)
        logits[[i for i, data in enumerate(engine.vocab.tokens) if data is None]] = -np.inf
        out.append(int(logits.argmax()))
    return out


def repetition(logits, before, generated):
    for token in set(before):
        logits[token] = logits[token] / 1.7 if logits[token] > 0 else logits[token] * 1.7
    return logits


def presence_and_frequency(logits, before, generated):
    for token in set(generated):
        logits[token] -= 2.0 + 1.5 * generated.count(token)
    return logits


def bias(logits, before, generated):
    logits[5] += 6.5
    logits[17] = -np.inf
    return logits


@pytest.mark.parametrize(
    ("penalties", "change"),
    [
        (Penalties(repetition=1.7), repetition),
        (Penalties(presence=2.0, frequency=1.5), presence_and_frequency),
        (Penalties(logit_bias=((5, 6.5), (17, -math.inf))), bias),
    ],
    ids=["repetition", "presence and frequency", "bias"],
)
@pytest.mark.parametrize("seed", range(4))
def test_penalties_are_what_they_are_said_to_be(generate, penalties, change, seed):
    letters = guided.Regex("(?s).{90}")
    made, engine = generate(
        seed=seed, constraint=letters, max_tokens=400, penalties=penalties, token_healing=False, prompt="aaaa"
    )
    wanted = expected_greedy(engine, "aaaa", 8, change)
    plain, _ = generate(seed=seed, constraint=letters, max_tokens=400, token_healing=False, prompt="aaaa")
    sampled = [token.id for token in made.trace][:8]
    valid = next((i for i, token in enumerate(wanted) if (engine.vocab.tokens[token] or b"\xff")[0] > 127), 8)
    assert sampled[:valid] == wanted[:valid]
    assert [token.id for token in made.trace] != [token.id for token in plain.trace] or valid < 2


def test_log_p_is_that_of_the_model_whatever_is_added():
    logits = np.array([1.0, 2.0, 0.5, -1.0], np.float32)
    ids = np.array([0], np.int32)
    biased = Bias(ids, np.array([9.0], np.float32), np.zeros(0, np.int32))
    allowed = np.array([True, True, False, True])
    choice = choose_from_all(logits, allowed, Policy(bias=biased, logprobs=True))
    total = np.log(np.exp(logits.astype(float)).sum())
    assert choice.tokens.tolist() == [0]
    assert choice.logprobs[0] == pytest.approx(1.0 - total)
    assert choice.log_allowed_mass == pytest.approx(np.log(np.exp([1.0, 2.0, -1.0]).sum()) - total)


def test_the_sparse_head_and_the_whole_one_choose_the_same_under_a_bias():
    rng = np.random.default_rng(0)
    for trial in range(200):
        logits = rng.normal(0, 2, 64).astype(np.float32)
        allowed = rng.random(64) < 0.3
        allowed[rng.integers(64)] = True
        ids = np.flatnonzero(allowed).astype(np.int32)
        some = np.unique(rng.integers(0, 64, 6)).astype(np.int32)
        bias = Bias(some, rng.normal(0, 3, len(some)).astype(np.float32), some[::2].copy(), 1.3)
        policy = Policy(temperature=0.8 * (trial % 2), top_p=0.9, uniform=rng.random(), bias=bias)
        assert choose(logits[ids], ids, policy).tokens == choose_from_all(logits, allowed, policy).tokens


def test_forbidding_all_that_may_come_is_said():
    everything = Bias(np.arange(3, dtype=np.int32), np.full(3, -np.inf, np.float32), np.zeros(0, np.int32))
    with pytest.raises(guided.GenerationError, match="forbids every token"):
        choose(np.ones(3, np.float32), np.arange(3, dtype=np.int32), Policy(bias=everything))


def test_a_bias_is_given_by_id_or_by_text_that_is_one_token(vocab):
    crossbow = vocab.encode(b" crossbow")[0]
    assert bias_ids(vocab, {" crossbow": 2, 3: -1}) == ((3, -1.0), (crossbow, 2.0))
    for bad, part in (
        ({"two words": 1}, "tokens of this vocabulary"),
        ({10**6: 1}, "there is no token"),
        ({-1: 1}, "no token -1"),
    ):
        with pytest.raises(guided.InputError, match=part):
            bias_ids(vocab, bad)


# min_tokens.


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 5, 20])
def test_a_text_has_at_least_min_tokens(generate, seed, count):
    options = {"temperature": 1.5, "max_tokens": 60}
    for more in ({}, {"stop": ("a", "e", " ", "1")}, {"constraint": guided.Regex("[a-z ]*")}):
        made, engine = generate(seed=seed, min_tokens=count, **options, **more)
        assert len(made.tokens) >= count
        assert not any(token in engine.vocab.eos_ids for token in made.tokens)


def test_a_constraint_that_is_at_its_end_ends_before_min_tokens(generate):
    made, _ = generate(constraint=guided.Regex("ab?"), min_tokens=30, max_tokens=40)
    assert (made.text, made.finish_reason) == ("ab", "stop")


def test_a_stop_counts_once_the_text_is_long_enough(engine_of, vocab):
    engine = engine_of(vocab, says="x: one. two. three. four. five.")
    request = GenerateRequest(prompt="x:", stop=(".",), min_tokens=8, max_tokens=60)
    assert Scheduler(engine).run_one(generate_row(engine, request)).text == " one. two"


def test_min_tokens_holds_in_a_template_too(play):
    run = play(
        'A {{ gen("x", stop="!", min_tokens=6, max_tokens=40) }}! {{ gen("y", regex="[a-c]{2}") }}',
        says="A b! cdefghi! ab",
    )
    assert run.result.values == {"x": "b! cdefghi", "y": "ab"}


# n.


def test_a_hole_with_n_gives_a_list_and_goes_on_with_the_first(play):
    text = 'A {{ gen("x", regex="[a-z]{3}", n=4, temperature=2.0) }}-{{ gen("y", regex="[0-9]{2}") }}'
    run = play(text, seed=3)
    samples = run.result.values["x"]
    assert len(samples) == 4
    assert len(set(samples)) > 1
    assert run.result.text == f"A {samples[0]}-{run.result.values['y']}"
    single = play(text.replace(", n=4", ""), seed=3)
    assert single.result.values["x"] == samples[0]
    assert single.calls >= run.calls - 6  # side by side, not one after the other
    assert Template(text).captures["x"].type == "string[]"


def test_n_is_refused_inside_of_a_beam(play):
    run = play('{% beam n=2 %}{{ gen("x", regex="[a-z]{3}", n=2) }}{% endbeam %}')
    assert "leave n out" in str(run.result.error)


def test_samples_and_penalties_through_the_model():
    with guided.load_model() as model:
        result = model.generate("A text: ", temperature=1.0, max_tokens=12, n=3, logprobs=True, frequency_penalty=1.5)
        assert len(result.samples) == 3
        assert result.log_allowed_mass is not None
        assert result.log_allowed_mass <= 0
        token = next(token for token in result.trace if token.kind != "forced")
        assert token.masked_logprob >= token.logprob
        session = model.session()
        session.text("A word: ")
        words = session.gen("words", regex="[a-z]{4}", n=3, temperature=1.5, repetition_penalty=1.2)
        assert len(words) == 3
        assert str(session) == f"A word: {words[0]}"
        forbidden = model.generate("Once", max_tokens=8, logit_bias=dict.fromkeys(range(300, 400), -math.inf))
        assert not set(forbidden.tokens) & set(range(300, 400))
        for bad in (
            {"repetition_penalty": 0},
            {"logit_bias": [3]},
            {"logit_bias": {3: "x"}},
            {"min_tokens": 200},
            {"presence_penalty": 1e9},
        ):
            with pytest.raises(guided.InputError):
                model.generate("a", **bad)
