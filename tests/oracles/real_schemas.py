"""Real JSON Schemas with their instances, from `../shared/data/maskbench-dev.jsonl.gz` beside the checkout."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import guided

DATA = Path(__file__).parents[3] / "shared" / "data" / "maskbench-dev.jsonl.gz"


@dataclass(frozen=True)
class RealSchema:
    """One schema of the data, and the values that it accepts and refuses."""

    name: str
    schema: Any
    valid: list[Any]
    invalid: list[Any]

    def compile(self, vocab: guided.Vocabulary, order: str) -> guided.CompiledGrammar | None:
        """None where it is refused with a typed error: coverage is judged elsewhere."""
        try:
            return guided.JsonSchema(self.schema, order=order).compile(vocab)
        except guided.GuidedError:
            return None


def real_schemas(rng: random.Random | None = None, count: int | None = None) -> Iterator[RealSchema]:
    """All of them, or `count` chosen by `rng`, in random order."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        lines = file.readlines()
    if rng is not None:
        lines = rng.sample(lines, min(count or len(lines), len(lines)))
    for line in lines:
        entry = json.loads(line)
        tests = entry["tests"]
        yield RealSchema(
            entry["id"],
            entry["schema"],
            [t["data"] for t in tests if t["valid"]],
            [t["data"] for t in tests if not t["valid"]],
        )
