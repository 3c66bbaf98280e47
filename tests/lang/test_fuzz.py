"""Whatever a file holds, parsing and checking end in a template or in an error with a place, and rendering does too."""

# ruff: noqa: SIM905 - a table

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.errors import TemplateError, TemplateSyntaxError
from guided.lang import Scope, captures_of, check, parse, render
from guided.source import Source

HERE = Path(__file__).parent
TEXTS = [
    *(path.read_text(encoding="utf-8") for path in sorted((HERE.parents[1] / "templates").glob("*.guided"))),
    *(path.read_text(encoding="utf-8").split("=" * 72)[0] for path in sorted((HERE / "golden").glob("*.txt"))),
]
SCRAPS = (
    '{{ |}}|{%|%}|{#|#}|-|+|(|)|[|]|{|}|"|\'|\\|r"|.|,|:|=|==|~|is|in|not|if|else|for|endif|endfor|gen|select|set|it'
    '|\n|\n---\n|- |0|1e9|é|\U0001f98a|\x00|\u2028|\r|\t| | and |{% raw %}|{% endraw %}|{% else %}|{{ gen("x") }}|_x'
).split("|")


@st.composite
def broken(draw):
    """A template with a few cuts, copies and scraps in it."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.just(""), st.sampled_from(SCRAPS), st.just(text[at:end] * 2), st.text(max_size=3)))
        text = text[:at] + piece + text[end:]
    return text


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(broken())
def test_a_broken_template_is_refused_with_a_place(text):
    with contextlib.suppress(TemplateSyntaxError):
        file = parse(Source(text))
        check(file)
        if not any(captures_of(file.body)):
            with contextlib.suppress(TemplateError):
                render(file.body, Scope.of(dict.fromkeys(file.front.inputs, "x")), file.source)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(broken())
def test_the_place_is_inside_of_the_text(text):
    place = None
    try:
        check(parse(Source(text)))
    except TemplateSyntaxError as error:
        place = error.diagnostic
    if place is not None:
        assert 0 <= place.span.start <= place.span.end <= len(place.source.text)
        assert place.message in str(place)
