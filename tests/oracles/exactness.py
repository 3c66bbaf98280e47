"""Do masks say exactly what accepting says, on random states of real schemas?

For each state every token of the vocabulary is tried: its bit must equal `fork().accept_token(t)`. The tests run a few
hundred states; `python -m tests.oracles.exactness --states 3000` runs as many as asked, for each vocabulary and order.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import guided
from guided.constraints import compile_cache
from tests.oracles.real_schemas import RealSchema, real_schemas
from tests.oracles.vocabularies import VOCABULARIES

STATES_PER_SCHEMA = 4


@dataclass
class Difference:
    """One state where a mask is wrong."""

    schema: str
    order: str
    read: bytes
    tokens: list[bytes | None]

    def __str__(self) -> str:
        return f"{self.schema} ({self.order}) after {self.read!r}: {self.tokens[:5]}"


def differing(matcher: Any, vocab: guided.Vocabulary) -> list[int]:
    """The tokens whose bit is not what accepting says; the other ways to ask for the mask must agree too."""
    mask = np.zeros((vocab.size + 31) // 32, dtype=np.int32)
    matcher.fill_mask(mask)
    said = np.unpackbits(mask.view(np.uint8), bitorder="little")[: vocab.size].astype(bool)
    fork = matcher.fork
    done = np.fromiter((fork().accept_token(t) for t in range(vocab.size)), dtype=bool, count=vocab.size)
    assert (matcher.mask_view() == mask).all()
    assert matcher.num_allowed() == said.sum()
    return [int(t) for t in np.flatnonzero(said != done)]


def random_state(compiled: guided.CompiledGrammar, instances: list[Any], rng: random.Random) -> tuple[Any, bytes]:
    """A matcher somewhere in a text: part of a real instance, then some random tokens; and what it has read.

    Long tokens are preferred, they cross more borders.
    """
    matcher, read = compiled.matcher(), b""
    if instances and rng.random() < 0.6:
        text = json.dumps(rng.choice(instances), ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")
        while len(text) and not matcher.fork().accept_bytes(text):
            text = text[: len(text) // 2]  # another order, or no JSON that is accepted
        read = text[: rng.randrange(len(text) + 1)]
        assert matcher.accept_bytes(read)
    for _ in range(rng.choice([0, 1, 2, 4, 8, 16, 24])):
        allowed = matcher.allowed_tokens()
        token = max((int(rng.choice(allowed)) for _ in range(3)), key=lambda t: len(compiled.vocab.tokens[t] or b""))
        if token in compiled.vocab.eos_ids:
            break
        assert matcher.accept_token(token)
        read += compiled.vocab.tokens[token] or b""
    return matcher, read


def check(entry: RealSchema, vocab: guided.Vocabulary, order: str, rng: random.Random) -> Iterator[Difference | None]:
    """A result for each state of one schema: None where the mask is exact."""
    compiled = entry.compile(vocab, order)
    if compiled is None:
        return
    for _ in range(STATES_PER_SCHEMA):
        try:
            matcher, read = random_state(compiled, entry.valid, rng)
            wrong = differing(matcher, vocab)
        except guided.GuidedError:  # found out on the way: a typed error instead of a mask
            continue
        yield Difference(entry.name, order, read, [vocab.tokens[t] for t in wrong]) if wrong else None


def run(vocab: guided.Vocabulary, order: str, states: int, seed: int) -> tuple[int, list[Difference]]:
    """How many states were compared, and which masks were wrong."""
    rng = random.Random(f"{seed} {order}")
    count, wrong = 0, []
    for entry in real_schemas(rng, states):
        compile_cache.clear()  # each has made a state for every token that it allows
        for difference in check(entry, vocab, order, rng):
            count += 1
            if difference:
                wrong.append(difference)
        if count >= states:
            break
    return count, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=3000, help="for each vocabulary and order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocabulary", choices=list(VOCABULARIES), action="append")
    arguments = parser.parse_args()
    total = 0
    for name in arguments.vocabulary or VOCABULARIES:
        vocab = VOCABULARIES[name]()
        for order in ("declared", "any"):
            began = time.process_time()
            count, wrong = run(vocab, order, arguments.states, arguments.seed)
            seconds = time.process_time() - began
            print(f"{name}, order {order}: {count} states, {len(wrong)} differences, {seconds:.0f} s", flush=True)
            for difference in wrong[:20]:
                print(f"  {difference}", flush=True)
            total += len(wrong)
    return 1 if total else 0


if __name__ == "__main__":
    raise SystemExit(main())
