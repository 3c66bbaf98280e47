"""What the checker lets pass, and what it says of the captures."""

from __future__ import annotations

import pytest

from guided.errors import TemplateSyntaxError
from guided.lang import check, parse
from guided.lang.body import MAX_BLOCK_DEPTH
from guided.lang.holes import ARGUMENTS, GEN, SELECT
from guided.lang.statements import STATEMENTS
from guided.lang.tags import TAGS
from guided.source import Source


def captures(text: str) -> dict[str, str]:
    return {name: capture.type for name, capture in check(parse(Source(text))).items()}


def test_captures_are_typed_and_in_order():
    text = """{{ gen("a", stop=".") }}{{ gen("b", type=int) }}{{ gen("c", type=jsonstr) }}{{ gen("d", type=bool) }}
{{ select("e", ["x", "y"]) }}{% repeat "f", max=3 %}{{ gen("g", type=number) }}{% endrepeat %}
{% repeat "h", max=3 %}{{ gen("i", stop=":") }}: {{ gen("j", stop=",") }}{% endrepeat %}
{% choose "k" %}{% option "l" %}{{ gen("m", stop=".", append="all") }}{% endchoose %}"""
    assert captures(text) == {
        "a": "string",
        "b": "integer",
        "c": "string",
        "d": "boolean",
        "e": "string",
        "f": "number[]",
        "g": "number",
        "h": "object[]",
        "i": "string",
        "j": "string",
        "k": "string",
        "m": "string",
        "all": "string[]",
    }


@pytest.mark.parametrize(("keep", "of_a", "of_s"), [(2, "integer[]", "string[]"), (1, "integer", "string")])
def test_what_a_beam_keeps_are_lists(keep, of_a, of_s):
    text = f"""{{% beam n=4, keep={keep} %}}{{{{ gen("a", type=int, append="all") }}}}
{{{{ select("s", ["x", "y"]) }}}}{{% endbeam %}}"""
    assert captures(text) == {"a": of_a, "s": of_s, "all": "integer[]"}


@pytest.mark.parametrize(
    "text",
    {
        "a capture is seen outside of its loop": '{% for i in [1] %}{{ gen("a", stop=".") }}{% endfor %}{{ a }}',
        "and outside of its branch": '{% if 1 %}{{ gen("a", stop=".") }}{% endif %}{{ a }}',
        "and before itself in a loop": '{% loop max=3 %}{{ a | default("-") }}{{ gen("a") }}{% endloop %}',
        "in a break": '{% loop max=3 %}{{ gen("a", stop=".") }}{% break if a == "x" %}{% endloop %}',
        "in exhausted": '{% loop max=3 %}{{ gen("a", stop=".") }}{% exhausted %}{{ a }}{% endloop %}',
        "the same name on two paths": '{% if 1 %}{{ gen("a") }}{% else %}{{ gen("a") }}{% endif %}',
        "break in an option": "{% loop max=2 %}{% if 1 %}{% break %}{% endif %}{% endloop %}",
        "set rebinds an input": "---\ninputs: {a: string}\n---\n{% set a = a | trim %}{{ a }}",
        "where sees it and inputs": '---\ninputs: {n: integer}\n---\n{{ gen("a", where=[len(it) < n]) }}',
        "a single where": '{{ gen("a", where=len(it) < 3) }}',
        "options from an input": '---\ninputs: {o: "string[]"}\n---\n{{ select("a", o) }}',
        "options from tools": '---\ntools: [calculator]\n---\n{{ select("a", tools) }}{{ tools[a].parameters.type }}',
        "a call of a tool": "---\ntools: [calculator]\n---\n{{ tools.calculator(expression='1') }}",
        "beam in a role": '{% assistant %}{% beam n=2 %}{{ gen("a", stop=".") }}{% endbeam %}{% endassistant %}',
        "for and if in a beam": '{% beam n=2 %}{% for i in [1] %}{{ gen("a", stop=".") }}{% endfor %}{% endbeam %}',
        "hidden in a role": '{% user %}{% hidden %}{{ gen("a", stop=".") }}{% endhidden %}{% enduser %}',
        "a loop variable in a filter": "{% for w in ['a'] %}{{ loop.index ~ w | upper }}{% endfor %}",
        "a fallback for what may be missing": "---\ninputs: {a: object}\n---\n{{ a.b | default('c') }}",
        "unused definitions": "---\ndefs: {a: '[0-9]+'}\n---\n",
        "regex and type": '{{ gen("a", regex=r"\\d+", type=int) }}',
        "regex with a stop": '{{ gen("a", regex="[a-z]+", stop=["\\n", "."], keep_stop=true) }}',
        "capture named like an argument of run": '{{ gen("seed", stop=".") }}',
        "a mapping of strings in braces": '{{ {"a": {"b": "}}"}}["a"]["b"] }}',
        "nested blocks up to the limit": "{% if 1 %}" * MAX_BLOCK_DEPTH + "{% endif %}" * MAX_BLOCK_DEPTH,
    }.items(),
    ids=lambda item: item[0],
)
def test_passes(text):
    check(parse(Source(text[1])))


def test_one_table_has_every_tag_and_argument():
    assert set(STATEMENTS) | {"raw"} == set(TAGS)
    assert set(GEN) | set(SELECT) == set(ARGUMENTS)


SUPPORTED = {name for name, tag in TAGS.items() if tag.runs}
EXAMPLES = {
    "include": '{% include "a" %}',
    "sample": '{% sample n=2 %}{{ gen("a") }}{% endsample %}',
    "fork": '{% fork %}{% branch "a" %}{% join %}',
    "await": "{% await a %}",
}


@pytest.mark.parametrize("name", sorted(set(TAGS) - SUPPORTED))
def test_what_does_not_run_yet_is_refused_by_name(name):
    with pytest.raises(TemplateSyntaxError, match=f"'{name}' is not supported yet"):
        check(parse(Source(EXAMPLES[name])))


@pytest.mark.parametrize(
    "text",
    {
        "parentheses": "{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}",
        "lists": "{{ " + "[" * 10_000 + " }}",
        "mappings": "{{ " + '{"a": ' * 10_000 + " }}",
        "calls": "{{ " + "len(" * 10_000 + "1" + ")" * 10_000 + " }}",
        "items": "{{ a" + "[0]" * 10_000 + " }}",
        "attributes": "{{ a" + ".b" * 10_000 + " }}",
        "filters": "{{ 1" + " | string" * 10_000 + " }}",
        "sums": "{{ 1" + " + 1" * 10_000 + " }}",
        "powers": "{{ 1" + " ** 1" * 10_000 + " }}",
        "not": "{{ " + "not " * 10_000 + "1 }}",
        "signs": "{{ " + "-" * 10_000 + "1 }}",
        "conditions": "{{ " + "1 if 1 else " * 10_000 + "1 }}",
        "conditions without else": "{{ 1" + " if 1" * 10_000 + " }}",
        "mixed nesting": "{{ " + "(1 + [2 * {'a': -(not " * 5_000 + "1 }}",
        "ifs": "{% if 1 %}" * 10_000,
        "loops": "{% for i in [1] %}" * 10_000,
        "set blocks": "{% set a %}" * 10_000,
        "yaml lists": "---\na: " + "[" * 10_000 + "\n---\n",
        "yaml mappings": "---\n" + "{a: " * 10_000 + "\n---\n",
        "types": "---\ninputs: {a: 'string" + "[]" * 10_000 + "'}\n---\n",
        "braces": "{{" * 10_000,
        "tags": "{%" * 10_000,
        "quotes": "{{ '" * 10_000,
    }.items(),
    ids=lambda item: item[0],
)
def test_depth_is_an_error_with_a_place(text):
    with pytest.raises(TemplateSyntaxError) as caught:
        check(parse(Source(text[1])))
    assert len(caught.value.diagnostic.message) < 500


def test_long_flat_chains_are_fine():
    words = " ~ ".join(["1"] * 5_000)
    check(parse(Source("{{ " + words + " }}{{ " + words.replace("~", "or") + " }}{{ [" + "1, " * 5_000 + "] }}")))
    check(parse(Source("{{ " + "1 + 2 * 3 ~ 4 == 5 and 6 or " * 5_000 + "7 }}")))
