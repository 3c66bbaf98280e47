"""What texts teach a grammar is bounded: new texts begin in a fresh one, and the old one goes with its matchers."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np

import guided

_ANY_KEYS = {"type": "object", "additionalProperties": {"type": "integer"}}
_BYTES: list[bytes | None] = [bytes([b]) for b in range(256)]
_BUDGET = 1 << 18


def _vocabulary() -> guided.Vocabulary:
    return guided.Vocabulary([*_BYTES, None], eos_ids={256})


def _walk(matcher: Any, rng: random.Random, steps: int) -> bytes:
    """Reads a random text of keys that nobody declared, with its masks."""
    text = b""
    for _ in range(steps):
        allowed = [t for t in matcher.allowed_tokens().tolist() if 32 < t < 127]  # no white space, no end
        if not allowed:
            break
        token = rng.choice(allowed)
        assert matcher.accept_token(token)
        text += bytes([token])
    rest = matcher.shortest_completion()
    assert matcher.accept_bytes(rest)
    return text + rest


def test_memory_stays_within_its_budget_over_many_texts() -> None:
    limits = guided.Limits(max_grown_bytes=_BUDGET)
    grammar = guided.JsonSchema(_ANY_KEYS).compile(_vocabulary(), limits)
    base, rng = grammar.num_bytes, random.Random(7)
    sizes = []
    for _ in range(120):
        _walk(grammar.matcher(), rng, 30)
        sizes.append(grammar.num_bytes - base)
    assert max(sizes) > _BUDGET / 2, "the walk is too tame to show anything"
    assert max(sizes) < 2 * _BUDGET
    assert sum(later < earlier for earlier, later in itertools.pairwise(sizes)) >= 2, "never begun afresh"


def test_matchers_of_before_live_on_and_say_the_same() -> None:
    vocab = _vocabulary()
    grammar = guided.JsonSchema(_ANY_KEYS).compile(vocab, guided.Limits(max_grown_bytes=_BUDGET))
    old = grammar.matcher()
    assert old.accept_bytes(b'{"a": 1, "b')
    rng = random.Random(8)
    for _ in range(120):
        _walk(grammar.matcher(), rng, 30)
    new = grammar.matcher()
    assert new.accept_bytes(b'{"a": 1, "b')
    assert np.array_equal(old.mask_view(), new.mask_view())
    assert not old.fork().accept_bytes(b'a": 2, "a": 3}')
    assert old.accept_bytes(b'a": 2}')
    assert old.is_accepting


def test_equal_compiles_share_the_fresh_grammar() -> None:
    vocab, limits = _vocabulary(), guided.Limits(max_grown_bytes=_BUDGET)
    one = guided.JsonSchema(_ANY_KEYS).compile(vocab, limits)
    old, rng = one.matcher(), random.Random(9)
    while one.matcher() == old:
        _walk(one.matcher(), rng, 30)
    fresh = one.matcher()
    other = guided.JsonSchema(_ANY_KEYS).compile(vocab, limits)
    assert other.matcher() == fresh
