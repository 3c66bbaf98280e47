"""Compiled grammars are kept for equal constraints, within bounds of number and of bytes."""

from __future__ import annotations

import pytest

import guided
from guided.constraints import compile_cache

VOCAB = guided.Vocabulary([*(bytes([b]) for b in range(256)), None], eos_ids={256})


@pytest.fixture(autouse=True)
def _empty():
    compile_cache.clear()
    yield
    compile_cache.clear()


def used(i):
    matcher = guided.JsonSchema({"const": f"{i} {'x' * 500}"}).compile(VOCAB).matcher()
    assert matcher.accept_bytes(matcher.shortest_completion()[:-2])
    return matcher


def test_equal_constraints_share_a_grammar():
    assert used(1) == used(1)
    first = used(1)
    compile_cache.clear()
    assert used(1) != first


def test_what_is_kept_is_bounded_in_bytes(monkeypatch):
    of_one = used(0) and next(iter(compile_cache._grammars.values())).grammar.num_bytes
    monkeypatch.setattr(compile_cache, "_MAX_BYTES", 8 * of_one)
    oldest = used("oldest")
    for i in range(1, 60):
        used(i)
        assert len(compile_cache._grammars) <= 12, "they grow after they were weighed"
        kept = list(compile_cache._grammars.values())
        assert compile_cache._num_bytes == sum(one.num_bytes for one in kept)
        assert {id(one) for one in compile_cache._turns if one.grammar is not None} == set(map(id, kept))
        assert len(compile_cache._turns) <= 64, "what is not kept any more is forgotten in time"
    assert used(59) == used(59)
    assert oldest.accept_bytes(oldest.shortest_completion()), "a grammar in use lives on"
    assert oldest.is_accepting
    assert used("oldest") != oldest


def test_what_is_kept_is_bounded_in_number(monkeypatch):
    monkeypatch.setattr(compile_cache, "_CAPACITY", 5)
    first = used(0)
    for i in range(1, 5):
        used(i)
    assert used(0) == first
    for i in range(5, 9):
        used(i)
    assert len(compile_cache._grammars) == 5
    assert used(0) == first, "used lately"


def test_the_last_one_is_weighed_when_the_next_one_comes(monkeypatch):
    """Most of what a grammar holds comes with its use: without this, many large ones would pass for small."""
    monkeypatch.setattr(compile_cache, "_WEIGHED_AGAIN", 0)
    grammar = guided.JsonSchema({"type": "object"}).compile(VOCAB)
    light = compile_cache._num_bytes
    matcher = grammar.matcher()
    for i in range(50):
        matcher.accept_bytes(b'{"key%d":{' % i)
        matcher.mask_view()
    assert compile_cache._num_bytes == light
    assert grammar.num_bytes > 2 * light
    used(1)
    assert compile_cache._num_bytes > grammar.num_bytes
