"""The format `regex`: what it lets through is a pattern for ECMA-262, with and without `u`, for `re`, and for us."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import warnings

import pytest

from guided import JsonSchema
from guided.constraints.regex import parse_pattern
from guided.errors import InvalidRegex, UnsupportedSchema

from .conftest import BYTES

REGEX = {"type": "string", "format": "regex"}

LET_THROUGH = [
    *("", "a", "^a+$", "^/api/(.*)$", "old text", "^value1|value2$", "a||b", "(|)", "()", ".*?", "a??", "$^", r"\/"),
    *(
        "a{2}",
        "a{2,}",
        "a{1,2}",
        "a{12,12}",
        "a{0,999}",
        "a{99,100}",
        "(a{3}){4}?",
        r"\d{3}-\d{4}",
        r"\bfoo\B",
        r"\.\$\{\}",
    ),
    *(
        "[a-z]",
        "[^a-zA-Z0-9_-]",
        "[-a]",
        "[-]",
        "[^-]",
        r"[\w-]",
        r"[\-\]]",
        "[ -~]",
        "[a&b|c]",
        "[A-Za-zÀ-ÿ]",
        "[é😀]",
    ),
    *(r"[\x00-\x1f]", r"[\u4e00-\u9fa5]", r"[\u0400-\u04FF]", r"[ -\uFFFF]", r"\u00e9\x41", "[.*+?]"),
    *("(?=a)", "(?!a|b)c", "(?<=ab[cd])e", "(?<!x)y", "((((()))))", "(?:a(b|(?:c(d(e)*)+))?)"),
]
LEFT_OUT = [  # patterns, for some readers at least
    *(
        "((((((a))))))",
        r"(a)\1",
        "(?<n>a)",
        r"\p{L}",
        r"\u{61}",
        r"\ud83d",
        r"\cA",
        r"\0",
        r"\-",
        "]",
        "}",
        "a{,2}",
        "{",
    ),
    *(
        "[]",
        "[^]",
        "[--]",
        "[a&&b]",
        "[a~~b]",
        "[a[b]",
        "[a^b]",
        "(?<=a+)b",
        "(?i)a",
        "(?P<n>a)",
        "a{1000}",
        "a{100,100}",
    ),
    *("(?=a)*", "^*", r"[Ā-ſ]", r"[\w-x]", "a++"),
]
NO_PATTERNS = [
    *(
        "[",
        "(",
        ")",
        "(?",
        "(?:",
        "a**",
        "*",
        "+a",
        "a{2,1}",
        "a{12,11}",
        "[z-a]",
        r"[\x20-\x1f]",
        r"[\u9fa5-\u4e00]",
        "\\",
    ),
    *("a|*", "(*)", r"\x4", r"\u12", "[a", "(a", "a)", "[b-a]", r"[é-\u0041]", "a???"),
]


@pytest.fixture(scope="module")
def is_let():
    grammar = JsonSchema(REGEX).compile(BYTES)

    def is_let(text: str) -> bool:
        matcher = grammar.matcher()
        return matcher.accept_bytes(json.dumps(text).encode()) and matcher.is_accepting

    return is_let


@pytest.mark.parametrize("text", LET_THROUGH)
def test_let_through(text, is_let):
    assert is_let(text)


@pytest.mark.parametrize("text", LEFT_OUT + NO_PATTERNS)
def test_refused(text, is_let):
    assert not is_let(text)


def _random_patterns(count: int, rng: random.Random) -> list[str]:
    """Texts that end somewhere, from random walks over characters that mean something in patterns."""
    grammar = JsonSchema(REGEX, whitespace="compact").compile(BYTES)
    pieces = [*r"^$\.*+?()[]{}|/-,:=!<&~", *"dwsbBxun019afFzAZ", "é", "ÿ", "一", "😀", " ", "\n"]
    out = []
    while len(out) < count:
        text, matcher = "", grammar.matcher()
        assert matcher.accept_bytes(b'"')
        for _ in range(rng.randint(1, 60)):
            piece = rng.choice(pieces)
            fork = matcher.fork()
            if fork.accept_bytes(json.dumps(piece)[1:-1].encode()):
                text, matcher = text + piece, fork
        rest = json.loads('"' + json.dumps(text)[1:-1] + matcher.shortest_completion().decode())
        out.append(rest)
    return out


@pytest.fixture(scope="module")
def patterns():
    return LET_THROUGH + _random_patterns(2000, random.Random(5))


def _is_read(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # sets that will mean something else some day
            re.compile(pattern)
            parse_pattern(pattern, "ecma")
    except (re.error, InvalidRegex, FutureWarning):
        return False
    return True


def test_random_patterns_are_read_by_python_and_by_us(patterns):
    assert [p for p in patterns if not _is_read(p)] == []
    assert len({p for p in patterns if "(" in p and "[" in p}) > 200


def test_random_patterns_are_read_by_ecma_262(patterns):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    program = """
        const bad = JSON.parse(require('fs').readFileSync(0, 'utf8')).filter(p => {
            try { new RegExp(p); new RegExp(p, 'u'); return false } catch (e) { return true } })
        console.log(JSON.stringify(bad))
    """
    done = subprocess.run([node, "-e", program], input=json.dumps(patterns), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"not": REGEX},
        {"oneOf": [REGEX, {"const": "a"}]},
        {**REGEX, "const": "(("},
        {"propertyNames": {"format": "regex"}, "required": ["("]},
        {"if": {"properties": {"a": REGEX}}, "then": {"required": ["b"]}},
        {"contains": REGEX, "maxContains": 1},
    ],
    ids=str,
)
def test_what_asks_for_all_patterns_is_refused(schema):
    with pytest.raises(UnsupportedSchema, match="part of all patterns"):
        JsonSchema(schema).compile(BYTES)


def _lets(schema: object, value: object) -> bool:
    matcher = JsonSchema(schema).compile(BYTES).matcher()
    return matcher.accept_bytes(json.dumps(value).encode()) and matcher.is_accepting


def test_beside_other_types_and_as_a_name():
    either = {"oneOf": [REGEX, {"type": "array", "items": REGEX}]}
    assert [_lets(either, value) for value in ("a", "(", ["a"], ["("], 1)] == [True, False, True, False, False]
    names = {"propertyNames": {"format": "regex"}}
    assert [_lets(names, value) for value in ({"^a": 1}, {"(": 1}, {})] == [True, False, True]
