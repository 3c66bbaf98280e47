"""A random walk over an engine: open, extend, fork, crop and close, each logit compared with a reference's."""

from __future__ import annotations

import numpy as np

from guided.errors import GenerationError
from guided.runtime.engine import Extend

__all__ = ["Program", "run_in_a_tight_cache"]

NUM_TOKENS = 6  # few ids, so that programs meet their own prefixes again


class Program:
    """A random walk over one engine; the reference is the text of each sequence."""

    def __init__(self, engine, reference, seed):
        self.engine, self.reference = engine, reference
        self.rng = np.random.default_rng(seed)
        self.live = {}
        self.checked = 0

    def text(self, most):
        return self.rng.integers(10, 10 + NUM_TOKENS, self.rng.integers(1, most + 1)).tolist()

    def some(self, share):
        return [seq for seq in self.live if self.rng.random() < share]

    def turn(self):
        acts = ["open", "open", "open", "extend", "extend", "extend", "extend", "fork", "crop", "close"]
        getattr(self, "open" if not self.live else str(self.rng.choice(acts)))()

    def open(self):
        tokens = self.text(25)
        seq = self.engine.open(tokens)
        assert list(seq.tokens) == tokens[: seq.length]
        assert seq.length < len(tokens)
        self.live[seq] = list(seq.tokens)
        self.run([(seq, tokens[seq.length :], "last")])

    def extend(self):
        wants = ["last", "all", "none"]
        self.run([(seq, self.text(self.rng.choice([1, 1, 6])), str(self.rng.choice(wants))) for seq in self.some(0.6)])

    def run(self, work):
        if not work:
            return
        rows = self.engine.step([Extend(*item) for item in work])
        for (seq, tokens, want), row in zip(work, rows, strict=True):
            self.live[seq] += tokens
            assert list(seq.tokens) == self.live[seq]
            assert row.rows == {"last": 1, "all": len(tokens), "none": 0}[want]
            if row.rows:
                expected = self.reference(self.live[seq])[-row.rows :]
                assert np.abs(self.engine.logits(row) - expected).max() < 1e-4
                self.checked += row.rows

    def fork(self):
        for seq in self.some(0.3):
            for copy in self.engine.fork(seq, int(self.rng.integers(1, 3))):
                self.live[copy] = list(self.live[seq])

    def crop(self):
        for seq in self.some(0.4):
            length = int(self.rng.integers(0, len(self.live[seq]) + 1))
            self.engine.crop(seq, length)
            del self.live[seq][length:]

    def close(self):
        for seq in self.some(0.3 if len(self.live) < 8 else 0.8):
            self.engine.close(seq)
            del self.live[seq]


def run_in_a_tight_cache(program: Program, turns: int) -> list[str]:
    """What was refused for want of memory; a refusal changes nothing, and the walk goes on with fewer sequences."""
    refusals = []
    for _ in range(turns):
        before = {seq: list(tokens) for seq, tokens in program.live.items()}
        try:
            program.turn()
        except GenerationError as error:
            refusals.append(str(error))
            assert {seq: list(seq.tokens) for seq in before} == before
            program.close()
    return refusals
