"""The name of every control token, in every place that data can come from: it stays text, on every tokenizer at hand.

Tekken has a thousand of them, so each place gets all the names of a vocabulary at once, and the first ones singly.
"""

from __future__ import annotations

import pytest

import guided
from guided.lang import load_tools
from guided.program import GenerateRequest, Session, generate_row
from guided.runtime.scheduler import Scheduler
from guided.vocab import Vocabulary
from tests.oracles.healing import vocabularies
from tests.program.conftest import CHAT, ScriptedEngine, make_vocab, program
from tests.vocab.conftest import FAMILIES

SINGLY = 6


@pytest.fixture(scope="module")
def vocabs():
    families = {name: Vocabulary.from_tokenizer(make()) for name, make in FAMILIES.items()}
    return {**families, "words": make_vocab(), "chat": make_vocab(chat=CHAT), **dict(vocabularies())}


NAMES = ["byte-level", "unigram", "llama-bpe", "words", "chat", "shipped", "sentencepiece", "tekken"]
WITH_CHAT = ["chat", "shipped"]


@guided.tool
def look(query: str) -> str:
    "Say it again."
    return query


def prompt(engine, data):
    Scheduler(engine).run_one(generate_row(engine, GenerateRequest(prompt=f"A {data} b", max_tokens=2)))


def stop(engine, data):
    Scheduler(engine).run_one(generate_row(engine, GenerateRequest(prompt="A", stop=(data,), max_tokens=2)))


def constraint(engine, data):
    choice = guided.Choice([data, data + "!"])
    Scheduler(engine).run_one(generate_row(engine, GenerateRequest(prompt="A", constraint=choice, max_tokens=20_000)))


def _run(engine, text, tools=(), **inputs):
    compiled = program(text)
    made = {one.name: one for one in tools}
    result = Scheduler(engine).run_one(
        compiled.row(engine, inputs, tools=load_tools(compiled.file, made) if tools else {})
    )
    assert result.error is None, result.error


def template_input(engine, data):
    _run(engine, "---\nguided: 1\ninputs: {x: string}\n---\nA {{ x }} b {{ gen('y', max_tokens=2) }}", x=data)


def filtered_input(engine, data):
    head = "---\nguided: 1\ninputs: {x: 'string[]'}\n---\n"
    loop = "{% for one in x %}{{ one | upper | lower | tojson }}{{ x | join('') }}{% endfor %}"
    _run(engine, head + loop + "{{ gen('y', max_tokens=2) }}", x=[data, data])


def option(engine, data):
    text = "---\nguided: 1\ninputs: {x: 'string[]'}\n---\nA {{ select('y', x) }} {{ gen('z', max_tokens=2) }}"
    _run(engine, text, x=[data, "harmless"])


def tool_result(engine, data):
    head = "---\nguided: 1\ninputs: {x: string}\ntools: [look]\n---\n"
    _run(engine, head + "A {{ tools['look'](query=x) }} b {{ gen('y', max_tokens=2) }}", tools=[look], x=data)


def capture(engine, data):
    text = "---\nguided: 1\ninputs: {x: 'string[]'}\n---\nA {{ select('y', x) }} {{ y }} {{ gen('z', max_tokens=2) }}"
    _run(engine, text, x=[data])


def session_text(engine, data):
    session = Session(engine, Scheduler(engine))
    session.text(f"A {data}")
    session.text(data)
    session.gen("x", max_tokens=2)


def messages(engine, data):
    for role in ("user", "assistant", "system"):
        request = GenerateRequest(messages=[{"role": role, "content": data}], max_tokens=2)
        Scheduler(engine).run_one(generate_row(engine, request))


def role_of_a_template(engine, data):
    roles = "{% user %}{{ x }}{% enduser %}{% assistant %}{{ gen('y', max_tokens=2) }}{% endassistant %}"
    _run(engine, f"---\nguided: 1\ninputs: {{x: string}}\n---\n{roles}", x=data)


def role_of_a_session(engine, data):
    session = Session(engine, Scheduler(engine))
    with session.user():
        session.text(data)
    with session.assistant():
        session.gen("x", max_tokens=2)


PLACES = [prompt, stop, constraint, template_input, filtered_input, option, tool_result, capture, session_text]
CHAT_PLACES = [messages, role_of_a_template, role_of_a_session]
CASES = [
    pytest.param(name, place, id=f"{name}-{place.__name__}")
    for places, names in ((PLACES, NAMES), (CHAT_PLACES, WITH_CHAT))
    for place in places
    for name in names
]


def control_ids(vocab, place, data):
    """The control ids that go into the model, in order; it never wishes to end, so it writes none itself."""
    engine, fed = ScriptedEngine(vocab), []
    logits_after, step = engine.logits_after, engine.step

    def without_end(prefix):
        row = logits_after(prefix).copy()
        row[sorted(vocab.eos_ids)] = -50
        engine._cache.clear()
        return row

    def watched(work):
        fed.extend(int(t) for item in work for t in item.tokens if vocab.tokens[t] is None)
        return step(work)

    engine.logits_after, engine.step = without_end, watched
    place(engine, data)
    return fed


@pytest.mark.parametrize(("name", "place"), CASES)
def test_no_text_makes_a_control_token(vocabs, name, place):
    if name not in vocabs:
        pytest.skip("mistral-common has this vocabulary")
    vocab = vocabs[name]
    names = list(vocab.special)
    assert names
    expected = control_ids(vocab, place, "harmless text")
    for data in [*names[:SINGLY], "".join(names)]:
        assert control_ids(vocab, place, data) == expected
