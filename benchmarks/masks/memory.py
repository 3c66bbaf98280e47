"""What masks hold in memory: over many schemas, over many texts of one grammar, and for one grammar.

`python benchmarks/masks/memory.py DATA` compiles schema after schema, reads its instances token by token with a mask
for each, and lets go; then generates texts by random walks from one grammar; then holds many grammars at once. It
prints the resident set along the way, as the system counts it (Linux). README.md describes DATA.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contenders import Guided, GuidedAnyOrder
from run import entries, tried, vocabulary

import guided

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


def over_schemas(engine: Guided, vocab: guided.Vocabulary, chosen: Sequence[dict[str, Any]]) -> list[int]:
    """Every schema with all its instances; the bytes that each grammar then holds, as it counts them."""
    watch, sizes = Watch("schemas", len(chosen)), []
    for entry in chosen:
        result = tried(engine, vocab, entry, time.process_time_ns)
        if not result.refused:
            sizes.append(engine.compiled.num_bytes)
        watch.step()
    watch.show(settled=min(1000, len(chosen) // 5))
    return sizes


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


def held_at_once(engine: Guided, vocab: guided.Vocabulary, chosen: Iterable[dict[str, Any]]) -> tuple[float, int]:
    """Megabytes that the process grows by while it holds the grammars of all these, each after its instances."""
    gc.collect()
    before, held = resident(), []
    for entry in chosen:
        if not tried(engine, vocab, entry, time.process_time_ns).refused:
            held.append(engine.compiled)
    return resident() - before, len(held)


def show_sizes(sizes: Sequence[int]) -> None:
    """Quantiles of what one grammar holds."""
    sizes = sorted(sizes)
    at: Callable[[float], float] = lambda share: sizes[min(len(sizes) - 1, int(share * len(sizes)))] / 1e6  # noqa: E731
    print(
        "\n| one grammar after its instances, MB | p50 | p90 | p99 | most | over 2 MB |\n|---|---:|---:|---:|---:|---:|"
    )
    num_large = sum(size > 2e6 for size in sizes)
    print(f"| as it counts itself | {at(0.5):.3f} | {at(0.9):.3f} | {at(0.99):.3f} | {at(1):.3f} | {num_large} |")


def main() -> None:
    """Run the three and print their tables."""
    parser = argparse.ArgumentParser(description="What masks hold in memory.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--tokenizer", default="tekken", help="bytes, tekken, or a tokenizer that guided reads")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="N schemas, drawn at random; 0: all")
    parser.add_argument("--texts", type=int, default=10_000, help="texts of one grammar")
    parser.add_argument("--held", type=int, default=300, help="grammars held at once; more than are kept for reuse")
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
    sizes = over_schemas(engine, vocab, chosen)
    over_texts(engine, vocab, options.texts)
    if sizes:
        show_sizes(sizes)
    grown, num = held_at_once(engine, vocab, chosen[: options.held])
    if num:
        mean = statistics.fmean(sizes[:num]) / 1e6
        print(f"\n{num} grammars held at once: {grown / num:.3f} MB resident each, {mean:.3f} by their own count.")


if __name__ == "__main__":
    main()
