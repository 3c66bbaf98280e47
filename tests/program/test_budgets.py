"""A budget never cuts a structure; see `tests.oracles.budgets`, which sweeps more of them."""

import pytest

import guided
from guided.program import GenerateRequest, generate_row
from guided.runtime.engine import Capabilities
from guided.runtime.scheduler import Scheduler
from tests.oracles.budgets import some_schemas, sweep


@pytest.mark.parametrize("number", range(0, 50, 5))
def test_every_budget_gives_a_valid_text_or_a_refusal(engine_of, vocab_of, number):
    engine = engine_of(vocab_of(), seed=number)
    found = sweep(engine, some_schemas(50)[number : number + 2], [*range(1, 30), 40, 60, 120, 200])
    assert found.wrong == []
    assert found.outcomes["stop"] + found.outcomes["closed"] > 0
    assert found.worst_closing <= 1.2


def test_an_optional_key_that_is_shorter_does_not_hide_the_way_to_the_end(vocab_of):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}, "agenda": {"enum": ["x"]}, "island": {"type": "string"}},
        "required": ["agenda", "island"],
        "additionalProperties": False,
    }
    matcher = guided.JsonSchema(schema, whitespace="compact").compile(vocab_of()).matcher()
    whole = matcher.shortest_completion()
    assert whole == b'{"agenda":"x","island":""}'
    for count in range(len(whole)):
        assert matcher.fork().accept_bytes(whole[:count])
        after = matcher.fork()
        after.accept_bytes(whole[:count])
        assert after.shortest_completion() == whole[count:]


def limited(engine_of, vocab, max_len, **more):
    engine = engine_of(vocab, **more)
    engine.capabilities = Capabilities(max_len=max_len)
    step = engine.step

    def checked(work):
        assert all(item.seq.length + len(item.tokens) <= max_len for item in work)
        return step(work)

    engine.step = checked
    return engine


@pytest.mark.parametrize("max_len", [20, 30, 45, 80])
@pytest.mark.parametrize("seed", range(6))
def test_a_constrained_text_is_closed_within_the_models_context(engine_of, vocab, max_len, seed):
    engine = limited(engine_of, vocab, max_len, seed=seed)
    constraint = guided.JsonSchema({"type": "array", "items": {"enum": ["island", "sword"]}, "maxItems": 40})
    request = GenerateRequest(prompt="A list: ", constraint=constraint, max_tokens=1000, temperature=1.5, seed=seed)
    result = Scheduler(engine).run_one(generate_row(engine, request))
    assert isinstance(constraint.parse(result.text), list)
    assert result.finish_reason in ("stop", "closed")
    assert len(engine.vocab.encode(b"A list: ")) + len(result.tokens) <= max_len + 1


@pytest.mark.parametrize("backend", ["builtin", "transformers"])
def test_a_constrained_text_is_closed_within_the_cache(backend):
    if backend == "transformers":
        pytest.importorskip("torch", reason="pip install 'guided[transformers]'")
    from guided_backends.builtin import shipped_model

    with guided.load_model(shipped_model(), backend=backend) as model:
        slot_bytes = model.engine.cache_bytes_per_token
    with guided.load_model(shipped_model(), backend=backend, cache_bytes=41 * slot_bytes) as model:
        assert model.capabilities.max_len == 40
        result = model.generate("A list: ", constraint=guided.constraint(list[str]), max_tokens=900, temperature=2.0)
        assert (result.finish_reason, result.error) == ("closed", None)
        assert isinstance(result.value, list)
        assert len(result.tokens) > 20
        with pytest.raises(guided.CacheFull, match="cache_bytes has room for 40"):
            model.generate("long " * 60, max_tokens=1)


@pytest.mark.parametrize("backend", ["builtin", "transformers"])
def test_max_len_of_the_caller_is_a_budget_too(backend):
    if backend == "transformers":
        pytest.importorskip("torch", reason="pip install 'guided[transformers]'")
    from guided_backends.builtin import shipped_model

    with guided.load_model(shipped_model(), backend=backend, max_len=30) as model:
        result = model.generate("A list: ", constraint=guided.constraint(list[str]), max_tokens=900, temperature=2.0)
        assert (result.finish_reason, result.error) == ("closed", None)
        assert len(result.tokens) <= 30
        with pytest.raises(guided.GenerationError, match=r"too long for this model: .*at most 30"):
            model.generate("long " * 60, max_tokens=1)


def test_a_free_text_ends_where_the_context_does(engine_of, vocab):
    engine = limited(engine_of, vocab, 30)
    prompt = "A list: "
    result = Scheduler(engine).run_one(generate_row(engine, GenerateRequest(prompt=prompt, max_tokens=1000)))
    assert result.finish_reason in ("length", "stop")
    assert len(vocab.encode(prompt.encode())) + len(result.tokens) in (30, 31)  # one may heal the end of the prompt


def test_a_context_without_room_for_the_shortest_text_is_refused(engine_of, vocab):
    engine = limited(engine_of, vocab, 20)
    request = GenerateRequest(prompt="A list: ", constraint=guided.Regex("[a-z]{30}"), max_tokens=1000)
    with pytest.raises(guided.GenerationError, match="too long for this model"):
        Scheduler(engine).run_one(generate_row(engine, request))
    assert engine.stats.forward_calls == 0
