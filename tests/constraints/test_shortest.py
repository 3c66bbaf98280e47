"""The shortest completion against all texts, shorter ones first, byte by byte."""

from __future__ import annotations

import random
from typing import Any

import pytest

from guided import JsonSchema, Matcher
from guided.errors import GuidedError

from .conftest import BYTES

_MOST_STATES = 150  # of one length, kept side by side


def _least_bytes(matcher: Matcher, most: int) -> int | None:
    """Bytes of a shortest way to the end, looking no further than `most`; None: too many ways."""
    level = [matcher]
    for length in range(most):
        if any(m.is_accepting for m in level):
            return length
        following: list[Matcher] = []
        for state in level:
            for byte in state.allowed_tokens().tolist():
                fork = state.fork()
                fork.accept_token(byte)
                if not any(fork == other for other in following):
                    following.append(fork)
            if len(following) > _MOST_STATES:
                return None
        level = following
    return most


def _random_schema(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    kind = rng.choice(["object", "anyOf", "array", "enum", "integer", "string"] if depth < 2 else ["enum", "string"])
    if kind == "enum":
        return {"enum": rng.sample(["a", "éé", "ccc", 1, 22, None, "\x01"], rng.randint(1, 3))}
    if kind == "integer":
        return {"type": "integer", "minimum": rng.choice([0, 5, 10, 95])}
    if kind == "string":
        return {"type": "string", "pattern": rng.choice(["^a+$", "^(éé|abc)$", "^a{2,3}$"])}
    if kind == "array":
        return {"type": "array", "items": _random_schema(rng, depth + 1), "minItems": rng.randint(0, 2), "maxItems": 2}
    if kind == "anyOf":
        return {"anyOf": [_random_schema(rng, depth + 1) for _ in range(2)]}
    keys = rng.sample(["a", "éé", "bcd"], rng.randint(1, 3))
    closed = {"additionalProperties": False} if rng.random() < 0.6 else {}
    properties = {key: _random_schema(rng, depth + 1) for key in keys}
    return {"type": "object", "properties": properties, "minProperties": rng.randint(0, len(keys)), **closed}


@pytest.mark.parametrize("seed", range(40))
def test_no_completion_is_shorter(seed):
    rng = random.Random(seed)
    try:
        matcher = JsonSchema(_random_schema(rng), whitespace="compact").compile(BYTES).matcher()
    except GuidedError:
        return
    for _ in range(4):
        completion = matcher.shortest_completion()
        assert _least_bytes(matcher, len(completion)) in (len(completion), None), completion
        allowed = matcher.allowed_tokens().tolist()
        if not allowed:
            return
        matcher.accept_token(rng.choice(allowed))


@pytest.mark.parametrize("names", [("éé", "abc"), ("éééé", "aaaaa"), ("\x01", "abcde"), ('"""', "abcde")])
def test_names_count_by_their_bytes(names):
    closed = {"type": "object", "properties": {key: {"const": 1} for key in names}, "additionalProperties": False}
    matcher = JsonSchema({**closed, "minProperties": 1}, whitespace="compact").compile(BYTES).matcher()
    assert matcher.shortest_completion() == f'{{"{names[1]}":1}}'.encode()
