"""Scripted beams against exhaustive enumeration, and what a beam leaves behind."""

from __future__ import annotations

import itertools
import math

import pytest

from guided.errors import TemplateRuntimeError

TWO_HOLES = 'p:{% beam n=WIDTH %}q{{ gen("a", regex="[ab]{1,2}") }};{{ gen("b", regex="[cd]{2}") }}!{% endbeam %}'


def log_probability(engine, prefix: bytes, text: bytes) -> list[float]:
    """log p of each byte of `text` after `prefix`, one token per byte."""
    tokens = engine.vocab.encode(prefix)
    out = []
    for token in engine.vocab.encode(text):
        out.append(float(engine.logprobs_after(tokens)[token]))
        tokens = [*tokens, token]
    return out


def exhaustive(engine, a=0.0, b=1.0):
    """The best pair of the two-hole region by the score of the design."""
    best = (-math.inf, None)
    firsts = ["".join(x) for n in (1, 2) for x in itertools.product("ab", repeat=n)]
    for first, second in itertools.product(firsts, ["".join(x) for x in itertools.product("cd", repeat=2)]):
        parts = log_probability(engine, b"p:", f"q{first};{second}!".encode())
        inside = parts[1 : 1 + len(first)] + parts[2 + len(first) : 4 + len(first)]
        fixed = [parts[0], parts[1 + len(first)], parts[-1]]
        score = sum(inside) / len(inside) ** a + b * sum(fixed)
        best = max(best, (score, (first, second)))
    return best


@pytest.mark.parametrize("seed", range(10))
def test_a_wide_beam_finds_the_best_text(play, seed):
    run = play(TWO_HOLES.replace("WIDTH", "40"), words=(), seed=seed)
    assert run.result.error is None
    assert (run.result.values["a"], run.result.values["b"]) == exhaustive(run.engine)[1]


@pytest.mark.parametrize("seed", range(6))
def test_a_length_penalty_and_a_weight_of_fixed_text(play, seed):
    template = TWO_HOLES.replace("n=WIDTH", "n=40, length_penalty=0.7, fixed_weight=0.3")
    run = play(template, words=(), seed=seed)
    assert (run.result.values["a"], run.result.values["b"]) == exhaustive(run.engine, 0.7, 0.3)[1]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_are_the_best_texts_in_order(play, seed):
    template = TWO_HOLES.replace("n=WIDTH", "n=40, keep=5") + '{{ gen("after", regex="[ef]") }}'
    run = play(template, words=(), seed=seed)
    assert run.result.error is None
    texts = [(a, b) for n in (1, 2) for a in map("".join, itertools.product("ab", repeat=n)) for b in pairs_of("cd")]
    scores = {(a, b): sum(log_probability(run.engine, b"p:", f"q{a};{b}!".encode())) for a, b in texts}
    best = sorted(texts, key=scores.get, reverse=True)[:5]
    assert list(zip(run.result.values["a"], run.result.values["b"], strict=True)) == best
    assert run.result.text == f"p:q{best[0][0]};{best[0][1]}!{run.result.values['after']}"


def pairs_of(letters):
    return ["".join(pair) for pair in itertools.product(letters, repeat=2)]


def test_fewer_are_kept_where_there_are_fewer(play):
    run = play('p{% beam n=9, keep=9 %}{{ gen("b", regex="[0-3]", type=int) }}{% endbeam %}', words=())
    assert sorted(run.result.values["b"]) == [0, 1, 2, 3]


def test_a_kept_text_without_a_capture_has_none_for_it(play):
    template = (
        'p{% beam n=9, keep=9 %}{{ gen("a", regex="[xy]") }}{% if a == "x" %}{{ gen("b", regex="[01]") }}{% endif %}'
        "{% endbeam %}"
    )
    values = play(template, words=()).result.values
    assert sorted(zip(values["a"], map(str, values["b"]), strict=True)) == [("x", "0"), ("x", "1"), ("y", "None")]


def test_a_list_that_is_appended_to_is_that_of_the_best_text(play):
    template = (
        '{% loop max=2 %}p{% beam n=4, keep=2 %}{{ gen("a", regex="[0-3]", append="all") }}{% endbeam %}{% endloop %}'
    )
    run = play(template, words=())
    assert run.result.text == "".join(f"p{value}" for value in run.result.values["all"])
    assert len(run.result.values["a"]) == 2
    assert run.result.values["a"][0] == run.result.values["all"][-1]


def test_keeping_more_than_are_followed_is_refused(play):
    template = '{% set k = 3 %}{% beam n=2, keep=k %}{{ gen("b", regex="[0-3]") }}{% endbeam %}'
    assert "keep=3 is more than n=2" in str(play(template, words=()).result.error)


def test_a_beam_finds_likelier_texts_than_greedy(play):
    plain = TWO_HOLES.replace("{% beam n=WIDTH %}", "").replace("{% endbeam %}", "")
    gain = 0.0
    for seed in range(12):
        greedy = play(plain, words=(), seed=seed)
        gain += score(play(TWO_HOLES.replace("WIDTH", "5"), words=(), seed=seed)) - score(greedy)
    assert gain > 1


def score(run):
    return sum(log_probability(run.engine, b"p:", run.result.text.encode()[2:]))


def test_a_wave_is_one_forward_for_all_hypotheses(play):
    run = play('p:{% beam n=4 %}{{ gen("a", regex="[a-z]{3}") }}.{% endbeam %}', words=())
    assert run.calls <= 5  # three tokens, what stands before, and the score of the end


def test_the_text_goes_on_after_the_region(play):
    run = play('p:{% beam n=3 %}{{ gen("a", regex="[ab]{2}") }};{% endbeam %} then {{ gen("c", regex="[0-9]{2}") }}')
    assert run.result.error is None
    assert run.result.text == f"p:{run.result.values['a']}; then {run.result.values['c']}"


def test_hypotheses_may_take_different_ways(play):
    repeat = '{% repeat "xs", min=1, max=3, sep="," %}{{ gen("x", regex="[ab]") }}{% endrepeat %}'
    template = f"p{{% beam n=6 %}}{repeat}.{{% endbeam %}}"
    run = play(template, words=())
    assert run.result.text == "p" + ",".join(run.result.values["xs"]) + "."
    texts = [",".join(x) for n in (1, 2, 3) for x in itertools.product("ab", repeat=n)]
    best = max(texts, key=lambda t: sum(log_probability(run.engine, b"p", f"{t}.".encode())))
    wide = play(template.replace("n=6", "n=60"), words=())
    assert wide.result.text == f"p{best}."


def test_select_in_a_beam_sees_what_comes_later(play):
    template = 'p{% beam n=9 %}{{ select("a", ["x", "y", "z"]) }}{{ gen("b", regex="[0-3]") }}{% endbeam %}'
    run = play(template, words=())
    texts = ["".join(t) for t in itertools.product("xyz", "0123")]
    assert run.result.text[1:] == max(texts, key=lambda t: sum(log_probability(run.engine, b"p", t.encode())))


def test_where_kills_a_hypothesis(play):
    free = play('p{% beam n=9 %}{{ gen("b", regex="[0-3]") }}{% endbeam %}', words=()).result.values["b"]
    other = play(
        f'p{{% beam n=9 %}}{{{{ gen("b", regex="[0-3]", where=[it.upper() != "{free}"]) }}}}{{% endbeam %}}', words=()
    )
    assert other.result.error is None
    assert other.result.values["b"] != free


def test_no_hypothesis_left_is_an_error(play):
    run = play('p{% beam n=4 %}{{ gen("b", regex="[0-3]", where=[it.upper() == "7"]) }}{% endbeam %}', words=())
    assert isinstance(run.result.error, TemplateRuntimeError)


def test_a_beam_inside_a_beam_is_refused(play):
    run = play('{% beam n=2 %}a{% beam n=2 %}{{ gen("b", regex="[0-3]") }}{% endbeam %}{% endbeam %}')
    assert "inside of a beam" in str(run.result.error)


@pytest.mark.parametrize("seed", range(12))
def test_equal_texts_merge(play, seed):
    """A text of two spellings counts with the probability of both."""
    run = play('p{% beam n=30 %}{{ gen("a", regex="no|x|y") }}.{% endbeam %}', words=("no",), seed=seed)
    engine, vocab = run.engine, run.engine.vocab
    scores = {}
    for text in ("no", "x", "y"):
        ways = []
        for spelling in spellings(vocab, text.encode()):
            tokens, total = vocab.encode(b"p"), 0.0
            for token in [*spelling, *vocab.encode(b".")]:
                total += float(engine.logprobs_after(tokens)[token])
                tokens = [*tokens, token]
            ways.append(total)
        scores[text] = math.log(sum(math.exp(total) for total in ways))
    assert run.result.values["a"] == max(scores, key=scores.get)


def spellings(vocab, text):
    if not text:
        return [[]]
    return [
        [t, *rest]
        for t, data in enumerate(vocab.tokens)
        if data and text.startswith(data)
        for rest in spellings(vocab, text[len(data) :])
    ]
