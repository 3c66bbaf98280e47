"""Expressions built once are the same in every builder, and what is kept of them is bounded."""

from __future__ import annotations

import pytest

from guided import ConstraintTooComplex, JsonSchema, Limits, Regex, _native
from guided.constraints import expression_cache
from guided.constraints.expression_cache import kept_expressions

from .conftest import BYTES


class Built:
    """Texts that were built, and a cache of them."""

    def __init__(self, max_bytes: int = 100_000, largest: int = 100_000) -> None:
        self.cache = _native.ExpressionCache(max_bytes, largest)
        self.calls: list[str] = []

    def build(self, text: str, builder: _native.Builder) -> int:
        def literal(scratch: _native.Builder) -> int:
            self.calls.append(text)
            return scratch.literal(text)

        return builder.shared(self.cache, f"text {text}", literal)


def test_a_second_builder_gets_what_the_first_built():
    built = Built()
    first, second = _native.Builder(), _native.Builder()
    second.literal("something else, so that ids differ")
    for builder in (first, second):
        assert built.build("abc", builder) == builder.literal("abc")
    assert built.calls == ["abc"]


def test_what_was_used_longest_ago_is_forgotten():
    one = Built()
    one.build("a" * 10, _native.Builder())
    built = Built(max_bytes=one.cache.num_bytes * 5 // 2)  # room for two of them
    sizes = []
    for text in ("a" * 10, "b" * 10, "a" * 10, "c" * 10, "a" * 10, "b" * 10):
        built.build(text, _native.Builder())
        sizes.append((len(built.cache), built.cache.num_bytes == len(built.cache) * one.cache.num_bytes))
    assert [text[0] for text in built.calls] == ["a", "b", "c", "b"]
    assert sizes == [(1, True), *[(2, True)] * 5]


def test_what_is_large_is_not_kept():
    built = Built(largest=500)
    for _ in range(2):
        built.build("a" * 10, _native.Builder())
    assert len(built.calls) == 2
    assert (len(built.cache), built.cache.num_bytes) == (0, 0)


def test_a_failure_is_not_kept():
    cache, builder = _native.ExpressionCache(10_000, 10_000), _native.Builder()
    with pytest.raises(ZeroDivisionError):
        builder.shared(cache, "x", lambda scratch: scratch.literal("x" * (1 // 0)))
    assert builder.shared(cache, "x", lambda scratch: scratch.literal("x")) == builder.literal("x")


def test_process_wide_bounds():
    assert kept_expressions() is kept_expressions()
    assert kept_expressions().num_bytes <= expression_cache._MOST_BYTES


def test_a_limit_holds_for_what_is_kept_too():
    pattern = "kept|although|limits|differ|[a-z]{3,40}"
    Regex(pattern).compile(BYTES)
    with pytest.raises(ConstraintTooComplex):
        Regex(pattern).compile(BYTES, limits=Limits(max_expressions=10))


def test_every_format_and_number_is_the_same_when_it_is_built_again():
    schema = {
        "properties": {
            "when": {"format": "date-time"},
            "host": {"format": "hostname"},
            "n": {"type": "integer", "minimum": -3, "maximum": 1200},
            "m": {"multipleOf": 0.25},
            "e": {"enum": [1, 2.5, "x"]},
            "p": {"pattern": "^(?!no)[a-z]+$"},
        }
    }
    texts = [
        '{"when": "2024-02-29T23:59:60Z", "n": 1200, "m": 0.75, "e": 2.50, "p": "yes"}',
        '{"host": "a.example", "n": -3.0, "e": 1e0}',
    ]
    wrong = ['{"when": "2023-02-29T', '{"n": 1201', '{"m": 0.3,', '{"e": 3', '{"p": "no', '{"host": "-']
    for order in ("declared", "any"):
        grammar = JsonSchema(schema, order=order).compile(BYTES)
        for text in texts:
            matcher = grammar.matcher()
            assert matcher.accept_bytes(text.encode()), text
            assert matcher.is_accepting, text
        assert not any(grammar.matcher().accept_bytes(text.encode()) for text in wrong)
