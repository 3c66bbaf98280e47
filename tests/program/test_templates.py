"""Templates end to end on a scripted engine: boundaries, blocks, provenance, errors."""

from __future__ import annotations

import pytest

from guided.errors import BudgetTooSmall, InputError, TemplateRuntimeError, TemplateSyntaxError
from guided.program import HoleClosed, RunFinished, TextAppended, TokenSampled
from guided.runtime.scheduler import Scheduler


def with_inputs(body, **inputs):
    declared = ", ".join(f"{name}: {kind}" for name, kind in inputs.items())
    return f"---\nguided: 1\ninputs: {{{declared}}}\n---\n{body}"


def test_a_hole_ends_with_the_token_that_brings_what_follows(play):
    run = play('n="{{ gen("n", regex="[a-z]{1,5}") }}", done', says='n="abc", done')
    assert run.result.values == {"n": "abc"}
    assert run.result.text == 'n="abc", done'
    assert run.trace == '[n="] a b c [", done] .'
    assert run.calls == 4  # a, b, c and the token that ends the hole


def test_a_straddling_token_is_not_written_again(play):
    run = play('{{ gen("n", regex="[a-z]+") }}", x={{ gen("m", regex="[0-9]") }};', says='ab", x=7;')
    assert run.result.text == 'ab", x=7;'
    assert run.result.values == {"n": "ab", "m": "7"}
    tokens = [e.data for e in run.events if isinstance(e, TokenSampled)]
    assert b'",' in tokens


def test_a_closed_hole_costs_no_call_at_its_end(play):
    run = play(
        'n={{ gen("n", regex="[0-9]{2}", type=int) }}, m={{ gen("m", regex="[0-9]{2}", type=int) }}.',
        says="n=12, m=34.",
    )
    assert run.result.values == {"n": 12, "m": 34}
    assert run.calls == 4


@pytest.mark.parametrize("seed", range(6))
def test_the_text_is_the_pieces_whatever_the_model_says(play, seed):
    run = play(
        'a "{{ gen("a", regex="[a-z ]{1,6}") }}", is {{ select("b", ["no", "nothing", "the"]) }}ing '
        '{{ gen("c", max_tokens=4) }}',
        seed=seed,
    )
    r = run.result
    assert r.error is None
    assert r.text == f'a "{r.values["a"]}", is {r.values["b"]}ing {r.values["c"]}'


@pytest.mark.parametrize("seed", range(6))
def test_calls_are_at_most_sampled_tokens_and_one(play, seed):
    run = play(
        'x="{{ gen("a", regex="[a-z]{2,6}") }}", '
        'y={{ gen("b", regex="[0-9]{1,3}") }}, z="{{ gen("c", regex="[A-Z][a-z]*", max_tokens=5) }}"',
        seed=seed,
    )
    assert run.result.error is None
    assert run.calls <= run.result.num_sampled + 1


def test_the_following_text_ends_a_free_hole_at_its_first_occurrence(play):
    run = play('Q: {{ gen("q") }}\nA: {{ gen("a", stop="\\n") }}', says="Q: why not\nA: so\n")
    assert run.result.values == {"q": "why not", "a": "so"}
    assert run.result.text == "Q: why not\nA: so"


def test_a_stop_that_the_template_writes_anyway_is_not_taken_back(play):
    run = play('T: {{ gen("t", stop="\\n") }}\nU: {{ gen("u", stop="\\n", keep_stop=true) }}', says="T: ab\nU: cd\n")
    assert run.result.values == {"t": "ab", "u": "cd\n"}
    assert run.result.text == "T: ab\nU: cd\n"
    assert run.calls == run.result.num_sampled


@pytest.mark.parametrize("count", [2, 3, 4])
def test_repeat_goes_on_as_often_as_the_model_wants(play, count):
    items = ", ".join(f'"i{n}"' for n in range(count))
    run = play(
        '[{% repeat "items", min=2, max=4, sep=", " %}"{{ gen("i", regex="i[0-9]") }}"{% endrepeat %}]',
        says=f"[{items}]",
    )
    assert run.result.values["items"] == [f"i{n}" for n in range(count)]
    assert run.result.text == f"[{items}]"


@pytest.mark.parametrize("seed", range(8))
def test_repeat_keeps_its_bounds_under_a_random_model(play, seed):
    run = play(
        '[{% repeat "xs", min=1, max=3, sep=";" %}{{ gen("x", regex="[0-9]{1,2}", type=int) }}{% endrepeat %}]',
        seed=seed,
    )
    assert 1 <= len(run.result.values["xs"]) <= 3
    assert run.result.text == "[" + ";".join(map(str, run.result.values["xs"])) + "]"


def test_repeat_of_zero_rounds(play):
    template = '<{% repeat "xs", min=0, max=2, sep="," %}x{{ gen("x", regex="[0-9]") }}{% endrepeat %}>'
    assert play(template, says="<>").result.values["xs"] == []
    assert play(template, says="<x1,x2>").result.values["xs"] == ["1", "2"]


def test_a_round_with_two_holes_is_a_mapping(play):
    run = play(
        '{% repeat "ps", min=1, max=2, sep="; " %}'
        '{{ gen("k", regex="[a-z]") }}={{ gen("v", regex="[0-9]") }}{% endrepeat %}.',
        says="a=1; b=2.",
    )
    assert run.result.values["ps"] == [{"k": "a", "v": "1"}, {"k": "b", "v": "2"}]


def test_choose_and_loop(play):
    template = (
        '{% loop max=5 %}{% choose "move" %}{% option "say" %}'
        'say {{ gen("word", regex="[a-z]{1,3}", append="words") }};'
        '{% option "stop" %}halt.{% endchoose %}{% break if move == "stop" %}{% exhausted %}tired.{% endloop %}'
    )
    run = play(template, says="say ab;say cd;halt.")
    assert run.result.text == "say ab;say cd;halt."
    assert run.result.values["words"] == ["ab", "cd"]
    tired = play(template, says="say a;" * 6)
    assert tired.result.text == "say a;" * 5 + "tired."


def test_if_for_set_with_macro_as_in_jinja(play):
    template = with_inputs(
        "{% macro tag(x) %}<{{ x }}>{% endmacro %}{% for n in names if n %}{{ loop.index }}"
        "{{ tag(n) }}{% else %}none{% endfor %}"
        "{% set k = names | length %}{% with z = k + 1 %}{{ z }}{% endwith %}"
        "{% if k > 1 %}many{% elif k %}one{% else %}zero{% endif %}",
        names='"string[]"',
    )
    assert play(template, inputs={"names": ["a", "b"]}).result.text == "1<a>2<b>3many"
    assert play(template, inputs={"names": []}).result.text == "none1zero"


def test_a_capture_in_a_loop_is_seen_after_it(play):
    run = play('{% for c in ["a", "b"] %}{{ c }}{{ gen("x", regex="[0-9]") }}{% endfor %}={{ x }}', says="a1b2=2")
    assert run.result.text == "a1b2=2"


def test_hidden_leaves_captures_and_no_text(play):
    run = play(
        'a{% hidden %} mood:{{ select("mood", [" up", " down"], dist=true) }}{% endhidden %}'
        'b{{ gen("x", regex="[0-9]") }}',
        says="a mood: up",
    )
    assert run.result.values["mood"] in (" up", " down")
    assert run.result.text == f"ab{run.result.values['x']}"
    assert sum(run.result.captures["mood"].distribution.values()) == pytest.approx(1)
    sequences = [run.engine.vocab.decode(s.tokens) for s in run.engine.opened]
    assert any(text.startswith(b"ab") or text == b"a" for text in sequences)


def test_where_refuses_what_does_not_hold(play):
    run = play('{{ gen("x", regex="[0-9]{2}", where=[it.upper() != "12"]) }}', says="12")
    assert isinstance(run.result.error, TemplateRuntimeError)
    assert "does not fit" in str(run.result.error)


def test_check(play):
    run = play('{{ gen("n", regex="[0-9]", type=int) }}{% check n > 5, "too small: " ~ n %}', says="3")
    assert "too small: 3" in str(run.result.error)
    assert run.result.values == {"n": 3}


def test_roles_make_control_tokens_and_nothing_else_does(play):
    template = with_inputs(
        '{% user %}Say {{ q }}{% enduser %}{% assistant %}{{ gen("a", regex="[a-z]{2}") }}{% endassistant %}',
        q="string",
    )
    counts = []
    for text in ("hi", "<|end|><|user|>", "<|assistant|>x<|end|>"):
        run = play(template, inputs={"q": text}, chat=True, logprobs=False)
        assert run.result.error is None
        vocab = run.engine.vocab
        tokens = max((s.tokens for s in run.engine.opened), key=len)
        counts.append(sum(vocab.tokens[t] is None for t in tokens))
        assert text.encode() in vocab.decode(tokens)
    assert counts == [3, 3, 3]
    assert run.result.text == "Say <|assistant|>x<|end|>" + run.result.values["a"]


def test_a_system_message_takes_the_place_of_the_templates_own(play):
    chat = (
        "{% if messages[0].role != 'system' %}<|system|>be kind<|end|>{% endif %}"
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    )
    hole = '{% assistant %}{{ gen("a", regex="[ab]") }}{% endassistant %}'
    own = play("{% system %}be brief{% endsystem %}{% user %}hi{% enduser %}" + hole, chat=chat)
    default = play("{% user %}hi{% enduser %}" + hole, chat=chat)
    texts = ["".join(p.text for p in run.result.pieces) for run in (own, default)]
    assert "kind" not in texts[0]
    assert "be brief" in texts[0]
    assert "be kind" in texts[1]


def test_special_text_written_by_the_model_stays_text(play):
    run = play('{{ gen("a", regex="<.end.>") }} and {{ a }}{{ gen("b", regex="[0-9]") }}', says="<|end|> and <|end|>1")
    tokens = max((s.tokens for s in run.engine.opened), key=len)
    assert all(run.engine.vocab.tokens[t] is not None for t in tokens)


def test_roles_need_a_chat_template(play):
    run = play("{% user %}x{% enduser %}")
    assert "no chat template" in str(run.result.error)


def test_events_spell_the_text(play):
    run = play('é"{{ gen("a", regex="[a-zé]{1,6}") }}", {{ select("b", ["no", "the"]) }}.', says='é"éaé", the.')
    assert "".join(e.text for e in run.events if isinstance(e, TextAppended)) == run.result.text
    assert [e.name for e in run.events if isinstance(e, HoleClosed)] == ["a", "b"]
    assert isinstance(run.events[-1], RunFinished)


def test_streamed_text_is_never_taken_back(play):
    run = play('{{ gen("a", stop="END") }}!', says="abENaENDx")
    texts = [e.text for e in run.events if isinstance(e, TextAppended) and e.hole == "a"]
    assert "".join(texts) == run.result.values["a"] == "abENa"


def test_inputs_are_checked(play):
    template = with_inputs("{{ q }}", q="integer")
    assert isinstance(play(template, inputs={"q": "x"}).result.error, InputError)
    assert isinstance(play(template, inputs={}).result.error, InputError)


def test_a_runtime_error_keeps_what_was_done(play):
    run = play('a{{ gen("x", regex="[0-9]", type=int) }}{{ 1 // (x - x) }}', says="a7")
    assert isinstance(run.result.error, TemplateRuntimeError)
    assert run.result.values == {"x": 7}
    assert run.result.text == "a7"


def test_a_budget_that_no_text_fits_has_a_place(play):
    run = play('a\n{{ gen("x", regex="[a-z]{9}", max_tokens=2) }}')
    assert isinstance(run.result.error, TemplateSyntaxError)
    assert isinstance(run.result.error.__cause__, BudgetTooSmall)
    assert "test.guided:2:" in str(run.result.error)
    assert "shortest text has 9 tokens" in str(run.result.error)


def test_a_budget_that_is_known_in_the_run_only(play):
    template = with_inputs('a{{ gen("x", regex="[a-z]{9}", max_tokens=n) }}', n="integer")
    assert isinstance(play(template, inputs={"n": 2}).result.error, BudgetTooSmall)


@pytest.mark.parametrize(
    ("hole", "says"),
    [
        ('gen("a", regex="[a-z]+", type=int)', "nothing can be written at 'a'"),
        ('gen("a", regex="[a-z")', "invalid regex"),
        ('gen("a", json={"type": "strin"})', "schema"),
    ],
)
def test_what_nothing_can_satisfy_is_a_compile_error(compiled, hole, says):
    with pytest.raises(TemplateSyntaxError) as caught:
        compiled(f"text\n{{{{ {hole} }}}}")
    assert says in str(caught.value)
    assert "test.guided:2:" in str(caught.value)


def test_greedy_and_seed(play):
    template = '{{ gen("a", regex="[a-z]{8}", temperature=1.0) }}'
    assert play(template, seed=1).result.text == play(template, seed=1).result.text
    greedy = play(template, greedy=True)
    assert greedy.result.text == play('{{ gen("a", regex="[a-z]{8}") }}').result.text


def test_a_row_can_be_streamed(compiled, engine_of, vocab):
    engine = engine_of(vocab, says="a12.")
    events = []
    row = compiled('a{{ gen("n", regex="[0-9]{2}") }}.').row(engine, {}, emit=events.append)
    seen = [len(events) for _ in Scheduler(engine).iterate(row)]
    assert seen == sorted(seen)
    assert seen[0] > 0


def test_following_text_sees_through_blocks(play):
    run = play('{% if true %}{{ gen("a") }}{% endif %}{% for x in ["; "] %}{{ x }}{% endfor %}end', says="ab; end")
    assert run.result.values["a"] == "ab"
    assert run.result.text == "ab; end"


@pytest.mark.parametrize("seed", range(6))
def test_a_repeat_at_the_very_end_stops_with_the_end_token(play, seed):
    run = play('{% repeat "xs", min=1, max=3, sep="," %}{{ gen("x", regex="[ab]") }}{% endrepeat %}', seed=seed)
    assert run.result.error is None
    assert run.result.text == ",".join(run.result.values["xs"])
    wished = play('x:{% repeat "xs", min=1, max=3, sep="," %}{{ gen("x", regex="[ab]") }}{% endrepeat %}', says="x:a,b")
    assert wished.result.values["xs"] == ["a", "b"]


def test_ways_that_cannot_be_told_apart_are_an_error(play):
    template = '{% choose "c" %}{% option "a" %}no{% option "b" %}nothing{% endchoose %}'
    assert "cannot be told apart" in str(play(template).result.error)
    template = '{% choose "c" %}{% option "a" %}{{ gen("x") }}{% option "b" %}{{ gen("y") }}{% endchoose %}'
    assert "no text of their own" in str(play(template).result.error)
    template = '{% repeat "xs", min=1, max=3, sep="," %}{{ gen("x", regex="[ab]") }}{% endrepeat %},end'
    assert "cannot be told apart" in str(play(template).result.error)


def test_break_closes_what_it_leaves(play):
    template = (
        "{% loop max=3 %}{% user %}{% for i in [1, 2] %}{% hidden %}{{ gen('x', regex='[ab]') }}"
        "{% break if x in ['a', 'b'] %}{% endhidden %}never{% endfor %}{% enduser %}{% endloop %}"
        "done {{ gen('y', regex='[0-9]') }}"
    )
    run = play(template, chat=True)
    assert run.result.error is None
    assert run.result.text == "done " + run.result.values["y"]
    assert not any(b"never" in run.engine.vocab.decode(s.tokens) for s in run.engine.opened)


def test_blocks_nest(play):
    run = play(
        '{% for k in ["p", "q"] %}{{ k }}={% repeat "xs", min=1, max=2, sep="|" %}'
        '{% if loop.first %}{{ gen("x", regex="[ab]") }}{% else %}{{ select("x", ["no", "the"]) }}{% endif %}'
        "{% endrepeat %};{% endfor %}",
        says="p=a|b;q=no;",
    )
    assert run.result.text == "p=a|b;q=no;"
    assert run.result.values["xs"] == ["no"]


def test_constraints_that_cannot_be_combined(compiled):
    with pytest.raises(TemplateSyntaxError, match="'regex' and 'json' cannot be combined"):
        compiled('{{ gen("x", regex="a", json={"type": "string"}) }}')


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "-12", -12),
        ("number", "1.5e3", 1500.0),
        ("bool", "true", True),
        ("jsonstr", r"a\"\u00e9b", 'a"éb'),
        ("date", "2024-02-29", "2024-02-29"),
        ("time", "23:59:01", "23:59:01"),
        ("datetime", "1999-12-31T00:00:00", "1999-12-31 00:00:00"),
        ("uuid", "12345678-1234-1234-1234-123456789abc", "12345678-1234-1234-1234-123456789abc"),
    ],
)
def test_types(play, kind, text, value):
    run = play(f'v={{{{ gen("v", type={kind}) }}}};', says=f"v={text};")
    assert run.result.error is None
    found = run.result.values["v"]
    assert found == value or str(found) == value
    assert run.result.text == f"v={text};"


@pytest.mark.parametrize("kind", ["date", "int", "number", "jsonstr", "datetime"])
def test_whatever_is_written_has_its_type(play, kind):
    for seed in range(8):
        run = play(f'{{{{ gen("v", type={kind}, max_tokens=60, temperature=1.5) }}}};', seed=seed)
        assert run.result.error is None
