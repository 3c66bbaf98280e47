"""Look-around, boundaries and back-references: against `re`, against Node, and both ways of lowering."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.constraints import Regex
from guided.constraints.regex import parse_pattern
from guided.constraints.regex.automaton import automaton_of
from guided.constraints.regex.tree import build_tree
from guided.errors import UnsatisfiableConstraint

from .conftest import accepts
from .fake_builder import FakeBuilder

PYTHON_PATTERNS = [
    r"(?:(?=ab)a)b",  # a look-ahead constrains what follows its group
    r"(?=a).*b",
    r"(?!a).*",
    r"(?!ab|b$)[ab]*",
    r"(?!.*bb).*",
    r"(?=.*a)(?=.*b).{0,4}",
    r"(?:(?!bb).)*",
    r"(?:(?=a|b )[ab])*.?",
    r"(?:a(?!a)|b)*",
    r"(?:(?=(?:ab)*$)[ab])+|b",
    r"(?!(?!a)).*",
    r"(?=(?!b).(?=b)).*",
    r"(?=a(?<=a)b).*",
    r".*(?<=ab)",
    r".*(?<!ab)",
    r"(?:.(?<!ab))*",
    r"(?<!a)b+|a",
    r".*(?<=a(?=b)).*",
    r".*(?<=(?<!b)a)b*",
    r".*(?<=^a).*",
    r"(?:^|.*(?<=[ ,]))a.*",
    r"\ba+\b.*",
    r"\B.*",
    r".*\B",
    r"\b|\B",
    r"(?:\b.)*",
    r"(?:a\b ?|b)*",
    r"\b[ab]{1,3}\b.?",
    r"[ab ]{1,3}\b[ab ]*",
    r"a?\b.*",
    r"(?m)^a$\n^b$",
    r"(?m)(?:^[ab]*$\n?)*",
    r"(?m)a*$.*",
    r"(?ms).*^b",
    r"(?m:^a)\n?\Z",
    r"(?:a$\n?)*",
    r"(?:$|a)*\n*",
    r"(?:(?:a|$))+(?:(?:$){1,3})+",  # every `$` asks the same question
    r"((a|$)+(b|$){0,3}){1,4}",
    r"(?=a)*b",
    r"(?:(?=a)|b)*",
    r"(?:(?<=a)|a)+b?",
    r"(?:(?!b)a?){2,3}b?",
    r"(?=a|(?!b)).?b?",
    r"(?:(?=a)|(?=b)).*a",
    r"(a|b)\1",
    r"(a|b)(?:x|\1)*b",
    r"(?P<q>[ab ])[^ab]?(?P=q)",
    r"(a|b)(b|a)\2\1",
    r"((a|b)\2)\1",
    r"(a?)b\1",
    r"(?:(a|b)\1)*",
    r"(?:(a|b) ?\1(?=a|$))*a?",
    r"(?=(a|b)\1).*",
    r"([ab]{1,2})\1",
    r"(?:(?<![a])b|a)+?",
    r"[ab]{1,4}(?<!ab)",
    r"(?=..)(?!bb)[ab]+(?<=ba|bb)(?<!aba)",
    r"(?=a)(?<!ba)",
    r"(?=a)^(?=ab)",
    r"(?:(?=ab)a|b)*(?<!aa|bb)\Z(?<=a.)",
    r"(?=.*a$\n?)a*(?<=aa)$",
]
SHORT = ["".join(t) for n in range(6) for t in itertools.product("ab \n", repeat=n)]


def _automaton(pattern: str, builder: FakeBuilder, *, search: bool = False) -> int:
    program = parse_pattern(pattern, "ecma" if search else "python")
    return builder.automaton(*automaton_of(build_tree(program.ops), search=search))


def _differences(builder: FakeBuilder, expression: int, wanted: Iterable[tuple[str, bool]]) -> list[str]:
    return [text for text, matches in wanted if builder.matches(expression, text) != matches]


@pytest.mark.parametrize("pattern", PYTHON_PATTERNS)
def test_every_short_text_matches_as_in_re(pattern):
    compiled = re.compile(pattern)
    wanted = [(text, compiled.fullmatch(text) is not None) for text in SHORT]
    builder = FakeBuilder()
    assert _differences(builder, Regex(pattern).expression(builder), wanted) == []
    assert _differences(builder, _automaton(pattern, builder), wanted) == []


@pytest.mark.parametrize("pattern", PYTHON_PATTERNS)
def test_the_native_core_agrees(pattern):
    compiled = re.compile(pattern)
    regex = Regex(pattern)
    for text in SHORT[:340]:
        try:
            assert accepts(regex, text) == bool(compiled.fullmatch(text)), text
        except UnsatisfiableConstraint:
            assert not compiled.fullmatch(text), text


_ATOMS = st.sampled_from(["a", "b", ".", "[^a]", "", "^", "$", r"\b", r"\B", "ab", r"\n", " "])
_LOOKS = st.sampled_from(["(?=", "(?!", "(?:(?=", "(?:(?!"])
_REPEATS = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?"])
_BEHINDS = st.sampled_from(["(?<=a)", "(?<!a)", "(?<=ab)", "(?<!.b)", "(?<=^)", "(?<!(?<=a)b)"])


def _combine(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        st.tuples(inner, _REPEATS).map(lambda p: f"(?:{p[0]}){p[1]}"),
        st.tuples(_LOOKS, inner, inner).map(lambda p: f"{p[0]}{p[1]}){p[2]}" + (")" if p[0].startswith("(?:") else "")),
        st.tuples(_BEHINDS, inner).map("".join),
        st.tuples(inner, _BEHINDS).map("".join),
    )


_PATTERNS = st.recursive(_ATOMS, _combine, max_leaves=8)
_TEXTS = ["".join(t) for n in range(5) for t in itertools.product("ab \n", repeat=n)]


@given(pattern=_PATTERNS)
@settings(max_examples=150, deadline=None)
def test_generated_patterns_match_as_in_re(pattern):
    compiled = re.compile(pattern)
    wanted = [(text, compiled.fullmatch(text) is not None) for text in _TEXTS]
    builder = FakeBuilder()
    assert _differences(builder, Regex(pattern).expression(builder), wanted) == []
    assert _differences(builder, _automaton(pattern, builder), wanted) == []
