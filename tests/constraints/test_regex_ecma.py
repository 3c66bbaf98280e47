"""The ECMA-262 dialect against Node's `RegExp(pattern, "u")`: what is found where, and what does not parse."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from guided.constraints import Regex
from guided.constraints.characters import property_set
from guided.constraints.json_schema.outside import Outside
from guided.constraints.limits import DEFAULT_LIMITS
from guided.constraints.regex import lower_program, parse_pattern
from guided.constraints.regex.automaton import automaton_of
from guided.constraints.regex.tree import build_tree
from guided.errors import ConstraintTooComplex, InvalidRegex, UnsatisfiableConstraint

from .conftest import BYTES, accepts
from .fake_builder import FakeBuilder

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="the oracle of ECMA-262 patterns is Node")
DATA = Path(__file__).parents[3] / "shared" / "data" / "maskbench-dev.jsonl.gz"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the real schemas are not on this machine")

_ORACLE = """
const cases = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(cases.map(([pattern, texts]) => {
  try { const regex = new RegExp(pattern, FLAGS); return texts.map(t => regex.test(t)); } catch (e) { return null; }
})));
"""

PATTERNS = [
    r"(?=a)b",
    r"(?:(?=ab)a)b",
    r"^(?!a)",
    r"^(?!.*bb).*$",
    r"a(?!b)",
    r"(?<=a)b",
    r"(?<!a)b",
    r"(?<=a+)b$",
    r"(?<=^a+)b",
    r"(?<!^a*)b",
    r"(?<=(?!b).a)b",
    r"(?<=a(?=-))-",
    r"^(?:(?!bb)[ab])*$",
    r"^((?!-)[ab-]{1,3}(?<!-)-?)+b$",
    r"\ba\b",
    r"\Ba\B",
    r"^\B-?\B$",
    r"^\b|\b$",
    r"(?:\ba|b)+-",
    r"^(?:a\b-?|b)*$",
    r"a$|^b",
    r"(?:^a|b$)+",
    r"(?:^|-)a(?:$|-)",
    r"a^|$b",
    r"(?:a|^)*b",
    r"^(a|b)\1$",
    r"(?<q>[ab])-\k<q>",
    r"(a|b)(?:-\1)*$",
    r"^(?:(a|b)\1)+$",
    r"(a|b)(b|-)\2\1",
    r"^(?=(a|b)\1)",
    r"a*?b??$",
    r"^(?=[^-]+$)(?!a+$)[^]+$",
    r"(?!)",
    r"(?=)",
    r"^(?!(?!a))",
    r"[\b]|a",
    r"^(?=.{2,3}$)(?:a|b-?)*$",
    r"^(?:(?=.*-$)a|b|-)*$",
    r"(?<=\ba)-(?=\bb)",
    r"^(?!b|.*a$)",
    r"^(?!^b\\.|a)",
    r"^[ab]{1,4}(?<!ab)$",
    r"(?=a)[ab]*(?<!ab)$",
    r"^(?=a)[ab-]*(?<=ab)",
    r"^(?!ab)(?=[ab]{2,3}$)(?:a(?!a)|b)*(?<!bb)$",
    r"^(?=-)$",
    r"^(?=a)(?<=a)$",
    r"$(?<=ab)",
]
INVALID = [r"(?=a)*", r"(?<=a)?", r"\b+", r"(?<a>x)(?<a>y)", r"\k<x>(?<y>a)", r"(?<1>a)", r"(?=a", r"(a)\2", r"\1"]


def _ask_node(cases: list[tuple[str, list[str]]], flags: str = "u") -> list[Any]:
    done = subprocess.run(
        ["node", "-e", _ORACLE.replace("FLAGS", json.dumps(flags))],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def _texts(alphabet: str, longest: int) -> list[str]:
    return ["".join(t) for n in range(longest + 1) for t in itertools.product(alphabet, repeat=n)]


def _generated(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(["a", "b", "-", ".", "[^a]", "", "^", "$", r"\b", r"\B", "ab", r"\w"])
    one, other = _generated(rng, depth - 1), _generated(rng, rng.randrange(depth))
    repeat = rng.choice(["*", "+", "?", "{2}", "{0,2}"])
    return rng.choice(
        [
            one + other,
            f"(?:{one}|{other})",
            f"(?:{one}){repeat}",
            f"(?={one}){other}",
            f"(?!{one}){other}",
            f"{other}(?<={one})",
            f"{other}(?<!{one})",
        ]
    )


@needs_node
def test_patterns_find_what_node_finds():
    rng = random.Random(11)
    generated = [_generated(rng, rng.randint(1, 4)) for _ in range(250)]
    texts = _texts("ab-", 5)
    few = [*_texts("ab-", 4), "\n", "a\nb", "é", "aé", "\u2028a"]
    cases = [(p, texts) for p in PATTERNS] + [(p, few) for p in generated]
    for (pattern, asked), answer in zip(cases, _ask_node(cases), strict=True):
        program = parse_pattern(pattern, "ecma")
        builder = FakeBuilder()
        by_parts = lower_program(builder, program, search=True)
        as_a_whole = builder.automaton(*automaton_of(build_tree(program.ops), search=True))
        for text, found in zip(asked, answer, strict=True):
            assert builder.matches(by_parts, text) == found, (pattern, text)
            assert builder.matches(as_a_whole, text) == found, (pattern, text)


@needs_node
def test_the_native_core_agrees_with_node():
    texts = _texts("ab-", 4)
    for pattern, answer in zip(PATTERNS, _ask_node([(p, texts) for p in PATTERNS]), strict=True):
        regex = Regex(pattern, search=True)
        for text, found in zip(texts, answer, strict=True):
            try:
                assert accepts(regex, text) == found, (pattern, text)
            except UnsatisfiableConstraint:
                assert not found, (pattern, text)


@needs_node
def test_what_node_does_not_parse_is_refused():
    assert _ask_node([(p, []) for p in INVALID]) == [None] * len(INVALID)
    for pattern in INVALID:
        with pytest.raises(InvalidRegex):
            parse_pattern(pattern, "ecma")


def _real_patterns() -> list[str]:
    found: set[str] = set()
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        pending: list[Any] = [json.loads(line).get("schema") for line in lines]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("pattern"), str):
                found.add(value["pattern"])
            if isinstance(value.get("patternProperties"), dict):
                found.update(value["patternProperties"])
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return sorted(found)


def _spoilt(rng: random.Random, pattern: str) -> list[str]:
    """Texts near a pattern: pieces of itself without its signs, and changes of those."""
    plain = "".join(c for c in pattern if c not in "^$()[]{}|*+?\\")
    pieces = [
        "",
        plain,
        plain[: len(plain) // 2],
        "a",
        "1",
        "a.b",
        "http://a.yaml",
        "/x.yml",
        "a b",
        "a/b",
        "1.5",
        "-1",
    ]
    pieces += ["".join(rng.choice(plain or "a") for _ in range(rng.randint(1, 8))) for _ in range(8)]
    return pieces


@needs_node
@needs_data
def test_real_patterns_are_taken_and_find_what_node_finds():
    patterns = _real_patterns()
    assert len(patterns) > 1000
    not_strict = [p for p, a in zip(patterns, _ask_node([(p, []) for p in patterns]), strict=True) if a is None]
    with_look = [p for p in patterns if any(sign in p for sign in ("(?=", "(?!", "(?<", r"\b", r"\B"))]
    rng = random.Random(5)
    chosen = with_look + not_strict + rng.sample(patterns, 150)
    cases = [(p, _spoilt(rng, p)) for p in chosen]
    lenient = _ask_node(cases, flags="")  # annex B: what does not parse with `u` has the meaning that it has there
    for (pattern, texts), strict, loose in zip(cases, _ask_node(cases), lenient, strict=True):
        answer = loose if strict is None else strict
        assert answer is not None
        regex = Regex(pattern, search=True)  # every real pattern is taken
        for text, found in zip(texts, answer, strict=True):
            try:
                assert accepts(regex, text) == found, (pattern, text)
            except UnsatisfiableConstraint:
                assert not found, (pattern, text)


@needs_node
def test_walks_under_the_mask_end_in_texts_that_node_finds():
    rng = random.Random(4)
    ended: list[tuple[str, list[str]]] = []
    for pattern in [*PATTERNS, r"^(?!.*://)(?=.{1,40}$)((.{1,9}\.){1,5}(?![0-9]*$)[a-z0-9-]+\.?)$", r"\bfoo\b"]:
        regex = Regex(pattern, search=True)
        for _ in range(3):
            try:
                matcher = regex.compile(BYTES).matcher()
            except UnsatisfiableConstraint:
                break
            written = bytearray()
            while len(written) < 30:
                choices = [int(token) for token in matcher.allowed_tokens()]
                token = rng.choice(choices)
                assert matcher.accept_token(token)
                if token == 256:
                    break
                written.append(token)
            else:
                written += matcher.shortest_completion()
            ended.append((pattern, [written.decode()]))
    assert len(ended) > 100
    assert [c for c, answer in zip(ended, _ask_node(ended), strict=True) if answer != [True]] == []


@needs_data
def test_no_real_pattern_is_refused():
    refused = []
    for pattern in _real_patterns():
        try:
            Regex(pattern, search=True).expression(FakeBuilder())
        except (InvalidRegex, ConstraintTooComplex) as problem:
            refused.append((pattern, str(problem)))
    assert refused == []


_PROPERTIES = [
    *("L", "Lu", "Nd", "P", "gc=Sc", "General_Category=Zs", "LC", "Any", "ASCII", "White_Space", "ASCII_Hex_Digit"),
    *("Hex_Digit", "Uppercase", "Lower"),
]


@needs_node
def test_properties_are_those_of_node():
    rng = random.Random(2)
    moved = {0x295}  # a lower-case letter until Unicode 16 made it an other letter
    codes = [*range(0x600), *range(0x2000, 0x2200), *range(0xFE00, 0x10000), *rng.sample(range(0x600, 0x30000), 3000)]
    codes = [c for c in codes if not 0xD800 <= c <= 0xDFFF and c not in moved]
    texts = [chr(c) for c in codes if unicodedata.category(chr(c)) != "Cn"]
    cases = [(f"^\\p{{{name}}}$", texts) for name in _PROPERTIES]
    for name, answer in zip(_PROPERTIES, _ask_node(cases), strict=True):
        ranges = property_set(name)
        assert ranges is not None
        mine = [any(low <= ord(text) <= high for low, high in ranges) for text in texts]
        assert [t for t, a, b in zip(texts, mine, answer, strict=True) if a != b] == [], name


@pytest.mark.parametrize(
    "name", ["Script=Greek", "sc=Latn", "Script_Extensions=Han", "Alphabetic", "Emoji", "Nonsense"]
)
def test_properties_that_python_does_not_know_are_refused(name):
    with pytest.raises(InvalidRegex, match="is not supported; general categories are"):
        Regex(f"\\p{{{name}}}", search=True)


@pytest.mark.parametrize("pattern", ["^x-", "id$", "^GET$", "wifi", "^a b/c", "-", "'@#%&=~`<>!:;,"])
def test_a_constant_is_the_same_without_the_reader(pattern):
    builder = DEFAULT_LIMITS.new_builder()
    outside = Outside(2020, None, refuses_unknown_formats=False)
    with mock.patch("guided.constraints.json_schema.outside.parse_pattern") as reader:
        short = outside.pattern(builder, pattern)
    assert not reader.called
    long = lower_program(builder, parse_pattern(pattern, "ecma"), search=True)
    for one, other in ((short, long), (long, short)):
        assert builder.is_empty(builder.intersect([one, builder.complement(other)]))
