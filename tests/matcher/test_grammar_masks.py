"""Masks of grammars on vocabularies of three families: every bit is what `accept_token` says, and every text ends."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import guided

JSON = r"""
# any JSON value, as llama.cpp users write it
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""
ARITHMETIC = r"""
root   ::= (expr "=" ws term "\n")+
expr   ::= expr [-+*/] ws term | term
term   ::= ident | num | "(" ws expr ")" ws
ident  ::= [a-z] [a-z0-9_]* ws
num    ::= [0-9]+ ws
ws     ::= [ \t\n]*
"""
AMBIGUOUS = r"""
root ::= expr
expr ::= expr " " op " " expr | "(" expr ")" | [0-9a-f]+ | "the " expr | expr "ing"
op   ::= "and" | "or" | [-+*]
"""
LISTS = r"""
root  ::= item+
item  ::= "- " line | "  " root
line  ::= [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n"
"""
MARKUP = r"""
root ::= ("<" name ">" root "</" name ">" | text)*
name ::= [a-z] name | [a-z]
text ::= [^<>&] | "&" name ";"
"""
COPIES = r"""
root ::= "a" root "a" | "b" root "b" | " " root " " | "-" root "-" | "é" root "é" | ""
"""
GRAMMARS = {
    "JSON": JSON,
    "arithmetic": ARITHMETIC,
    "ambiguous": AMBIGUOUS,
    "lists": LISTS,
    "markup": MARKUP,
    "copies": COPIES,
    "two ends for one beginning": 'root ::= "a" root "b" | "a" root "c" | " " root "\\n" | " " root | "x"',
    "hidden left recursion": 'root ::= n root "a" | n root "ab" | "abc"\nn ::= "--" | ""',
}


def bits(matcher: guided.Matcher, num_words: int) -> np.ndarray:
    out = np.zeros(num_words, np.int32)
    matcher.fill_mask(out)
    return np.unpackbits(out.view(np.uint8), bitorder="little").astype(bool)


def check_state(matcher: guided.Matcher, vocab: guided.Vocabulary, tokens: range | list[int]) -> None:
    mask = bits(matcher, (vocab.size + 31) // 32)
    wrong = [t for t in tokens if mask[t] != matcher.fork().accept_token(t)]
    assert not wrong, [(t, vocab.tokens[t], bool(mask[t])) for t in wrong[:5]]
    done = matcher.fork()
    assert done.accept_bytes(matcher.shortest_completion())
    assert done.is_accepting
    assert matcher.fork().accept_bytes(matcher.forced_bytes())


def next_token(matcher: guided.Matcher, vocab: guided.Vocabulary, rng: random.Random) -> int | None:
    """One of the allowed tokens, the longest of a few: long ones cross more borders."""
    allowed = [t for t in matcher.allowed_tokens().tolist() if vocab.tokens[t] is not None]
    if not allowed:
        return None
    return max(rng.choices(allowed, k=rng.choice((1, 2, 12))), key=lambda t: len(vocab.tokens[t] or b""))


@pytest.mark.parametrize("text", GRAMMARS.values(), ids=GRAMMARS)
def test_every_bit_is_right(text, small_vocab):
    compiled = guided.Grammar(text).compile(small_vocab)
    for seed in range(12):
        rng = random.Random(seed)
        matcher = compiled.matcher()
        for _ in range(25):
            check_state(matcher, small_vocab, range(small_vocab.size))
            token = next_token(matcher, small_vocab, rng)
            if token is None:
                break
            assert matcher.accept_token(token)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sentencepiece 32k", "tekken 131k"])
@pytest.mark.parametrize("text", GRAMMARS.values(), ids=GRAMMARS)
def test_bits_are_right_on_large_vocabularies(text, family, vocabularies):
    vocab = vocabularies[family]
    compiled = guided.Grammar(text).compile(vocab)
    for seed in range(2):
        rng = random.Random(seed)
        matcher = compiled.matcher()
        for _ in range(12):
            allowed = matcher.allowed_tokens().tolist()
            some = rng.sample(range(vocab.size), 1500) + rng.sample(allowed, min(300, len(allowed)))
            check_state(matcher, vocab, some)
            token = next_token(matcher, vocab, rng)
            if token is None:
                break
            assert matcher.accept_token(token)


def test_walks_through_json_are_json(small_vocab):
    compiled = guided.Grammar(JSON).compile(small_vocab)
    for seed in range(40):
        rng = random.Random(seed)
        matcher, data = compiled.matcher(), b""
        for _ in range(40):
            token = next_token(matcher, small_vocab, rng)
            if token is None:
                break
            assert matcher.accept_token(token)
            data += small_vocab.tokens[token] or b""
        data += matcher.shortest_completion()
        assert isinstance(json.loads(data), dict)


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": None}]}, {"é": "\n\u2028", "": -0.5e-7}, {"k": [[], {}, True]}])
def test_json_is_let_through(value, small_vocab):
    compiled = guided.Grammar(JSON).compile(small_vocab)
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, separators=(",", ":"))):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text.encode())
        assert matcher.is_accepting


def test_a_prefix_comes_first(small_vocab):
    matcher = guided.Grammar('root ::= "a" root "b" | "ab"').compile(small_vocab).matcher(prefix=b"x")
    assert matcher.forced_bytes() == b"xa"
    assert matcher.accept_bytes(b"xaabb")
    assert matcher.is_accepting


def test_an_end_token_ends_it(small_vocab):
    matcher = guided.Grammar('root ::= root "a" "b"? | "a"').compile(small_vocab).matcher()
    eos = small_vocab.size - 1
    assert not matcher.accept_token(eos)
    assert matcher.accept_bytes(b"aabab")
    assert matcher.accept_token(eos)
    assert len(matcher.allowed_tokens()) == 0
