"""Expressions built once are the same in every builder, and what is kept of them is bounded."""

from __future__ import annotations

import pytest

from guided import ConstraintTooComplex, JsonSchema, Limits, Regex, _native
from guided.constraints import expression_cache
from guided.constraints.expression_cache import shared_expression

from .conftest import BYTES


@pytest.fixture
def built(monkeypatch):
    """Texts that were built, in an empty cache."""
    monkeypatch.setattr(expression_cache, "_kept", type(expression_cache._kept)())
    monkeypatch.setattr(expression_cache, "_num_parts", 0)
    calls: list[str] = []

    def build(text: str, builder: _native.Builder) -> int:
        def literal(scratch: _native.Builder) -> int:
            calls.append(text)
            return scratch.literal(text)

        return shared_expression(builder, ("text", text), literal)

    return calls, build


def test_a_second_builder_gets_what_the_first_built(built):
    calls, build = built
    first, second = _native.Builder(), _native.Builder()
    second.literal("something else, so that ids differ")
    for builder in (first, second):
        assert build("abc", builder) == builder.literal("abc")
    assert calls == ["abc"]


def test_what_was_used_longest_ago_is_forgotten(built, monkeypatch):
    calls, build = built
    monkeypatch.setattr(expression_cache, "_MOST_PARTS", 25)
    for text in ("a" * 10, "b" * 10, "a" * 10, "c" * 10, "a" * 10, "b" * 10):
        build(text, _native.Builder())
        assert expression_cache._num_parts == sum(e.size for e in expression_cache._kept.values()) <= 25
    assert [text[0] for text in calls] == ["a", "b", "c", "b"]


def test_what_is_large_is_not_kept(built, monkeypatch):
    calls, build = built
    monkeypatch.setattr(expression_cache, "_LARGEST", 5)
    for _ in range(2):
        build("a" * 10, _native.Builder())
    assert len(calls) == 2
    assert not expression_cache._kept


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
