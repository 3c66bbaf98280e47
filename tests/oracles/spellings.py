"""Is every spelling of a valid value let through, and no text with a key twice?

Of each valid instance of the real schemas: what `json.dumps` writes with `ensure_ascii` on and off, spellings with
random escapes and white space, and, with `order="any"`, shuffled keys. The tests take a few hundred schemas;
`python -m tests.oracles.spellings` takes all.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import guided
from tests.oracles.real_schemas import RealSchema, real_schemas
from tests.oracles.vocabularies import one_byte

_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPACES = ["", "", "", " ", "\n", "\t", "\r\n  "]


def _units(character: str) -> list[int]:
    code = ord(character)
    return [code] if code < 0x10000 else [0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF)]


def spelled_text(text: str, rng: random.Random) -> str:
    """A JSON string: each character as it is, as its short escape, or as hexadecimal digits of either case."""
    out = []
    for character in text:
        ways = [] if character in '"\\' or character < " " else [character]
        if character in _SHORT:
            ways.append(_SHORT[character])
        digits = "".join("\\u" + "".join(rng.choice([d, d.upper()]) for d in f"{u:04x}") for u in _units(character))
        out.append(rng.choice([*ways, digits]))
    return '"' + "".join(out) + '"'


def spelled(value: Any, rng: random.Random, *, shuffle: bool) -> str:
    """JSON of `value` with random escapes and white space, keys shuffled where asked for."""

    def space() -> str:
        return rng.choice(_SPACES)

    if isinstance(value, str):
        return spelled_text(value, rng)
    if isinstance(value, list):
        inside = f"{space()},{space()}".join(spelled(v, rng, shuffle=shuffle) for v in value)
        return f"[{space() if value else ''}{inside}{space()}]"
    if isinstance(value, dict):
        items = list(value.items())
        if shuffle:
            rng.shuffle(items)
        pairs = [f"{spelled_text(k, rng)}{space()}:{space()}{spelled(v, rng, shuffle=shuffle)}" for k, v in items]
        return f"{{{space() if pairs else ''}{f'{space()},{space()}'.join(pairs)}{space()}}}"
    return json.dumps(value)


def with_a_key_twice(value: Any, rng: random.Random) -> str | None:
    """JSON of `value`, one key of the outermost object that has keys again at the end, in another spelling."""
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        return f"{json.dumps(value)[:-1]}, {spelled_text(key, rng)}: {json.dumps(value[key])}}}"
    if isinstance(value, list):
        for i, item in enumerate(value):
            inside = with_a_key_twice(item, rng)
            if inside is not None:
                parts = [json.dumps(v) for v in value]
                return f"[{', '.join([*parts[:i], inside, *parts[i + 1 :]])}]"
    return None


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _accepts(compiled: guided.CompiledGrammar, text: str) -> bool:
    matcher = compiled.matcher()
    return matcher.accept_bytes(text.encode()) and matcher.is_accepting


def texts_of(value: Any, order: str, rng: random.Random) -> Iterator[str]:
    """Spellings that must be let through wherever `json.dumps(value)` is."""
    yield json.dumps(value, ensure_ascii=True)
    yield json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    yield json.dumps(value, indent=2)
    for _ in range(2):
        yield spelled(value, rng, shuffle=order == "any")


def faults(entry: RealSchema, vocab: guided.Vocabulary, order: str, rng: random.Random) -> tuple[int, list[str]]:
    """How many texts were tried, and what was wrong.

    In declared order an instance may be refused for its order alone: then only its spellings are skipped.
    """
    compiled = entry.compile(vocab, order)
    if compiled is None:
        return 0, []
    try:
        return _faults(entry, compiled, order, rng)
    except guided.GuidedError:  # found out on the way: that text ends with a typed error
        return 0, []


def _faults(
    entry: RealSchema, compiled: guided.CompiledGrammar, order: str, rng: random.Random
) -> tuple[int, list[str]]:
    count, wrong = 0, []
    for value in filter(_is_unicode, entry.valid):
        if order == "declared" and not _accepts(compiled, json.dumps(value)):
            continue
        for text in texts_of(value, order, rng):
            count += 1
            if not _accepts(compiled, text):
                wrong.append(f"{entry.name} ({order}): refused: {text!r}")
        twice = with_a_key_twice(value, rng)
        count += twice is not None
        if twice is not None and _accepts(compiled, twice):
            wrong.append(f"{entry.name} ({order}): a key twice: {twice!r}")
    for value in filter(_is_unicode, entry.invalid):
        text = spelled(value, rng, shuffle=order == "any")
        count += 1
        if _accepts(compiled, text):
            wrong.append(f"{entry.name} ({order}): let an invalid value through: {text!r}")
    return count, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, help="how many, chosen at random; all by default")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    vocab, rng, failed = one_byte(), random.Random(arguments.seed), False
    for order in ("declared", "any"):
        began, count, wrong = time.process_time(), 0, []
        for entry in real_schemas(rng, arguments.schemas):
            tried, found = faults(entry, vocab, order, rng)
            count += tried
            wrong += found
        print(f"order {order}: {count} texts, {len(wrong)} faults, {time.process_time() - began:.0f} s", flush=True)
        for fault in wrong[:40]:
            print(f"  {fault[:1000]}", flush=True)
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
