"""Does whoever follows the masks of a real schema end in a valid text?

Random tokens under the mask, brought to an end by `shortest_completion`, judged by `judge.py`, formats asserted. The
tests run a few hundred walks; `python -m tests.oracles.walks --walks 20000` runs as many as asked, half for each order.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, field

import guided
from tests.oracles.judge import ECMA, Judge
from tests.oracles.real_schemas import RealSchema, real_schemas
from tests.oracles.vocabularies import VOCABULARIES

WALKS_PER_SCHEMA = 4


def walk(compiled: guided.CompiledGrammar, rng: random.Random, max_tokens: int) -> bytes:
    """The text of random tokens under the mask, brought to an end by the shortest way."""
    matcher, read = compiled.matcher(), b""
    for _ in range(rng.randrange(max_tokens)):
        allowed = matcher.allowed_tokens()
        assert len(allowed), f"a dead end after {read!r}"
        token = int(rng.choice(allowed))
        if token in compiled.vocab.eos_ids:
            assert matcher.is_accepting
            return read
        assert matcher.accept_token(token)
        read += compiled.vocab.tokens[token] or b""
    rest = matcher.shortest_completion()
    assert matcher.accept_bytes(rest), f"after {read!r} the shortest completion {rest!r} is refused"
    assert matcher.is_accepting, f"after {read!r} the shortest completion {rest!r} completes nothing"
    return read + rest


@dataclass
class Findings:
    """What came of some walks."""

    walks: int = 0
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)  # ended by a typed error that compiling did not foresee


def walk_through(
    entry: RealSchema, vocab: guided.Vocabulary, order: str, walks: int, rng: random.Random, found: Findings
) -> None:
    """Adds the walks of one schema to `found`; none where the schema is refused."""
    if not ECMA.is_available() and '"pattern' in guided.JsonSchema(entry.schema).schema_text:
        return  # nobody to judge it
    compiled = entry.compile(vocab, order)
    if compiled is None:
        return
    judge = Judge(entry.schema)
    for _ in range(walks):
        text = b""
        try:
            text = walk(compiled, rng, 60)
            fault = judge.fault(text)
        except AssertionError as problem:
            fault = str(problem)
        except guided.GuidedError as problem:
            found.late.append(f"{entry.name} ({order}): {problem}")
            continue
        found.walks += 1
        if fault:
            found.wrong.append(f"{entry.name} ({order}): {fault}: {text!r}")


def run(vocab: guided.Vocabulary, order: str, walks: int, seed: int) -> Findings:
    """At least `walks` walks through schemas chosen at random."""
    rng = random.Random(f"{seed} {order}")
    found = Findings()
    while found.walks < walks:
        for entry in real_schemas(rng, walks):
            walk_through(entry, vocab, order, WALKS_PER_SCHEMA, rng, found)
            if found.walks >= walks:
                break
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walks", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocabulary", choices=list(VOCABULARIES), default="sentencepiece 32k")
    arguments = parser.parse_args()
    vocab = VOCABULARIES[arguments.vocabulary]()
    total = 0
    for order in ("declared", "any"):
        began = time.process_time()
        found = run(vocab, order, arguments.walks // 2, arguments.seed)
        seconds = time.process_time() - began
        counts = f"{found.walks} walks, {len(found.wrong)} faults, {len(found.late)} ended by a typed error"
        print(f"order {order}: {counts}, {seconds:.0f} s", flush=True)
        for line in found.wrong[:40] + sorted(set(found.late))[:20]:
            print(f"  {line[:2000]}", flush=True)
        total += len(found.wrong)
    return 1 if total else 0


if __name__ == "__main__":
    raise SystemExit(main())
