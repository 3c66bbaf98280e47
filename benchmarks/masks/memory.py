"""What masks hold in memory: over many schemas, over many texts of one grammar, and for one grammar.

`python benchmarks/masks/memory.py DATA` compiles schema after schema, reads its instances token by token with a mask
for each, and lets go; then generates texts by random walks from one grammar; then weighs grammars one by one. It
prints the resident set along the way, as the system counts it (Linux). README.md describes DATA.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from contenders import Guided, GuidedAnyOrder
from run import entries, tried, vocabulary

import guided
from guided import _native
from guided.constraints import compile_cache

ROWS = 12  # of a table
# keys that nobody declared, items that must differ, strings of several kinds: what texts can teach a grammar
TEACHABLE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        "when": {"type": "string", "format": "date-time"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
    },
    "required": ["name"],
    "additionalProperties": {"type": ["integer", "string"]},
}


def resident() -> float:
    """Megabytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Watch:
    """The resident set after each step, and a table of it."""

    def __init__(self, unit: str, num_steps: int) -> None:
        self._unit, self._every = unit, max(1, num_steps // ROWS)
        self.peaks = [resident()]  # up to each step

    def step(self) -> None:
        self.peaks.append(max(self.peaks[-1], resident()))

    def show(self, settled: int) -> None:
        """`settled`: the step from which on it should be flat."""
        print(f"\n| {self._unit} | peak resident, MB |\n|---:|---:|")
        for i in sorted({*range(0, len(self.peaks), self._every), len(self.peaks) - 1}):
            print(f"| {i:,} | {self.peaks[i]:.1f} |")
        if settled < len(self.peaks) - 1:
            print(f"\nAfter the first {settled:,}: {self.peaks[-1] - self.peaks[settled]:+.1f} MB.")


def over_schemas(engine: Guided, vocab: guided.Vocabulary, chosen: Sequence[dict[str, Any]]) -> None:
    """Every schema with all its instances."""
    watch = Watch("schemas", len(chosen))
    for entry in chosen:
        tried(engine, vocab, entry, time.process_time_ns)
        watch.step()
    watch.show(settled=min(1000, len(chosen) // 5))


def walk(matcher: guided.Matcher, tokens: Sequence[bytes | None], rng: random.Random, length: int) -> None:
    """A text under masks: tokens of letters more often than others, then the shortest way out."""
    mask = np.zeros((len(tokens) + 31) // 32, np.int32)
    for _ in range(length):
        matcher.fill_mask(mask)
        allowed = matcher.allowed_tokens()
        token = int(rng.choice(allowed))
        for _ in range(8):
            text = tokens[token]
            if text is not None and not text.isspace():
                break
            token = int(rng.choice(allowed))
        if tokens[token] is None or not matcher.accept_token(token):
            return
    matcher.accept_bytes(matcher.shortest_completion())


def over_texts(engine: Guided, vocab: guided.Vocabulary, num_texts: int) -> None:
    """Texts of one grammar, each forgotten before the next."""
    grammar = guided.JsonSchema(TEACHABLE, order=engine.order).compile(vocab)
    rng, watch = random.Random(1), Watch("texts of one grammar", num_texts)
    for _ in range(num_texts):
        walk(grammar.matcher(), vocab.tokens, rng, 60)
        watch.step()
    watch.show(settled=num_texts // 10)


class _Mallinfo(ctypes.Structure):
    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_: ClassVar = [(name, ctypes.c_size_t) for name in _names.split()]


def allocated() -> int | None:
    """Bytes that native code holds now; None where the C library does not count them (it takes glibc 2.33)."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return None
    library.mallinfo2.restype = _Mallinfo
    info = library.mallinfo2()
    return int(info.uordblks + info.hblkhd) + _native.num_block_bytes()


def set_free(engine: Guided) -> int | None:
    """Bytes that go with the engine's last grammar: all it held beside what the vocabulary's grammars share."""
    compile_cache.clear()
    before = allocated()
    del engine.compiled, engine._matcher
    after = allocated()
    return None if before is None or after is None else before - after


def of_one(engine: Guided, vocab: guided.Vocabulary, chosen: Iterable[dict[str, Any]]) -> None:
    """What one grammar holds, after its first mask and after all its instances."""
    sizes: dict[str, list[int]] = {}

    def note(when: str, size: int | None) -> None:
        if size is not None:
            sizes.setdefault(when, []).append(size)

    for entry in chosen:
        if tried(engine, vocab, {**entry, "tests": []}, time.process_time_ns).refused:
            continue
        note("after the first mask", set_free(engine))
        tried(engine, vocab, entry, time.process_time_ns)
        note("after its instances, as it counts itself", engine.compiled.num_bytes)
        note("after its instances", set_free(engine))
    print("\n| one grammar, MB | p50 | p90 | p99 | most | over 2 MB |\n|---|---:|---:|---:|---:|---:|")
    for when, found in sizes.items():
        found.sort()
        quantiles = [found[min(len(found) - 1, int(share * len(found)))] / 1e6 for share in (0.5, 0.9, 0.99, 1)]
        num_large = sum(size > 2e6 for size in found)
        print(f"| {when} | {' | '.join(f'{mb:.3f}' for mb in quantiles)} | {num_large} of {len(found)} |")


def main() -> None:
    """Run the three and print their tables."""
    parser = argparse.ArgumentParser(description="What masks hold in memory.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--tokenizer", default="tekken", help="bytes, tekken, or a tokenizer that guided reads")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="N schemas, drawn at random; 0: all")
    parser.add_argument("--texts", type=int, default=10_000, help="texts of one grammar")
    parser.add_argument("--one", type=int, default=1000, help="schemas whose grammars are measured one by one")
    parser.add_argument("--order", choices=["declared", "any"], default="declared")
    options = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        raise SystemExit("this script reads /proc/self/statm, which only Linux has")
    chosen = entries(options.data)
    if options.sample and options.sample < len(chosen):
        chosen = random.Random(1).sample(chosen, options.sample)
    vocab = vocabulary(options.tokenizer)
    engine = (GuidedAnyOrder if options.order == "any" else Guided)(vocab)
    print(f"{len(chosen):,} schemas, tokenizer {options.tokenizer}, keys in {options.order} order")
    over_schemas(engine, vocab, chosen)
    over_texts(engine, vocab, options.texts)
    of_one(engine, vocab, random.Random(2).sample(chosen, min(options.one, len(chosen))))


if __name__ == "__main__":
    main()
