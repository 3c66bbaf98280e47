"""Choice, AnyText, Seq, alternatives, Repeat, intersection and complement."""

from __future__ import annotations

import threading

import pytest

import guided
from guided.constraints import Alternatives, AnyText, Choice, JsonSchema, Limits, LiteralText, Regex, Repeat, Seq
from guided.constraints.compile_cache import compiled
from guided.errors import ConstraintError, ConstraintTooComplex, UnsatisfiableConstraint
from guided.vocab import Vocabulary

from .conftest import BYTES, accepts

INTEGER = JsonSchema({"type": "integer"})

TEXTS = [
    (Choice(["sword", "axe", "swords"]), ["sword", "swords", "axe"], ["swor", "", "axes"]),
    (Choice(["é", "日本"]), ["日本"], ["日"]),
    (AnyText(), ["", "a\n\0", "\U0001f600"], []),
    (AnyText(2, 3), ["ab", "日本語"], ["a", "abcd"]),
    (LiteralText("</s>"), ["</s>"], ["<", "</s>x"]),
    (Seq(), [""], ["a"]),
    (Seq("a", Regex("b*"), "c"), ["ac", "abbc"], ["ab", "bc"]),
    (Seq("n=", INTEGER, ";"), ["n=1;", "n=-2.0;"], ["n=;", "n=x;"]),
    (Regex("a") | "b" | Choice(["c"]), ["a", "b", "c"], ["ab", "d"]),
    ("x" | Regex("y"), ["x", "y"], ["xy"]),
    (INTEGER | Regex("[a-z]+"), ["12", "ab"], ["1a"]),
    (Repeat("ab", 1, 3), ["ab", "ababab"], ["", "abababab", "aba"]),
    (Repeat(Regex("[0-9]"), 2, 3, sep=", "), ["1, 2", "1, 2, 3"], ["1", "1,2", "1, 2, ", "1, 2, 3, 4"]),
    (Repeat("a", sep=""), ["", "aaaa"], ["b"]),
    (Repeat(Seq(INTEGER, Regex("[ab]")), 0, None, sep=Regex(r"\s+")), ["", "1a", "1a  2b"], ["1a2b"]),
    (Regex("[a-z]+") & Regex(".{2,3}"), ["ab", "abc"], ["a", "abcd", "a1"]),
    (Regex(".*") & ~Regex(".*x.*"), ["abc", ""], ["axb"]),
    (Choice(["a", "b"]) & ~Choice(["a"]), ["b"], ["a"]),
    (Regex("[a-z]+") - Choice(["if", "else"]), ["iff", "i"], ["if", "else", ""]),
    (~(Regex("a+") & Regex(".{2}")), ["a", "ab", "aaa", ""], ["aa"]),
]


@pytest.mark.parametrize(("constraint", "good", "bad"), TEXTS, ids=[repr(t[0]) for t in TEXTS])
def test_texts(constraint, good, bad):
    assert [t for t in good if not accepts(constraint, t)] == []
    assert [t for t in bad if accepts(constraint, t)] == []


def test_any_text_is_valid_utf8_only():
    assert not accepts(AnyText(), b"\xff")
    assert not accepts(AnyText(), "é".encode()[:1])
    assert not accepts(AnyText(), b"\xed\xa0\x80")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Choice([]), "at least one"),
        (lambda: Choice(["a", "b", "a"]), "'a' is given twice"),
        (lambda: Choice("ab"), "a list of texts"),
        (lambda: Choice([1]), "must be a text"),
        (lambda: Choice(["\ud800"]), "not valid Unicode"),
        (lambda: AnyText(3, 2), "min_chars <= max_chars"),
        (lambda: Repeat("a", 3, 2), "min <= max"),
        (lambda: Repeat("a", -1), "0 <= min"),
        (lambda: Seq(5), "guided.constraint"),
        (lambda: Alternatives(), "at least one"),
        (lambda: LiteralText("\ud800"), "not valid Unicode"),
        (lambda: INTEGER & Regex("1"), "cannot intersect JsonSchema"),
        (lambda: ~INTEGER, "cannot complement JsonSchema"),
        (lambda: Regex("1") - INTEGER, "cannot take JsonSchema from Regex"),
        (lambda: INTEGER - Regex("1"), "cannot take Regex from JsonSchema"),
    ],
)
def test_bad_parts_are_typed_errors(make, message):
    with pytest.raises(ConstraintError, match=message):
        make()


def test_reading_values():
    assert Choice(["a"]).parse("a") == "a"
    assert (INTEGER | "none").parse("none") == "none"
    assert (INTEGER | "none").parse("3") == 3
    assert Seq("a", "b").parse("ab") == "ab"
    for constraint in (Choice(["a"]), INTEGER | "none", LiteralText("a")):
        with pytest.raises(ConstraintError):
            constraint.parse("zzz")


def test_constraints_are_values():
    assert Seq("a", Regex("b")) == Seq("a", Regex("b"))
    assert Repeat("a", 1) != Repeat("a", 2)
    assert (Regex("a") | "b") == Alternatives(Regex("a"), "b")
    assert len({Choice(["a"]), Choice(["a"]), Choice(["b"])}) == 2


def test_deep_compositions_need_no_stack():
    chain = Regex("a")
    for _ in range(5000):
        chain = Repeat(chain, 1, 1) if chain.parts else Seq("(", chain, ")")
    assert accepts(chain, "(a)")


def test_a_grammar_is_compiled_once_and_from_many_threads():
    regex = Regex("thread(s|)")
    results = []
    threads = [threading.Thread(target=lambda: results.append(accepts(regex, "threads"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    assert compiled(regex, BYTES, Limits()) is compiled(Regex("thread(s|)"), BYTES, Limits())
    assert compiled(regex, BYTES, Limits()) is not compiled(regex, BYTES, Limits(max_states=999_999))


def test_the_cache_tells_vocabularies_apart():
    other = Vocabulary([b"a", b"b", None], eos_ids={2})
    assert Regex("ab").compile(other).matcher().allowed_tokens().tolist() == [0]
    assert Regex("ab").compile(BYTES).matcher().allowed_tokens().tolist() == [97]
    assert Regex("ab").compile(other).vocab is other


def test_limits_are_counted_work():
    pattern = Regex("(a|b)*a(a|b){20}c") & ~Regex("(a|b)*b(a|b){19}c")
    with pytest.raises(ConstraintTooComplex) as caught:
        pattern.compile(BYTES, limits=Limits(max_states=20)).matcher().accept_bytes(b"ab" * 20)
    assert (caught.value.name, caught.value.limit) == ("max_states", 20)


def test_empty_intersections_are_refused_at_compile_time():
    with pytest.raises(UnsatisfiableConstraint):
        (Regex("[a-z]+") & Regex("[0-9]+")).compile(BYTES)


def test_public_names():
    for name in ("AnyText", "Choice", "Constraint", "JsonSchema", "Limits", "Regex", "Repeat", "Seq", "constraint"):
        assert name in guided.__all__
        assert getattr(guided, name) is getattr(guided.constraints, name)


def test_deep_combinations_need_no_stack():
    one = Regex("a")
    other = Regex("a")
    for _ in range(20_000):
        one, other = ~(one & Regex("a|b+")), ~(other & Regex("a|b+"))
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(ConstraintTooComplex, match="nesting"):
        one.compile(BYTES)
