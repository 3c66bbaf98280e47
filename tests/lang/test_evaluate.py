"""What expressions may not do, how much they may make, and what an error of a run says."""

from __future__ import annotations

import dataclasses
import datetime

import pydantic
import pytest

from guided.errors import TemplateRuntimeError, ToolError
from guided.lang import Budget, Scope, check, evaluate, parse, render
from guided.lang.expressions import ExpressionParser
from guided.lang.lexer import tokenize
from guided.lang.stream import TokenStream
from guided.source import Source
from guided.tools import Tool


def value(expression: str, **scope):
    source = Source("{{ " + expression + " }}")
    stream = TokenStream(source, tokenize(source))
    stream.take()
    return evaluate(ExpressionParser(stream).expression(), scope, source)


def text(body: str, **inputs) -> str:
    source = Source(body, "t.guided")
    return render(parse(source).body, Scope.of(inputs), source)


@dataclasses.dataclass
class Point:
    x: int
    _secret: int = 9

    def method(self):
        return "called"


class Pet(pydantic.BaseModel):
    name: str
    born: datetime.date


POINT, PET = Point(3), Pet(name="Rex", born=datetime.date(2020, 2, 29))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("p.x", 3),
        ("p['x']", 3),
        ("pet.name", "Rex"),
        ("pet | tojson", '{"name": "Rex", "born": "2020-02-29"}'),
        ("p.method is defined", False),
        ("p._secret is defined", False),
        ("p.__class__ is defined", False),
        ("'x'.__class__ is defined", False),
        ("d.items", [1]),  # a key, where Jinja finds the method
        ("d.items()", [("items", [1])]),
        ("d['items']", [1]),
        ("len('abc') + len([1])", 4),
        ("[1, 2] | text", "[1, 2]"),
        ("'abcdef' | text(max_chars=5)", "ab..."),
        ("'abcdef' | text(max_chars=2)", ".."),
        ("d.missing or 'else'", "else"),
        ("namespace(a=1).a", 1),
        ("[[1], [1], [2]] | unique", [[1], [2]]),
        ("'' | first is defined", False),
        ("1 if p.x == 3 else p.y.z", 1),
    ],
)
def test_value(expression, expected):
    assert value(expression, p=POINT, pet=PET, d={"items": [1]}) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("d.missing", "the mapping has no 'missing', did you mean 'mising'?"),
        ("d.missing | upper", "the mapping has no 'missing'"),
        ("d.missing ~ 'x'", "the mapping has no 'missing'"),
        ("d.missing.deeper", "the mapping has no 'missing'"),
        ("[d.missing]", "the mapping has no 'missing'"),
        ("d.missing < 1", "the mapping has no 'missing'"),
        ("[1][3]", "there is no item 3: a list of length 1"),
        ("'abc'[7]", "there is no item 7: a text of length 3"),
        ("word.upper", "a text has no 'upper'"),
        ("absent", "'absent' has no value here"),
        ("1 + 'a'", "a text and something else cannot be added"),
        ("'%s' % 1", "'%' does not format a text"),
        ("1 / 0", "division by zero"),
        ("[3, 'a'] | sort", "cannot be computed"),
        ("5 | join", "an integer has no items"),
        ("p.method()", "a Point has no 'method'"),
        ("'a'.encode()", "a text has no 'encode'"),
        ("'{0.__class__}'.format(1)", "a text has no 'format'"),
        ("'a'.__class__.__mro__", "a text has no '__class__'"),
        ("[1] | map('nope')", "unknown filter 'nope'"),
        ("p | tojson ~ len", "'len' is a function"),
        ("f | tojson", "is not JSON"),
        ("'abc' | truncate(1)", "truncate needs a length of at least 3"),
        ("raise_exception('stop here')", "stop here"),
        ("dict(a=1)(2)", "this is not a function"),
        # sizes are refused before they are made
        ("'a' * 10 ** 10", "over 4000000"),
        ("[0] * 10 ** 7", "over 100000"),
        ("10 ** 100000", "too large"),
        ("2 ** 8000 * 2 ** 8000", "too large"),
        ("range(10 ** 9) | list", "over 100000"),
        ("'a'.ljust(10 ** 9)", "over 4000000"),
        ("'a' | center(10 ** 9)", "over 4000000"),
        ("('a' * 4000000) | replace('a', 'bb')", "over 4000000"),
        ("('a' * 4000000).replace('a', 'bb')", "over 4000000"),
        ("('a' * 3000000) ~ ('a' * 3000000)", "over 4000000"),
        ("('a' * 3000000) + ('a' * 3000000)", "over 4000000"),
        ("range(99999) | join('a' * 100)", "over 4000000"),
        ("('a\\n' * 2000000) | indent(100)", "over 4000000"),
        ("1 | tojson(indent=10 ** 9)", "over 100"),
        ("[[[0] * 9000] * 9000] * 9000", "over 4000000"),
        ("([[[0] * 9000] * 9000] * 9000) | tojson", "over 4000000"),
        ("[{'k': ['a' * 1000] * 9000}] | string", "over 4000000"),
        ("([[0] * 9000] * 9000) | sum(start=[])", "over 100000"),
    ],
)
def test_refused(expression, message):
    with pytest.raises(TemplateRuntimeError) as caught:
        text("{{ " + expression + " }}", d={"mising": 1}, p=POINT, word="w", f=value("len"))
    assert message in str(caught.value)


def test_the_error_of_a_run_has_its_place():
    with pytest.raises(TemplateRuntimeError) as caught:
        text("Hello\n  {{ person.name | upper }} and {{ person.nam | upper }}\n", person={"name": "Ann"})
    assert str(caught.value) == (
        "TemplateRuntimeError: the mapping has no 'nam', did you mean 'name'?\n"
        "  t.guided:2:36\n"
        "    2 |   {{ person.name | upper }} and {{ person.nam | upper }}\n"
        "      |                                    ^^^^^^^^^^\n"
        "  help: test it with 'is defined', or give it a value with | default(...)"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{% for a, b in [[1, 2, 3]] %}{% endfor %}", "3 values cannot be unpacked into 2 names"),
        ("{% for a, b in [1] %}{% endfor %}", "cannot be unpacked into 2 names"),
        ("{% for a in 5 %}{% endfor %}", "an integer has no items"),
        ("{% set a = 1 %}{% set a.b = 2 %}", "'a' is not a namespace"),
        ("{% check 1 > 2, 'one is ' ~ 1 %}", "one is 1"),
        ("{% check false %}", "this check failed"),
        ("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "takes 1 arguments, 2 were given"),
        ("{% macro f(a) %}{{ a }}{% endmacro %}{{ f() }}", "was called without 'a'"),
        ("{% macro f(a) %}{% endmacro %}{{ f(b=1) }}", "but it is no parameter"),
        ("{% macro f(i) %}{{ f(i) }}{{ f(i) }}{% endmacro %}{{ f(1) }}", "macros call each other more than"),
        ("{% for i in range(2000) %}{% for j in range(2000) %}{% endfor %}{% endfor %}", "more than 300000 steps"),
        ("{% for i in range(9000) %}{% for j in range(9000) %}a{% endfor %}{% endfor %}", "more than 300000 steps"),
        ("{% for i in range(50000) %}{{ 'a' * 1000 }}{% endfor %}", "longer than 4000000 characters"),
    ],
)
def test_bodies_that_fail(body, message):
    with pytest.raises(TemplateRuntimeError, match=message):
        text(body)


def test_the_work_of_a_run_is_counted_over_its_parts():
    source = Source("{% for i in range(600) %}a{% endfor %}")
    body, budget = parse(source).body, Budget(steps=2000)
    render(body, Scope(), source, budget)
    with pytest.raises(TemplateRuntimeError):
        render(body, Scope(), source, budget)


def test_a_tool_is_called_and_its_failure_is_text():
    def shout(word):
        if word == "no":
            raise ToolError("not this one")
        return word.upper()

    schema = {"properties": {"word": {"type": "string"}}, "required": ["word"]}
    scope = {"tools": {"shout": Tool("shout", "Shout.", schema, shout)}}
    assert value("tools.shout({'word': 'hi'})", **scope) == "HI"
    assert value("tools['shout'](word='hi')", **scope) == "HI"
    assert value("tools.shout.name ~ tools.shout.parameters.type", **scope) == "shoutobject"
    assert value("tools.shout({'word': 'no'})", **scope).startswith("Error: ")
    assert value("tools.shout({'w': 1})", **scope).startswith("Error: ")
    assert not value("tools.shout.call is defined", **scope)


def test_a_macro_in_deep_blocks_is_an_error_of_the_template():
    deep = "{% if 1 %}" * 25 + "{{ f(i) }}" + "{% endif %}" * 25
    with pytest.raises(TemplateRuntimeError):
        text("{% macro f(i) %}" + deep + "{% endmacro %}{{ f(1) }}")


def test_the_deepest_expression_is_computed():
    nested = "(" * 38 + "1" + " + 1)" * 38
    assert text("{% if 1 %}" * 30 + "{{ " + nested + " }}" + "{% endif %}" * 30) == "39"


def test_a_deep_value_is_an_error_of_the_template():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateRuntimeError):
        text("{{ a | tojson }}", a=deep)


def test_every_character_of_an_expression_has_its_span():
    source = Source("a {{ person.name | default('x') ~ items[0] }}")
    (_, output) = parse(source).body
    spans = [source.text[node.span.start : node.span.end] for node in (output, output.value, *output.value.parts)]
    assert spans == [
        "{{ person.name | default('x') ~ items[0] }}",
        "person.name | default('x') ~ items[0]",
        "person.name | default('x')",
        "items[0]",
    ]


def test_scopes_are_values():
    outer = Scope.of({"a": 1})
    inner = outer.push({"a": 2})
    assert (inner["a"], inner.bind("a", 3)["a"], inner["a"], inner.pop()["a"]) == (2, 3, 2, 1)
    assert sorted(inner.capture("c", 1)) == ["a", "c"]
    assert dict(inner.rebind("a", 5).pop()) == {"a": 1}
    with pytest.raises(KeyError):
        outer["b"]


def test_the_checker_finds_no_fault_with_what_runs():
    body = "{% macro f(a) %}{{ a.b }}{% endmacro %}{% set ns = namespace() %}{% set ns.x = f({'b': 1}) %}{{ ns.x }}"
    check(parse(Source(body)))
    assert text(body) == "1"
