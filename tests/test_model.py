"""The model that applications hold, on the shipped model; nothing here depends on how well it was trained."""

import asyncio
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from pydantic import BaseModel

import guided
from guided.program import HoleClosed, RunFinished, TextAppended, TokenSampled

PROMPT = "Classify the sentiment of the review as positive, negative or neutral.\nReview: I loved it.\nSentiment:"
LABELS = guided.Choice([" positive", " negative", " neutral"])


@pytest.fixture(scope="module")
def model():
    with guided.load_model() as loaded:
        yield loaded


# One generation.


def test_a_constrained_text_is_one_of_the_allowed_ones(model):
    result = model.generate(PROMPT, constraint=LABELS)
    assert result.text in (" positive", " negative", " neutral")
    assert (result.value, result.finish_reason, result.error) == (result.text, "stop", None)
    assert str(result) == result.text


def test_an_unconstrained_text_ends_at_its_budget_or_earlier(model):
    result = model.generate("Once upon a time", max_tokens=12)
    assert len(result.tokens) <= 12
    assert result.finish_reason in ("stop", "length")
    assert model.vocab.decode(result.tokens).decode(errors="replace").endswith(result.text)


@pytest.mark.parametrize(
    ("constraint", "type_"),
    [
        (guided.constraint(int), int),
        (int, int),
        (bool, bool),
        (guided.JsonSchema({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}), dict),
    ],
)
def test_the_value_has_the_type_of_the_constraint(model, constraint, type_):
    assert type(model.generate("Value: ", constraint=constraint, max_tokens=40).value) is type_


def test_a_pydantic_model_gives_its_objects(model):
    class Person(BaseModel):
        name: str
        age: int

    value = model.generate("Person: ", constraint=guided.JsonSchema(Person), max_tokens=60).value
    assert isinstance(value, Person)


def test_stops_end_a_text_and_are_not_part_of_it(model):
    free = model.generate(PROMPT, max_tokens=20).text
    stop = free[2:5]
    assert model.generate(PROMPT, max_tokens=20, stop=stop).text == free[: free.index(stop)]


def test_the_same_seed_gives_the_same_text_and_greedy_overrules_temperature(model):
    options = {"max_tokens": 20, "temperature": 1.5}
    texts = [model.generate("A text: ", seed=seed, **options).text for seed in (1, 1, 2, 3, 4)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    greedy = model.generate("A text: ", max_tokens=20)
    assert model.generate("A text: ", seed=9, greedy=True, **options).text == greedy.text


def test_log_p_is_given_where_it_is_asked_for(model):
    assert model.generate(PROMPT, constraint=LABELS).logprob is None
    scored = [model.generate(PROMPT, constraint=guided.Choice([text]), logprobs=True) for text in (" positive", " red")]
    assert all(result.logprob < 0 for result in scored)
    assert scored[0].logprob != scored[1].logprob


def test_samples_differ_and_the_first_is_that_of_one(model):
    options = {"max_tokens": 12, "temperature": 1.5, "seed": 3}
    result = model.generate("A text: ", n=4, **options)
    assert len(result.samples) == 4
    assert result.text == result.samples[0].text == model.generate("A text: ", **options).text
    assert len({sample.text for sample in result.samples}) > 1


def test_work_is_counted_and_a_prompt_seen_before_is_reused(model):
    prompt = "A prompt that no other test has, with number 7261: "
    first = model.generate(prompt, constraint=guided.constraint(int), max_tokens=8)
    again = model.generate(prompt, constraint=guided.constraint(int), max_tokens=8)
    assert first.text == again.text
    assert 0 < again.stats.tokens_computed < first.stats.tokens_computed
    assert again.stats.tokens_reused > first.stats.tokens_reused
    assert again.stats.forward_calls <= len(again.tokens) + 1
    assert model.stats.forward_calls >= first.stats.forward_calls + again.stats.forward_calls


def test_messages_go_through_the_chat_template(model):
    result = model.generate(messages=[{"role": "user", "content": "Hello!"}], max_tokens=30)
    assert result.error is None
    assert "<|" not in result.text


def test_a_budget_below_the_shortest_text_is_refused_and_a_tight_one_closes(model):
    constraint = guided.Regex("[a-z]{30,200}")
    with pytest.raises(guided.BudgetTooSmall):
        model.generate("Letters: ", constraint=constraint, max_tokens=1)
    closed = model.generate("Letters: ", constraint=constraint, max_tokens=40)
    assert closed.finish_reason in ("closed", "stop")
    assert 30 <= len(closed.text) <= 200
    assert closed.text.isalpha()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({}, "nothing to continue"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "both given"),
        ({"prompt": b"a"}, "prompt is a text, not bytes"),
        ({"prompt": ["a"]}, "prompt is a text, not list"),
        ({"prompt": "a\ud800"}, "prompt is not valid Unicode: character 1"),
        ({"messages": [{"role": "user", "content": "\udfff"}]}, r"messages\[0\]\['content'\] is not valid Unicode"),
        ({"messages": [{"role": "\udfff", "content": "a"}]}, r"messages\[0\]\['role'\] is not valid Unicode"),
        ({"prompt": "a", "stop": "\ud800"}, "stop is not valid Unicode"),
        ({"messages": []}, "at least one entry"),
        ({"messages": "hello"}, "messages is a list"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\]"),
        ({"prompt": "a", "constraint": "[a-z]+"}, "use guided.Regex"),
        ({"prompt": "a", "constraint": {"type": "object"}}, "use guided.JsonSchema"),
        ({"prompt": "a", "constraint": ["x", "y"]}, "use guided.Choice"),
        ({"prompt": "a", "constraint": 3}, "not int"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens=0 is too small"),
        ({"prompt": "a", "max_tokens": "9"}, "max_tokens is an integer"),
        ({"prompt": "a", "max_tokens": True}, "max_tokens is an integer"),
        ({"prompt": "a", "n": 0}, "n=0 is too small"),
        ({"prompt": "a", "seed": -1}, "seed=-1 is too small"),
        ({"prompt": "a", "seed": 1.5}, "seed is an integer"),
        ({"prompt": "a", "temperature": -0.1}, "temperature=-0.1 is out of range"),
        ({"prompt": "a", "temperature": float("nan")}, "temperature is a number"),
        ({"prompt": "a", "temperature": float("inf")}, "out of range"),
        ({"prompt": "a", "top_p": 0}, "top_p=0 is out of range: it must be above 0 and at most 1"),
        ({"prompt": "a", "top_k": 0}, "top_k=0"),
        ({"prompt": "a", "min_p": 2}, "min_p=2"),
        ({"prompt": "a", "stop": [""]}, "stop is a text or a list"),
        ({"prompt": "a", "stop": 3}, "stop is a text or a list"),
        ({"prompt": "a", "greedy": "yes"}, "greedy is true or false"),
        ({"prompt": "a", "max_token": 3}, "unknown argument 'max_token'"),
    ],
)
def test_wrong_arguments_are_typed_errors_and_nothing_is_computed(model, arguments, part):
    before = model.stats
    for call in (model.generate, model.stream, model.astream):
        with pytest.raises(guided.InputError, match=part):
            call(**arguments)
    assert model.stats == before


# Bad constraints.


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: guided.Regex("[a-"), guided.InvalidRegex),
        (lambda: guided.JsonSchema({"type": "strin"}), guided.InvalidSchema),
        (lambda: guided.JsonSchema({"type": "integer", "minimum": 3, "maximum": 1}), guided.UnsatisfiableConstraint),
    ],
)
def test_a_constraint_that_cannot_be_used_is_refused_by_its_own_error(model, make, error):
    with pytest.raises(error):
        model.generate("a", constraint=make())


# Batches.


def test_a_batch_gives_what_each_prompt_gives_alone(model):
    prompts = [f"Review: {text}\nSentiment:" for text in ("I loved it.", "Awful.", "It has 300 pages.")]
    together = model.generate_batch(prompts, constraint=LABELS)
    assert [row.text for row in together] == [model.generate(prompt, constraint=LABELS).text for prompt in prompts]


def test_rows_may_have_their_own_constraints_and_fail_alone(model):
    constraints = [guided.constraint(int), guided.Regex("[a-z]{60}"), None]
    rows = model.generate_batch(["a: ", "b: ", "c: "], constraint=constraints, max_tokens=6)
    assert isinstance(rows[0].value, int)
    assert isinstance(rows[1].error, guided.BudgetTooSmall)
    assert rows[1].finish_reason == "error"
    with pytest.raises(guided.BudgetTooSmall):
        _ = rows[1].value
    assert rows[2].error is None


def test_rows_that_sample_are_the_same_in_any_batch(model):
    options = {"max_tokens": 10, "temperature": 1.2, "seed": 5}
    three = model.generate_batch(["x: ", "x: ", "y: "], **options)
    two = model.generate_batch(["x: ", "x: "], **options)
    assert [row.text for row in three[:2]] == [row.text for row in two]
    assert model.generate("x: ", **options).text == two[0].text
    grouped = model.generate_batch(["x: ", "y: "], n=2, **options)
    assert [sample.text for sample in grouped[0].samples] == [row.text for row in two]


@pytest.mark.parametrize(
    ("prompts", "options", "part"),
    [
        ("one text", {}, "prompts is a list"),
        (3, {}, "prompts is a list"),
        (["a", "b"], {"constraint": [int]}, "2 prompts, but 1 constraints"),
        (["a", None], {}, r"prompts\[1\] is a text or a list of messages, not NoneType"),
        (["a", b"b"], {}, r"prompts\[1\] is a text or a list of messages, not bytes"),
    ],
)
def test_a_wrong_batch_is_refused(model, prompts, options, part):
    with pytest.raises(guided.InputError, match=part):
        model.generate_batch(prompts, **options)


def test_an_empty_batch_is_empty(model):
    assert model.generate_batch([]) == []


# Streams.


def test_a_stream_tells_the_same_story_as_a_call(model):
    events = list(model.stream("Once upon a time", max_tokens=15))
    whole = model.generate("Once upon a time", max_tokens=15)
    assert "".join(e.text for e in events if isinstance(e, TextAppended)) == whole.text
    assert any(isinstance(e, TokenSampled) for e in events)
    closed, finished = events[-2:]
    assert isinstance(closed, HoleClosed)
    assert closed.value == whole.text
    assert closed.finish_reason == whole.finish_reason
    assert finished == RunFinished(captures={"text": whole.text})


def test_a_stream_comes_in_pieces_and_can_be_left(model):
    before = model.stats.forward_calls
    stream = model.stream("Numbers: ", constraint=guided.Regex("[0-9]{60}"), max_tokens=100)
    next(stream)
    stream.close()
    assert model.stats.forward_calls - before < 10
    assert model.generate("Numbers: ", constraint=guided.constraint(int), max_tokens=5).error is None


def test_an_error_ends_a_stream_by_name(model):
    stream = model.stream("Letters: ", constraint=guided.Regex("[a-z]{60}"), max_tokens=2)
    events = []
    with pytest.raises(guided.BudgetTooSmall) as raised:
        events.extend(stream)
    assert events == [RunFinished(str(raised.value))]


def test_async_streams_run_side_by_side(model):
    async def read(prompt):
        return [e.text async for e in model.astream(prompt, max_tokens=10) if isinstance(e, TextAppended)]

    async def both():
        return await asyncio.gather(read("Once"), read("Twice"))

    one, two = asyncio.run(both())
    assert "".join(one) == model.generate("Once", max_tokens=10).text
    assert "".join(two) == model.generate("Twice", max_tokens=10).text


def test_a_cancelled_task_leaves_the_model_usable(model):
    async def start():
        async for _ in model.astream("Numbers: ", constraint=guided.Regex("[0-9]{200}"), max_tokens=300):
            pass

    async def cancel():
        task = asyncio.create_task(start())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert model.generate(PROMPT, constraint=LABELS).error is None


def test_an_awaited_batch_is_the_batch(model):
    prompts = ["One: ", "Two: ", "Three: "]
    options = {"constraint": [guided.Regex("[0-9]{3}"), int, guided.Regex("[a-z]{40}")], "max_tokens": 8, "n": 2}
    expected = model.generate_batch(prompts, temperature=1.0, **options)
    results = asyncio.run(model.agenerate_batch(prompts, temperature=1.0, **options))
    assert [[s.text for s in r.samples] for r in results] == [[s.text for s in r.samples] for r in expected]
    assert [type(r.error) for r in results] == [type(None), type(None), guided.BudgetTooSmall]
    assert asyncio.run(model.agenerate_batch([])) == []
    with pytest.raises(guided.InputError, match="prompts is a list"):
        asyncio.run(model.agenerate_batch("One"))


def test_texts_are_scored_after_a_prompt(model):
    prompt, texts = "Review: My soup was cold.\nSentiment:", [" positive", " negative", " so so"]
    before = model.stats
    scores = model.score(prompt, texts)
    used = model.stats_since(before)
    assert used.tokens_computed < 2 * len(model.vocab.encode(prompt.encode())) + 12
    chosen = model.session()
    chosen.text(prompt)
    taken = chosen.select("label", texts)
    assert texts[scores.index(max(scores))] == taken
    assert chosen.logprob("label") == pytest.approx(max(scores), abs=1e-3)
    chosen.close()
    assert model.score(prompt, []) == []
    assert model.score(prompt, [""]) == [0.0]
    assert model.score("", ["The"])[0] < 0
    assert model.cache_stats.num_live == 0


@pytest.mark.parametrize(
    ("prompt", "texts", "part"),
    [
        (3, ["a"], "prompt is a text"),
        ("a", "b", "texts is a list of texts, not str"),
        ("a", [3], r"texts\[0\] is a text, not int"),
        ("a", ["b", "\ud800"], r"texts\[1\] is not valid Unicode"),
        ("a " * 5000, ["b"], "too long for this model"),
    ],
)
def test_what_cannot_be_scored(model, prompt, texts, part):
    with pytest.raises(guided.GuidedError, match=part):
        model.score(prompt, texts)


def test_threads_share_a_model(model):
    alone = [model.generate(f"Number {i}: ", max_tokens=8).text for i in range(4)]
    got = [None] * 4

    def work(i):
        got[i] = model.generate(f"Number {i}: ", max_tokens=8).text

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == alone


# Loading and closing.


def test_a_closed_model_says_so():
    model = guided.load_model()
    with model:
        assert "tokens" in repr(model)
    model.close()
    for call in (
        lambda: model.generate("a"),
        lambda: model.stream("a"),
        model.session,
        lambda: model.generate_batch(["a"]),
    ):
        with pytest.raises(guided.GuidedError, match="closed"):
            call()


def test_a_place_that_is_no_model_is_refused(tmp_path):
    for source in (tmp_path / "none", tmp_path):
        with pytest.raises(guided.ModelLoadError):
            guided.load_model(source, backend="builtin")
    with pytest.raises(guided.ModelLoadError, match="no backend 'nope'"):
        guided.load_model(backend="nope")
    with pytest.raises(guided.ModelLoadError, match="colour"):
        guided.load_model(colour="red")
    with pytest.raises(guided.InputError, match="from_transformers"):
        guided.load_model(object())


def test_neither_importing_nor_loading_the_shipped_model_imports_torch():
    code = """
import json, sys, guided
guided.load_model().generate("a", max_tokens=2)
print(json.dumps([m for m in ("torch", "transformers") if m in sys.modules]))
"""
    assert json.loads(subprocess.check_output([sys.executable, "-c", code])) == []


@pytest.mark.slow
def test_objects_of_transformers_make_the_same_model(model):
    pytest.importorskip("torch", reason="pip install 'guided[transformers]'")
    transformers = pytest.importorskip("transformers", reason="pip install 'guided[transformers]'")
    import torch

    from guided_backends.builtin import shipped_model

    torch.set_num_threads(1)
    path = str(shipped_model())
    loaded = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    with guided.from_transformers(loaded, tokenizer) as other:
        assert other.vocab.fingerprint == model.vocab.fingerprint
        for prompt in (PROMPT, "Once upon a time"):
            assert other.generate(prompt, max_tokens=10).text == model.generate(prompt, max_tokens=10).text


# How a result looks in a notebook.


def test_a_result_is_html_with_everything_escaped(model):
    hostile = guided.Choice(["<script>alert(1)</script>&\"'"])
    html = model.generate("<b>prompt</b>", constraint=hostile, logprobs=True)._repr_html_()
    assert "<script>alert" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_the_tokens_of_a_result_are_integers(model):
    result = model.generate("Once", max_tokens=4)
    assert all(isinstance(token, int) and not isinstance(token, np.integer) for token in result.tokens)
