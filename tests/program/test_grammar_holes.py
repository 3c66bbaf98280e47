"""Grammars in templates and sessions: given as a text, by name, by a variable; checked where they stand."""

from __future__ import annotations

import pytest

import guided
from guided.errors import TemplateRuntimeError, TemplateSyntaxError

NESTED = 'root ::= "(" root ")" | [0-9]'
BY_NAME = """---
guided: 1
defs:
  sum:
    grammar: |
      root ::= root "+" num | num
      num  ::= [0-9]+ | "(" root ")"
---
{{ gen("sum", grammar=defs.sum) }}."""


def test_a_grammar_in_the_hole(play):
    run = play('n={{ gen("n", grammar=r\'' + NESTED + "') }};", says="n=((7));")
    assert run.result.text == "n=((7));"
    assert run.result.values["n"] == "((7))"


def test_a_grammar_by_name(play):
    assert play(BY_NAME, says="1+(2+34)+5.").result.values["sum"] == "1+(2+34)+5"


def test_a_grammar_from_an_input(play):
    text = "---\nguided: 1\ninputs: {g: string}\n---\n" + '{{ gen("n", grammar=g) }};'
    assert play(text, inputs={"g": NESTED}, says="(7);").result.values["n"] == "(7)"
    with pytest.raises(TemplateRuntimeError, match="there is no rule 'rot'"):
        raise play(text, inputs={"g": "root ::= rot"}, says="").result.error


def test_a_budget_closes_a_nested_text(play):
    run = play('{{ gen("n", grammar=r\'' + NESTED + "', max_tokens=9) }}", says="((((((((((((7")
    value = run.result.values["n"]
    assert value.count("(") == value.count(")") == (len(value) - 1) // 2


def test_a_grammar_and_a_regex_cannot_be_combined(compiled):
    with pytest.raises(TemplateSyntaxError, match="'regex' and 'grammar' cannot be combined"):
        compiled('{{ gen("n", regex="[0-9]+", grammar="root ::= [0-9] root | [0-9]") }}')


def test_a_grammar_without_texts_is_refused(compiled):
    with pytest.raises(TemplateSyntaxError, match="no text satisfies 'grammar'") as caught:
        compiled('{{ gen("n", grammar="root ::= root") }}')
    assert "help: no text of the grammar's rule 'root' ever ends" in str(caught.value)


def test_a_session_takes_a_grammar():
    with guided.load_model() as model:
        session = model.session()
        session.text("f(")
        value = session.gen("n", grammar=NESTED, max_tokens=12)
        matcher = guided.Grammar(NESTED).compile(model.vocab).matcher()
        assert matcher.accept_bytes(value.encode())
        assert matcher.is_accepting
        with pytest.raises(guided.InputError, match="give one constraint, not regex and grammar"):
            session.gen("m", regex="a", grammar=NESTED)


def test_generate_takes_a_grammar_and_a_stop_pattern():
    with guided.load_model() as model:
        made = model.generate("f(", constraint=guided.Grammar(NESTED), max_tokens=12)
        assert made.error is None
        assert made.text.count("(") == made.text.count(")")
        free = model.generate("Once upon a time", max_tokens=20).text
        stopped = model.generate("Once upon a time", max_tokens=20, stop_regex="[a-z]{3}").text
        assert free.startswith(stopped)
        assert len(stopped) < len(free)
        for wrong in ("(a", 7):
            with pytest.raises(guided.InputError, match="stop_regex is"):
                model.generate("x", stop_regex=wrong)
