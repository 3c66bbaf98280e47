"""Python's dialect against `re.fullmatch`, ECMA-262 against its own rules, errors with their positions."""

from __future__ import annotations

import random
import re
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.constraints import Regex
from guided.constraints.characters import case_variants, unicode_digits, unicode_spaces, unicode_words
from guided.constraints.regex import lower_program, parse_pattern
from guided.constraints.regex.nodes import Words
from guided.errors import ConstraintError, InvalidRegex, UnsatisfiableConstraint

from .conftest import BYTES, accepts
from .fake_builder import FakeBuilder

PYTHON_PATTERNS = [
    r"abc",
    r"a|b|cd",
    r"(a|bc)*d",
    r"[^a-c]+",
    r"a{2,3}",
    r"a{,2}b",
    r"^abc$",
    r"(^a|b)c$",
    r"a$\n?",
    r"(a$|b)\n*",
    r"a$\n\n?",
    r"(a|ab)$(\n|)",
    r"(^|b)+a",
    r"(a|^)(b|$)",
    r"a^b|c",
    r"(a*^)*b",
    r"(?:a*\Z)*",
    r"\Aab\Z",
    r"^$",
    r"$",
    r"x*$^y*",
    r"(?i)straße",
    r"(?i)[k-m]+",
    r"(?i)[^k]",
    r"(?i:a)b",
    r"(?i:a(?-i:b))",
    r"\w+\s\d",
    r"[\d_]+",
    r"[^\W\d]",
    r"(?a)\w\W",
    r".*",
    r"(?s).*",
    r"x*?y",
    r"((a))",
    r"(?:)",
    r"",
    r"a||b",
    r"(?:a|)+",
    r"[]a]+",
    r"[a\]]",
    r"{a}",
    r"a{1",
    r"a{}",
    r"a{,}b",
    r"\x41\u0042\U00000043\n\t",
    r"\101\0",
    r"[\b\101]",
    r"(?P<n>a)b",
    r"a(?#note)b",
    r"\N{LATIN SMALL LETTER A}",
    r"(a+)+b",
    r"(?:ab|a)(?:bc|c)",
]
ALPHABET = "abcdkK\u017flm\n s1S_\xdf\xe9.{}A\u212a]xy0\b"


@pytest.mark.parametrize("pattern", PYTHON_PATTERNS, ids=lambda p: p or "empty")
def test_python_dialect_is_re_fullmatch(pattern):
    builder = FakeBuilder()
    expression = Regex(pattern).expression(builder)
    rng = random.Random(pattern)
    texts = [
        "",
        "\n",
        "a",
        "a\n",
        "ab\n",
        "\n\n",
        "abc",
        "bcd",
        "aaa",
        "aaaa",
        "STRASSE",
        "stra\xdfe",
        "{a}",
        "a{1",
        "ABC\n\t",
    ]
    texts += ["".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 5))) for _ in range(250)]
    for text in texts:
        assert builder.matches(expression, text) == bool(re.fullmatch(pattern, text)), (pattern, text)


@pytest.mark.parametrize("pattern", PYTHON_PATTERNS, ids=lambda p: p or "empty")
def test_the_native_core_agrees(pattern):
    rng = random.Random(pattern)
    regex = Regex(pattern)
    for _ in range(60):
        text = "".join(rng.choice(ALPHABET) for _ in range(rng.randint(0, 5)))
        try:
            assert accepts(regex, text) == bool(re.fullmatch(pattern, text)), (pattern, text)
        except UnsatisfiableConstraint:
            assert not re.fullmatch(pattern, text)


_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "", "^", "$", r"\n", "ab"])


def _combine(inner):
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}?"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
    )


@given(
    pattern=st.recursive(_ATOMS, _combine, max_leaves=8),
    texts=st.lists(st.text(alphabet="ab1\n", max_size=6), max_size=12),
)
@settings(max_examples=400, deadline=None)
def test_generated_patterns_are_re_fullmatch(pattern, texts):
    builder = FakeBuilder()
    try:
        expression = Regex(pattern).expression(builder)
    except InvalidRegex:
        assert "$" in pattern  # inside a repeat: what follows it might be the last newline
        return
    for text in texts:
        assert builder.matches(expression, text) == bool(re.fullmatch(pattern, text)), text


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("b", ["b", "abc", "b\n"], ["", "ac"]),
        ("^b", ["b", "bc"], ["ab"]),
        ("b$", ["ab"], ["bc", "b\n"]),
        ("^a|b$", ["ac", "cb"], ["ba", "cac"]),
        ("(^|/)x(/|$)", ["x", "a/x", "x/b", "a/x/b"], ["ax", "xb", "a/xb"]),
        (r"^\d+$", ["123"], ["", "\u0661", "1\n"]),
        (r"^\w$", ["a", "_"], ["\xe9", ""]),
        (r"^\s$", ["\ufeff", "\u2028", "\xa0"], ["\u180e", "\x1c"]),
        (r"^.$", ["a", "\x85", "\U0001f600"], ["\n", "\r", "\u2028"]),
        (r"^[^]$", ["\n", "a"], ["", "ab"]),
        (r"^\p{Lu}\p{Nd}$", ["A1", "\xc9\u0663"], ["a1"]),
        (r"^\P{L}$", ["1"], ["a"]),
        (r"^\p{General_Category=Letter}$", ["a"], ["1"]),
        (r"^\u{1F600}$", ["\U0001f600"], ["a"]),
        (r"^\uD83D\uDE00$", ["\U0001f600"], []),
        (r"^\cJ\x41\/\-$", ["\nA/-"], []),
        (r"^[\w-.]$", ["a", "-", "."], ["/"]),
        (r"^{2}$", [], []),
        (r"^(?<year>\d{4})-?$", ["2026", "2026-"], ["202"]),
        ("^$", [""], ["a"]),
        ("a{2,}", ["baab"], ["aba"]),
    ],
)
def test_ecma_search(pattern, matching, others):
    if pattern == r"^{2}$":
        with pytest.raises(InvalidRegex, match="nothing to repeat"):
            Regex(pattern, search=True)
        return
    regex = Regex(pattern, search=True)
    assert [t for t in matching if not accepts(regex, t)] == []
    assert [t for t in others if accepts(regex, t)] == []


PYTHON_ERRORS = {
    "a**": 2,
    "(a": 0,
    "a)": 1,
    "x[a": 1,
    "*a": 0,
    "(?:|*)": 4,
    "a\\": 1,
    "(a*)\\1": 4,
    "(.)\\1": 3,
    "(a|b)*\\1": 6,
    "(?:(a)|b)\\1": 9,
    "\\1(a)": 0,
    "(a\\1)": 2,
    "(a)\\2": 3,
    "(?i)(a)\\1": 7,
    "(a)(?<=\\1)": 3,
    "(?P<x>a)(?P<x>b)": 8,
    "(?P<x>a)(?P=y)": 8,
    "x(?<=a|bc)": 1,
    "(?<!a*)x": 0,
    "(?=a": 0,
    "x\\b*": 3,
    "(?x)a": 0,
    "(?L)a": 0,
    "a++": 2,
    "(?>a)": 0,
    "(a)(?(1)b|c)": 3,
    "x[z-a]": 2,
    "[\\d-z]": 1,
    "x{3,2}": 1,
    "x{9999999999999}": 1,
    "(?P<1>a)": 1,
    "\\q": 0,
    "[\\q]": 1,
    "a(?i)": 1,
    "\\x1": 0,
    "\\u12": 0,
    "\\U00110000": 0,
    "\\N{FOO}": 0,
    "^*": 1,
    "\\777": 0,
}


@pytest.mark.parametrize(("pattern", "position"), PYTHON_ERRORS.items(), ids=list(PYTHON_ERRORS))
def test_errors_have_their_position(pattern, position):
    with pytest.raises(InvalidRegex) as caught:
        Regex(pattern)
    assert (caught.value.position, caught.value.pattern) == (position, pattern)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\Aa",
        r"a\Z",
        "(?i)a",
        "(?P<n>a)",
        "(?#c)a",
        r"\a",
        "a++",
        r"\p{Script=Latin}",
        r"\u{110000}",
        r"\1",
        r"\k<a>",
    ],
)
def test_what_ecma_does_not_have_is_refused(pattern):
    with pytest.raises(InvalidRegex):
        Regex(pattern, search=True)


@pytest.mark.parametrize(
    "pattern",
    ["(" * 30_000 + "a" + ")" * 30_000, "(" * 30_000 + "a" + "b)" * 30_000, "(?:a|" * 20_000 + "b" + ")" * 20_000],
    ids=["parentheses", "nested concatenations", "nested alternatives"],
)
def test_deep_nesting_needs_no_stack(pattern):
    lower_program(FakeBuilder(), parse_pattern.__wrapped__(pattern))


def test_large_patterns_are_quick():
    start = time.perf_counter()
    words = parse_pattern.__wrapped__("|".join(f"word{i}" for i in range(100_000)))
    assert len(words.ops) == 1
    assert isinstance(words.ops[0], Words)
    parse_pattern.__wrapped__("x" * 100_000 + "y*")
    parse_pattern.__wrapped__("[" + "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) + "]")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("limit", [128, 129, 100_000])
def test_counted_repeats_have_no_cliff(limit):
    regex = Regex(f"x{{1,{limit}}}")
    assert accepts(regex, "x" * limit)
    assert not accepts(regex, "x" * (limit + 1))
    assert not accepts(regex, "")


def test_unicode_classes_are_those_of_re():
    for name, ranges in (("w", unicode_words()), ("d", unicode_digits()), ("s", unicode_spaces())):
        matching = re.compile("\\" + name).match
        members = {c for low, high in ranges for c in range(low, high + 1)}
        assert members == {c for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF and matching(chr(c))}


def test_case_variants_are_those_of_re():
    rng = random.Random(3)
    sample = [
        *range(0x250),
        0x130,
        0x131,
        0x17F,
        0x1E9E,
        0x212A,
        0x3C3,
        0x3C2,
        0x1C5,
        0x10400,
        *rng.sample(range(0x250, 0x1F00), 60),
    ]
    pool = [chr(c) for c in [*range(0x600), 0x1C4, 0x1C5, 0x1C6, *range(0x1E00, 0x2200), *range(0x10400, 0x10450)]]
    for code in sample:
        matching = re.compile(re.escape(chr(code)), re.IGNORECASE).fullmatch
        ranges = case_variants(code)
        for char in pool:
            inside = any(low <= ord(char) <= high for low, high in ranges)
            assert inside == bool(matching(char)), (code, char)


def test_regexes_are_values():
    assert Regex("a+") == Regex("a+")
    assert hash(Regex("a+")) == hash(Regex("a+"))
    assert Regex("a+") != Regex("a+", search=True)
    assert repr(Regex("a")) == "Regex('a')"
    with pytest.raises(ConstraintError, match="must be a str"):
        Regex(b"a")


def test_an_empty_language_is_unsatisfiable():
    with pytest.raises(UnsatisfiableConstraint):
        Regex("a^b").compile(BYTES)


def matches(grammar, text):
    matcher = grammar.matcher()
    return matcher.accept_bytes(text.encode()) and matcher.is_accepting


@pytest.mark.parametrize("part", ["a", "ab"])
def test_repeats_of_repeats_count_as_they_are_written(part):
    rng = random.Random(part)
    for _ in range(60):
        low, high, least, most = (rng.randint(0, 4) for _ in range(4))
        grammar = Regex(f"(?:(?:{part}){{{low},{low + high}}}){{{least},{least + most}}}").compile(BYTES)
        counts = {n for k in range(least, least + most + 1) for n in range(low * k, (low + high) * k + 1)}
        found = {n for n in range(70) if matches(grammar, part * n)}
        assert found == counts, (low, high, least, most)


def test_counts_beyond_32_bits_multiply():
    grammar = Regex("(?:(?:(?:a{0,999}){0,999}){0,999}){0,999}").compile(BYTES)
    assert [matches(grammar, text) for text in ("", "a" * 3000, "a" * 3000 + "b")] == [True, True, False]
