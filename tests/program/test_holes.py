"""What is forced, what is sampled, where holes end: traces as text."""

from __future__ import annotations

import pytest

from guided.constraints import AnyText, Choice, JsonSchema, Regex
from guided.errors import BudgetTooSmall
from guided.program import GenerateRequest, generate_row, hole_segments, readable
from guided.runtime.scheduler import Scheduler

ONE_INTEGER = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.fixture
def generate(engine_of, vocab):
    def run(prompt="", *, says="", seed=0, **options):
        engine = engine_of(options.pop("vocab", vocab), says=prompt + says, seed=seed)
        made = Scheduler(engine).run_one(generate_row(engine, GenerateRequest(prompt=prompt, seed=seed, **options)))
        assert engine.num_open == 0
        return made, engine

    return run


def trace(made):
    return readable(hole_segments(made.text, made.trace))


def test_a_forced_key_costs_no_model_call(generate):
    made, engine = generate("x", says='{"n":7}', constraint=JsonSchema(ONE_INTEGER, whitespace="compact"))
    assert trace(made) == '«{"n":» 7 } .'
    assert engine.stats.forward_calls == 2


def test_a_text_that_is_forced_whole_costs_nothing(generate):
    made, engine = generate("x", constraint=Choice(["always"]))
    assert (made.text, trace(made), engine.stats.forward_calls) == ("always", "«always» .", 0)


def test_a_shared_prefix_is_forced_and_its_last_token_healed(generate):
    made, engine = generate("it was", says=" crossbow", constraint=Choice([" crossbow", " cross"]))
    assert made.text == " crossbow"
    assert engine.stats.forward_calls == 1


def test_an_address_goes_on_in_one_token(generate):
    made, _ = generate('<a href="http:', says='//x.y"', stop=('"',))
    assert made.text == "//x.y"
    assert [t.data for t in made.trace][:2] == [b"://", b"x"]
    assert made.trace[0].kind == "healed"
    assert made.finish_reason == "stop"


def test_without_healing_the_prompt_keeps_its_tokens(generate):
    made, _ = generate('<a href="http:', says='//x.y"', stop=('"',), token_healing=False)
    assert [t.data for t in made.trace][:2] == [b"/", b"/"]


def test_a_healed_token_may_spell_the_prompt_again(generate):
    made, _ = generate("this is", says=" so", max_tokens=3)
    assert made.text == " so"
    assert made.trace[0].data == b" is"
    assert not made.trace[0].is_inside
    assert len(made.tokens) == 3


@pytest.mark.parametrize("seed", range(5))
def test_random_models_heal_to_the_same_prompt(generate, seed):
    made, engine = generate("the http:", constraint=Regex("(//)?[a-z]{1,4}"), seed=seed)
    whole = engine.vocab.decode(engine.opened[0].tokens)
    assert b"the http:".startswith(whole[:9])
    assert Regex("(//)?[a-z]{1,4}").parse(made.text) == made.text


@pytest.mark.parametrize("budget", range(6, 30))
def test_no_budget_truncates_a_structure(generate, budget):
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 9}, "b": {"type": "array", "items": {"type": "boolean"}}},
        "required": ["a"],
        "additionalProperties": False,
    }
    constraint = JsonSchema(schema, whitespace="compact")
    for seed in range(4):
        made, _ = generate("x", constraint=constraint, max_tokens=budget, seed=seed, temperature=1.0)
        constraint.parse(made.text)
        assert len(made.tokens) <= budget
        assert made.finish_reason in ("stop", "closed")


def test_a_budget_below_the_shortest_text_is_refused(generate):
    with pytest.raises(BudgetTooSmall) as caught:
        generate("x", constraint=Regex("[a-z]{5}"), max_tokens=3)
    assert caught.value.max_tokens == 3
    assert caught.value.needed == 5


def test_a_budget_of_exactly_the_shortest_text_is_enough(generate):
    made, _ = generate("x", constraint=Regex("q{3}[0-9]*"), max_tokens=3)
    assert made.text == "qqq"


def test_free_text_is_cut_between_characters(generate):
    for seed in range(8):
        made, _ = generate("x", constraint=AnyText(), max_tokens=7, seed=seed, temperature=1.0)
        assert made.finish_reason in ("length", "closed", "stop")
        assert "�" not in made.text


def test_a_stop_is_cut_off_inside_of_a_token(generate):
    made, _ = generate("say", says=' a",b', stop=('"',))
    assert made.text == " a"
    assert made.finish_reason == "stop"


def test_a_stop_of_two_tokens(generate):
    made, _ = generate("say", says=" a\n\nb", stop=("\n\n",))
    assert made.text == " a"


def test_the_earliest_stop_wins(generate):
    made, _ = generate("say", says=" a;b.c", stop=(".", ";"))
    assert made.text == " a"


def test_a_stop_inside_of_a_constraint_needs_a_complete_text(generate):
    made, _ = generate("n=", says="12;", constraint=Regex("[0-9]{1,9}"), stop=(";",))
    assert made.text == "12"


def test_the_end_token_ends_a_complete_text(generate):
    made, engine = generate("n=", says="12", constraint=Regex("[0-9]+"))
    assert (made.text, made.finish_reason) == ("12", "stop")
    assert engine.stats.forward_calls == 3


def test_log_probabilities_are_those_of_the_tokens(generate):
    made, engine = generate(
        "q", says='{"n":7}', constraint=JsonSchema(ONE_INTEGER, whitespace="compact"), logprobs=True
    )
    prefix, total = engine.vocab.encode(b"q"), 0.0
    for token in made.tokens:
        total += engine.logprobs_after(prefix)[token]
        prefix = [*prefix, token]
    assert engine.vocab.decode(made.tokens) == made.text.encode()
    assert made.logprob == pytest.approx(total)


def test_a_row_does_not_depend_on_the_batch(engine_of, vocab):
    requests = [
        GenerateRequest(prompt=f"row {i}", constraint=Regex("[a-z]{3,8}"), temperature=1.0, seed=5, row=i)
        for i in range(4)
    ]
    engine = engine_of(vocab)
    together = [r.text for r in Scheduler(engine).run([generate_row(engine, r) for r in requests])]
    alone = [Scheduler(engine).run_one(generate_row(engine, r)).text for r in requests]
    assert together == alone
    assert len(set(together)) > 1


def test_a_row_that_fails_disturbs_no_other(engine_of, vocab):
    engine = engine_of(vocab)
    good = GenerateRequest(prompt="a", constraint=Regex("[a-z]{3}"))
    bad = GenerateRequest(prompt="a", constraint=Regex("[a-z]{9}"), max_tokens=2)
    results = Scheduler(engine).run([generate_row(engine, r) for r in (good, bad, good)])
    assert isinstance(results[1], BudgetTooSmall)
    assert results[0].text == results[2].text


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("http:", {"constraint": Regex("(//)?[a-z]{1,6}")}),
        ("this is", {"stop": ("a", "the"), "max_tokens": 12}),
        ("x", {"constraint": Choice(["always"])}),
        ('{"', {"constraint": JsonSchema(ONE_INTEGER, whitespace="compact"), "max_tokens": 9}),
        ("say", {"constraint": Regex("[a-z ]*"), "stop": ("no", ", "), "max_tokens": 6}),
        ("x", {"constraint": Regex('(","|no|q)*'), "stop": ('"',), "max_tokens": 6}),
    ],
)
def test_the_tokens_of_a_result_spell_its_text(generate, prompt, options, seed):
    for logprobs in (False, True):
        made, engine = generate(prompt, seed=seed, temperature=1.0, logprobs=logprobs, **options)
        spelled = engine.vocab.decode(made.tokens)
        assert spelled.endswith(made.text.encode())
        assert len(spelled) - len(made.text.encode()) < 8
        assert (prompt + made.text).encode().endswith(spelled)
