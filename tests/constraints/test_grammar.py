"""The notation: what is read, what is refused and where, and what each sign means, with Python's `re` as the judge."""

from __future__ import annotations

import itertools
import re

import pytest

import guided
from guided.constraints import Grammar

from .conftest import accepts

NOTATION = {
    "a text": ('root ::= "ab"', r"ab"),
    "the empty text": ('root ::= ""', r""),
    "an empty rule": ("root ::=\n", r""),
    "alternatives": ('root ::= "a" | "b" "a" | ""', r"a|ba|"),
    "a line after |": ('root ::= "a" |\n   # c\n  "b"', r"a|b"),
    "a line that begins with |": ('root ::= "a"\n  | "b"\n\n  # c\n  | x\nx ::= "ab"', r"a|b|ab"),
    "lines inside a group": ('root ::= (\n "a" # one\n\n "b"\n | "c"\n)\r\n', r"ab|c"),
    "the body on the next line": ('root ::=\n  "a" "b"\n', r"ab"),
    "groups": ('root ::= ("a" | "b") ("c")', r"[ab]c"),
    "star": ('root ::= "ab"*', r"(ab)*"),
    "plus": ("root ::= [ab]+", r"[ab]+"),
    "optional": ('root ::= "a"? b ?\nb ::= "b"', r"a?b?"),
    "exact count": ("root ::= [ab]{2}", r"[ab]{2}"),
    "count from": ('root ::= "a"{1,}', r"a{1,}"),
    "count between": ('root ::= ("a" | "bc"){ 1 , 2 }', r"(a|bc){1,2}"),
    "count of nothing": ('root ::= "a" "b"{0}', r"a"),
    "a repeat repeated": ('root ::= "a"{2}{1,2}', r"aa(aa)?"),
    "any character": ('root ::= "a" . ', r"a(?s:.)"),
    "class": ("root ::= [a-bc]", r"[a-c]"),
    "class with a hyphen at its end": ("root ::= [b-]", r"[b-]"),
    "class with a hyphen at its beginning": ("root ::= [-b]", r"[-b]"),
    "class with a caret": ("root ::= [b^]", r"[b^]"),
    "negated class": ("root ::= [^a-b]", r"[^a-b]"),
    "class with escapes": (r"root ::= [\x61\]\\\-\n]", r"[a\]\\\-\n]"),
    "literal with escapes": (r'root ::= "\x61\u0062\U00000063\n\t\r\\\"\[\]\-"', 'abc\n\t\r\\\\"\\[\\]-'),
    "a literal with a line": ('root ::= "a\nb"', "a\nb"),
    "high characters": (r'root ::= [ぁ-ゟ\xe9] | "\U0001F600"', "[ぁ-ゟé]|\U0001f600"),
    "names with dashes": ('root ::= A-b_9\nA-b_9 ::= "a"', r"a"),
    "comments": ('# first\nroot ::= "a" # not "b"\n# last', r"a"),
    "rules that are not used": ('root ::= "a"\nother ::= other', r"a"),
    "alternatives without an end are dropped": ('root ::= "a" | x "b"\nx ::= "c" x', r"a"),
    "right recursion": ('root ::= [ab] root | "c"', r"[ab]*c"),
    "left recursion": ('root ::= root "," item | item\nitem ::= [ab]+', r"[ab]+(,[ab]+)*"),
    "right recursion through another rule": ('root ::= "a" b | ""\nb ::= "b" root', r"(ab)*"),
    "left recursion through another rule": ('root ::= b "a" | ""\nb ::= root "b"', r"(ba)*"),
    "recursion in the middle": ('root ::= "a" root "b" | "c"', r"c|acb|aacbb|aaacbbb|aaaacbbbb"),
    "recursion at both ends": ('root ::= root root | "ab"', r"(ab)+"),
}


def texts(alphabet: str, most: int) -> list[str]:
    return ["".join(t) for n in range(most + 1) for t in itertools.product(alphabet, repeat=n)]


@pytest.mark.parametrize(("text", "pattern"), NOTATION.values(), ids=NOTATION)
def test_every_sign_means_what_it_says(text, pattern):
    grammar = Grammar(text)
    tried = [*texts("abc", 5), *texts(',-^]\\\n"é.[', 1), 'abc\n\t\r\\"[]-', "a\nb", "あ", "\U0001f600", "a,b", "ab,a"]
    wrong = [t for t in tried if accepts(grammar, t) != (re.fullmatch(pattern, t) is not None)]
    assert not wrong


def test_another_rule_can_be_the_first():
    text = 'root ::= "a" b\nb ::= "b"'
    assert accepts(Grammar(text, start="b"), "b")
    assert not accepts(Grammar(text, start="b"), "ab")


ERRORS = {
    "no rule": ("", "there is no rule 'root'", 1, 1),
    "no start": ('rot ::= "a"', "there is no rule 'root'", 1, 1),
    "no definition": ('root = "a"', "expected ::=", 1, 6),
    "no rule but text": ('root ::= "a"\n"b"', "expected a rule", 2, 1),
    "open text": ('root ::=\n "a', "this text is never closed", 2, 2),
    "open class": ("root ::= [a-", "this class is never closed", 1, 10),
    "open group": ('root ::= "x" ("a"\nb ::= "c"', "this '(' is never closed", 1, 14),
    "closed too often": ("root ::= a)", "this ')' closes nothing", 1, 11),
    "backward range": ("root ::= [az-y]", "this range runs backwards", 1, 12),
    "empty class": ("root ::= []", "this class holds no character", 1, 10),
    "negated empty class": ("root ::= [^]", "this class holds no character", 1, 10),
    "unknown escape": (r'root ::= "a\q"', "unknown escape", 1, 12),
    "escape at the end": ('root ::= "\\', "unknown escape", 1, 11),
    "short escape": (r'root ::= "\u12"', "\\u takes 4 hexadecimal digits", 1, 11),
    "beyond Unicode": (r'root ::= "\U00110000"', "there is no such character", 1, 11),
    "surrogate": (r'root ::= "\ud800"', "half of a surrogate pair", 1, 11),
    "repeat of nothing": ('root ::= ("a" | *)', "there is nothing before this '*'", 1, 17),
    "backward count": ('root ::= "a"{3,2}', "this count runs backwards", 1, 13),
    "no count": ('root ::= "a"{,2}', "this count is not valid", 1, 13),
    "huge count": ('root ::= "a"{9999999999}', "this count is too large", 1, 13),
    "unknown rule": ('root ::= "a"\n  | foo\nfo ::= "x"', "there is no rule 'foo'", 2, 5),
    "defined twice": ('root ::= "a"\nroot ::= "b"', "the rule 'root' is defined twice", 2, 1),
    "two rules in a line": ('root ::= "a" b ::= "c"', "a rule begins on a line of its own", 1, 14),
    "token": ("root ::= <think> .*", "tokens are not supported", 1, 10),
    "negated token": ("root ::= !<[7]>", "tokens are not supported", 1, 10),
    "stray sign": ("root ::= $", "'$' means nothing here", 1, 10),
}


@pytest.mark.parametrize(("text", "reason", "line", "column"), ERRORS.values(), ids=ERRORS)
def test_errors_have_a_place_and_a_reason(text, reason, line, column):
    with pytest.raises(guided.InvalidGrammar) as caught:
        Grammar(text)
    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)
    assert f"<grammar>:{line}:{column}" in str(caught.value)


def test_an_error_draws_the_line_and_helps():
    with pytest.raises(guided.InvalidGrammar) as caught:
        Grammar('root ::= "(" exp ")"\nexpr ::= [0-9]+')
    assert str(caught.value) == (
        "invalid grammar: there is no rule 'exp'\n"
        "  <grammar>:1:14\n"
        '    1 | root ::= "(" exp ")"\n'
        "      |              ^^^\n"
        "  help: did you mean 'expr'?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "root ::= root",
        'root ::= "a" root',
        'root ::= a b\na ::= b "x"\nb ::= "y" a | a',
        r"root ::= [^\U00000000-\U0010ffff]",
        'root ::= "a"{2} x+\nx ::= x | x "b"',
    ],
)
def test_a_grammar_without_texts_is_refused(text):
    with pytest.raises(guided.UnsatisfiableConstraint, match="rule 'root'"):
        accepts(Grammar(text), "")


def test_wrong_types_are_refused():
    with pytest.raises(guided.ConstraintError, match="are texts, not bytes"):
        Grammar(b'root ::= "a"')  # type: ignore[arg-type]


def test_equal_grammars_are_equal_values():
    text = 'root ::= "a" root "b" | ""'
    assert Grammar(text) == Grammar(text)
    assert hash(Grammar(text)) == hash(Grammar(text))
    assert Grammar(text) != Grammar(text + " ")
    assert Grammar('a ::= "a"\nb ::= "b"', "a") != Grammar('a ::= "a"\nb ::= "b"', "b")


def test_grammars_compose():
    pairs = Grammar('root ::= "a" root "b" | "ab"')
    assert accepts(guided.Seq("x", pairs, pairs, "y"), "xaabbaby")
    assert not accepts(guided.Seq("x", pairs, "y"), "xaaby")
    assert accepts(pairs | guided.Regex("[0-9]+"), "17")
    assert accepts(pairs | "ab" | Grammar('root ::= "c" root | root "d" | "e"'), "ccedd")
    many = guided.Repeat(pairs, min=2, max=3, sep=", ")
    assert [accepts(many, ", ".join(["aabb"] * n)) for n in range(5)] == [False, False, True, True, False]
    assert accepts(guided.Seq(guided.JsonSchema({"type": "array", "items": {"type": "integer"}}), pairs), "[1,2]aabb")
    assert accepts(guided.Seq(pairs, guided.JsonSchema({"uniqueItems": True, "type": "array"})), "aabb[1, 2]")
    assert not accepts(guided.Seq(pairs, guided.JsonSchema({"uniqueItems": True, "type": "array"})), "aabb[1, 1]")


def test_grammars_have_no_intersection():
    with pytest.raises(guided.ConstraintError, match="cannot intersect Grammar with Regex"):
        Grammar('root ::= "a" root "b" | ""') & guided.Regex("a*")
