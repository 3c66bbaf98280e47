"""Patterns of formats against libraries that know the grammars."""

from __future__ import annotations

import ipaddress
import random
import re

import pytest

from guided.constraints.json_schema.internet_formats import internet_pattern


def _is_ipv6(text: str) -> bool:
    try:
        return not ipaddress.IPv6Address(text).scope_id
    except ValueError:
        return False


def _address(rng: random.Random) -> str:
    groups = [
        "".join(rng.choices("0aF1", k=rng.choice([1, 1, 2, 4] if rng.random() < 0.9 else [0, 5])))
        for _ in range(rng.randint(0, 9))
    ]
    text = ":".join(groups)
    if rng.random() < 0.6:
        place = rng.randint(0, len(text))
        text = text[:place] + rng.choice(["::", ":", "1.2.3.4"]) + text[place:]
    return text + (":1.2.3.4" if rng.random() < 0.2 else "")


def test_ipv6_is_what_ipaddress_reads():
    pattern = re.compile(internet_pattern("ipv6"))
    rng = random.Random(1)
    texts = [_address(rng) for _ in range(20_000)]
    assert [t for t in texts if bool(pattern.fullmatch(t)) != _is_ipv6(t)] == []
    assert sum(map(_is_ipv6, texts)) > 2000


PIECES = [
    "http",
    "://",
    "/",
    "a",
    "b:",
    "?",
    "#",
    "%20",
    "%",
    "@",
    ":",
    "80",
    "[::1]",
    "[",
    "]",
    "é",
    " ",
    "x.y",
    "-",
    "//",
    "1.2.3.4",
    "{",
]


@pytest.mark.parametrize(("name", "rule"), [("uri", "URI"), ("uri-reference", "URI_reference")])
def test_uris_are_what_rfc3986_validator_reads(name, rule):
    library = pytest.importorskip("rfc3986_validator")
    pattern = re.compile(internet_pattern(name))
    rng = random.Random(2)
    texts = ["".join(rng.choices(PIECES, k=rng.randint(0, 7))) for _ in range(15_000)]
    assert [t for t in texts if bool(pattern.fullmatch(t)) != bool(library.validate_rfc3986(t, rule=rule))] == []


def test_every_uri_is_an_iri():
    uri, iri = (re.compile(internet_pattern(n)) for n in ("uri", "iri"))
    rng = random.Random(3)
    texts = ["".join(rng.choices(PIECES, k=rng.randint(0, 7))) for _ in range(5_000)]
    assert [t for t in texts if uri.fullmatch(t) and not iri.fullmatch(t)] == []
    assert [t for t in texts if t.isascii() and iri.fullmatch(t) and not uri.fullmatch(t)] == []
