"""Hole-free templates render as Jinja renders them; jinja2 is only asked here."""

# ruff: noqa: E501, SIM905 - tables, one template per line

from __future__ import annotations

import json

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.errors import TemplateError, TemplateSyntaxError
from guided.lang import Scope, check, parse, render
from guided.source import Source

# Not optimized: its constant folding writes (-1) ** x as -1 ** x, which Python then groups the other way round.
JINJA = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, optimized=False)


def _tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    """`tojson` as the chat templates of transformers have it."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


JINJA.filters["tojson"] = _tojson

INPUTS = {
    "n": 7,
    "x": 2.5,
    "yes": True,
    "nothing": None,
    "word": "Hello",
    "line": "  The quick <b>brown</b> fox & friends  ",
    "lines": "one\ntwo\n\nthree",
    "words": ["pear", "Apple", "fig", "apple"],
    "numbers": [3, 1, 2, 3],
    "nested": [[1, 2], [3]],
    "person": {"name": "Ann", "age": 41, "tags": ["a", "b"], "home": {"city": "Rome"}},
    "people": [
        {"name": "Bob", "age": 30, "home": {"city": "Oslo"}},
        {"name": "Eve", "age": 25, "home": {"city": "Rome"}},
        {"name": "Zoe", "age": 30, "home": {"city": "Oslo"}},
    ],
    "unicode": "Zürich 🦊 \u2028",
    "empty": [],
}

DECLARATIONS = "---\ninputs: {" + ", ".join(f"{name}: any" for name in INPUTS) + "}\n---\n"


def ours(text: str, inputs=None) -> str:
    file = parse(Source(DECLARATIONS + text))
    check(file)
    return render(file.body, Scope.of(INPUTS if inputs is None else inputs), file.source)


def theirs(text: str, inputs=None) -> str:
    return JINJA.from_string(text).render(INPUTS if inputs is None else inputs)


EXPRESSIONS = """
1 + 2 * 3
(1 + 2) * 3
2 ** 3 ** 2
-2 ** 2
- 2 + 3
7 // 2
7 % 4 * 2
7 / 2
(1 + 2 * 3) ~ 4 == "74"
"a" ~ 1 ~ none
1 < 2 < 3
1 < 3 < 2
1 == 1.0
not n == 7
not yes and yes
yes or nothing
nothing or "other"
nothing and word
1 in numbers
"ell" in word
"city" not in person
"zz" not in word and not nothing
n if yes else x
n if nothing else x if yes else word
(n if nothing) is defined
"A" "B" 'C'
"tab\\tnew\\nquote\\"x\\u00fc\\x41"
[1, "two", 3.0, none, true]
(1, 2)
(1,)
()
{"a": 1, "b": [2]}
{}
person.name
person["name"]
person.home.city
person.tags[0]
people.0.name
people[-1].home["city"]
words[1:3]
words[::-1]
words[:2]
words[-2:]
word[1:]
word[0]
person.items() | list
person.keys() | list
person.get("age")
person.get("none", 5)
person.missing is defined
person.missing | default("d")
"" | default("d")
"" | default("d", true)
"" | d("e", boolean=true)
word.upper()
word.startswith("He")
line.strip().split(" ")
word.replace("l", "L")
"-".join(words)
word | upper
word | lower | capitalize
line | trim
line | title
"it's o'neil (a-b) [c]" | title
line | trim | length
words | join(", ")
people | join("; ", attribute="name")
words | first
words | last
words | sort
words | sort(reverse=true)
words | sort(case_sensitive=true)
people | sort(attribute="age") | map(attribute="name") | list
people | sort(attribute="age,name") | map(attribute="name") | list
people | map(attribute="home.city") | list
people | map(attribute="zip", default="?") | list
words | map("upper") | list
words | map("replace", "p", "P") | list
numbers | select("odd") | list
numbers | select | list
numbers | reject("eq", 3) | list
numbers | select("in", [1, 2]) | list
people | selectattr("age", "gt", 26) | map(attribute="name") | list
people | selectattr("home.city", "equalto", "Oslo") | list | length
people | rejectattr("age", "eq", 30) | map(attribute="name") | join
numbers | sum
people | sum(attribute="age")
people | sum("age", 100)
numbers | max
numbers | min
words | max
words | unique | list
words | unique(case_sensitive=true) | list
people | unique(attribute="age") | map(attribute="name") | list
numbers | reverse | list
word | reverse
person | dictsort
person.home | items | list
{"b": 1, "A": 2} | dictsort(case_sensitive=true)
{"b": 1, "A": 2} | dictsort(by="value", reverse=true)
[1, 2, 3, 4, 5] | batch(2) | list
[1, 2, 3] | batch(2, "-") | list
[1, 2, 3, 4, 5] | slice(3) | list
[1, 2, 3, 4, 5] | slice(3, "x") | list
42.55 | round
42.55 | round(1)
42.55 | round(1, "floor")
42.55 | round(0, "ceil")
-3 | abs
"42" | int
"4.9" | int
"x" | int(5)
"ff" | int(base=16)
"1.5" | float
"x" | float(2.0)
n | string ~ "!"
lines | indent
lines | indent(2, true)
lines | indent("> ", blank=true)
"foo bar baz qux" | truncate(9)
"foo bar baz qux" | truncate(9, true)
"foo bar baz qux" | truncate(11, false, "...", 0)
line | wordcount
"a long line of words to wrap" | wordwrap(10)
word | center(11) ~ "|"
line | replace("b", "B", 1)
person | tojson
person | tojson(indent=2)
unicode | tojson
unicode | tojson(ensure_ascii=true)
line | tojson
"a b/ü?" | urlencode
{"q": "a b", "p": 1} | urlencode
word | safe
n is odd
n is not even
n is divisibleby 7
n is divisibleby(2)
n is number and word is string
person is mapping
words is sequence and word is iterable
nothing is none
yes is true
yes is boolean
x is float
n is integer
n is eq 7
n is ge(7)
word is in(["Hello"])
word is upper
word is sameas word
nope is defined and loop.first
range(5) | list
range(1, 10, 3) | list
range(3) | map("string") | join
dict(a=1).a
words | length > 3
(words | length) + 1
"%s" ~ 1
0x10 + 0b11 + 0o7 + 1_000
1.5e3
1e-2 ~ ""
[[1, 2], [3]] | map("sum") | list
people | groupby("home.city") | map("first") | list
nested[0][1] * nested[1][0]
"a" < "b" and "b" <= "b"
loop is defined
"{{ x }}" ~ '%}'
"""


@pytest.mark.parametrize("expression", [e.strip() for e in EXPRESSIONS.strip().split("\n")])
def test_expression(expression):
    text = "{{ " + expression + " }}"
    if expression.startswith(("nope", "loop")):
        text = "{% for nope in [1] %}" + text + "{% endfor %}"
    assert ours(text) == theirs(text)


BODIES = {
    "blocks take their newline": "a\n{% if yes %}\nb\n{% endif %}\nc\n",
    "blocks take the blanks before them": "a\n   {% if yes %}\n  b\n\t {% endif %}\nc",
    "text before a block keeps its blanks": "a  {% if yes %} b {% endif %} c",
    "minus strips both sides": "a \n {%- if yes -%} \n b \n {%- endif -%} \n c",
    "minus on output": "a \n {{- word -}} \n b",
    "plus keeps": "a\n   {%+ if yes +%}\nb{% endif +%}\nc",
    "comments vanish": "a\n  {# one\n two #}\nb {# c #} d {#- e -#} f",
    "a comment may hold tags": "a{# {{ x }} {% if %} #}b",
    "raw": "a\n{% raw %}\n{{ x }} {% if %}\n{% endraw %}\nb",
    "raw with minus": "a {%- raw -%} \n {{ x }} \n {%- endraw -%} \n b",
    "raw is indented": "a\n  {% raw %}{{ x }}\n  {% endraw %}\nb",
    "carriage returns": "a\r\n{% if yes %}\r\nb\r\n{% endif %}\r\nc\rd",
    "block at the very start": "  {% if yes %}\nx{% endif %}",
    "blocks on one line": "  {% if yes %} {% if yes %}  x{% endif %}{% endif %}  \n",
    "if chains": "{% if nothing %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "if else": "{% if nothing %}a{% elif nothing %}b{% else %}c{% endif %}",
    "for with loop": "{% for w in words %}{{ loop.index }}/{{ loop.length }} {{ w }}{{ ',' if not loop.last }}\n{% endfor %}",
    "for numbers": "{% for w in words %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{% endfor %}",
    "for neighbours": "{% for w in words %}{{ loop.previtem | default('-') }}{{ loop.nextitem | default('-') }}{% endfor %}",
    "for cycle": "{% for w in words %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}",
    "for if": "{% for i in numbers if i > 1 %}{{ loop.index }}:{{ i }} {% endfor %}",
    "for else": "{% for i in empty %}x{% else %}none{% endfor %}",
    "for over a filtered nothing": "{% for i in numbers if i > 9 %}x{% else %}none{% endfor %}",
    "for unpacks": "{% for k, v in person.items() %}{{ k }}={{ v }};{% endfor %}",
    "for unpacks in brackets": "{% for (a, b) in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %}",
    "for over a mapping": "{% for k in person %}{{ k }} {% endfor %}",
    "for over text": "{% for c in word %}{{ c }}.{% endfor %}",
    "nested loops": "{% for a in nested %}{% set outer = loop %}{% for b in a %}{{ outer.index }}{{ loop.index }}{{ b }} {% endfor %}{% endfor %}",
    "loop variables are local": "{% set w = 1 %}{% for w in words %}{{ w }}{% endfor %}{{ w }}",
    "set in a loop is local": "{% set a = 1 %}{% for i in numbers %}{% set a = a + i %}{{ a }} {% endfor %}{{ a }}",
    "set in an if is not": "{% set a = 1 %}{% if yes %}{% set a = 2 %}{% endif %}{{ a }}",
    "set hides an input": "{% set n = n + 1 %}{{ n }}",
    "set unpacks": "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "set of a tuple": "{% set a = 1, 2 %}{{ a }}",
    "set block": "{% set a %}x{{ n }}\ny{% endset %}[{{ a }}]",
    "set block with filters": "{% set a | upper | replace('X', '-') %}x{{ n }}y{% endset %}[{{ a }}]",
    "namespace": "{% set ns = namespace(a=0, b='x') %}{% for i in numbers %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}",
    "filter block": "{% filter upper | trim %} a{{ word }} {% endfilter %}",
    "with": "{% with a = n, b = 2 %}{{ a * b }}{% endwith %}",
    "with hides": "{% set a = 1 %}{% with a = 5 %}{{ a }}{% set a = 6 %}{{ a }}{% endwith %}{{ a }}",
    "macro": "{% macro f(a, b=2) %}<{{ a }}:{{ b }}>{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=4, a=n) }}",
    "macro sees inputs": "{% macro f() %}{{ word }}{% endmacro %}{{ f() | upper }}",
    "macro calls itself": "{% macro f(i) %}{{ i }}{% if i > 0 %}{{ f(i - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
    "macros call each other": "{% macro a(x) %}({{ x }}){% endmacro %}{% macro b(x) %}{{ a(x) ~ a(x) }}{% endmacro %}{{ b(1) }}",
    "if without else prints nothing": "[{{ 'x' if nothing }}]",
    "json in text": '{"a": {{ person | tojson }}, "b": {"c": 1}}',
    "mapping then close": "{{ {'a': {'b': 1}}['a']['b'] }}",
    "braces in strings": "{{ '}}' }}{{ \"{% if %}\" }}",
    "no tags": "just { text } with % and #\n\n",
    "empty": "",
    "trailing newlines stay": "a\n\n",
    "adjacent": "{{ n }}{{ n }}{% if yes %}{% endif %}{{ n }}",
    "chat": "{% for m in people %}<|{{ m.name }}|>\n{{ m.age }}{% if not loop.last %}\n{% endif %}{% endfor %}",
}


CHAT = """
{%- if offered %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are helpful.' }}
    {%- endif %}
    {%- for tool in offered %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "<|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}
{%- endif %}
{%- set ns = namespace(multi=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi and message.role == "user" and message.content is string and not message.content.startswith('<r>') %}
        {%- set ns.multi = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content.split('</think>')[-1].lstrip('\\n') if '</think>' in message.content else message.content %}
        {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
                {{- '\\n<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
                {{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<r>\\n' + message.content + '\\n</r>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is <b>6 * 7</b>?"},
    {
        "role": "assistant",
        "content": "<think>hm</think>\n\nI look.",
        "tool_calls": [{"function": {"name": "calc", "arguments": {"e": "6 * 7 & é"}}}, {"name": "x", "arguments": {}}],
    },
    {"role": "tool", "content": "42"},
    {"role": "tool", "content": "43"},
    {"role": "user", "content": "Thanks"},
]


@pytest.mark.parametrize(
    "messages", [MESSAGES, MESSAGES[1:], MESSAGES[:2], MESSAGES[3:]], ids=["all", "bare", "two", "tail"]
)
@pytest.mark.parametrize(
    "offered", [[], [{"type": "function", "function": {"name": "calc"}}]], ids=["no tools", "tools"]
)
def test_a_chat_template(messages, offered):
    inputs = {"messages": messages, "offered": offered, "add_generation_prompt": True}
    source = Source(f"---\ninputs: {{{', '.join(f'{name}: any' for name in inputs)}}}\n---\n{CHAT}")
    file = parse(source)
    check(file)
    assert render(file.body, Scope.of(inputs), file.source) == theirs(CHAT, inputs)


@pytest.mark.parametrize("text", BODIES.values(), ids=BODIES.keys())
def test_body(text):
    assert ours(text) == theirs(text)


PIECES = (
    " |\n|\t|  |a|b c|{|}|%|#|-|é|\r\n|{{ n }}|{{- n }}|{{ n -}}|{{ word }}|{# c #}|{#- c -#}|{% set a = 1 %}"
    "|{% if yes %}|{%- if yes %}|{% if nothing -%}|{%+ if yes %}|{% else %}|{%- else -%}|{% endif %}|{%- endif -%}"
    "|{% endif +%}|{% for i in numbers %}|{%- for i in words -%}|{% endfor %}|{% endfor -%}"
    "|{% raw %}|{% endraw %}|{%- raw -%}|{%- endraw -%}"
).split("|")


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_white_space_is_trimmed_alike(text):
    try:
        expected = theirs(text)
    except jinja2.TemplateSyntaxError:
        return  # we may refuse it too, or not: not what is asked here
    try:
        assert ours(text) == expected
    except TemplateSyntaxError as error:
        if "is never closed" not in str(error):  # Jinja takes a `raw` or comment that ends with the template
            raise


ATOMS = st.sampled_from(["1", "2", "n", "x", "3.5", "yes", "nothing", "word", "'a'", "numbers", "[1, 2]", "person.age"])


def _combine(inner):
    binary = st.sampled_from(
        ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", "and", "or", "in", "not in", "**", ">"]
    )
    suffix = st.sampled_from(["|string", "|default(1)", " is none", " is not string", "|list|length", "|int", "|abs"])
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda t: f"{t[0]} {t[1]} {t[2]}"),
        inner.map(lambda e: f"({e})"),
        inner.map(lambda e: f"not {e}"),
        inner.map(lambda e: f"-{e}"),
        st.tuples(inner, suffix).map("".join),
        st.tuples(inner, inner, inner).map(lambda t: f"{t[0]} if {t[1]} else {t[2]}"),
        inner.map(lambda e: f"[{e}, 1][0]"),
    )


@pytest.mark.slow
@settings(max_examples=800, deadline=None)
@given(st.recursive(ATOMS, _combine, max_leaves=8))
def test_expressions_group_alike(expression):
    """Where both compute a value it is the same; we refuse more (text + number, for one)."""
    text = "{{ " + expression + " }}"
    try:
        expected = theirs(text)
    except Exception:
        expected = None
    try:
        found = ours(text)
    except TemplateError:
        return
    if expected is not None:
        assert found == expected
