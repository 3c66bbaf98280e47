"""Random use of the matchers of one compiled constraint, with everything that must agree checked on the way.

A `Finding` is raised where something does not; a typed error of the library ends a session quietly.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np

import guided

__all__ = ["Finding", "Session"]

MOST_MATCHERS = 6


class Finding(Exception):
    """Something that must not be."""


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Finding(what)


class Session:
    """A pool of matchers with the bytes that each has read."""

    def __init__(self, compiled: guided.CompiledGrammar, rng: random.Random, counts: Counter[str]) -> None:
        self.compiled = compiled
        self.vocab = compiled.vocab
        self.rng = rng
        self.counts = counts
        self.pool: list[tuple[Any, bytes]] = [(compiled.matcher(), b"")]
        self.num_words = (self.vocab.size + 31) // 32

    def run(self, steps: int) -> None:
        """Random operations in random order."""
        operations = [self.token, self.token, self.token, self.any_token, self.some_bytes, self.fork, self.drop]
        operations += [self.masks, self.forced, self.shortest, self.prefix, self.equality]
        for _ in range(steps):
            self.counts["operations"] += 1
            self.rng.choice(operations)(self.rng.randrange(len(self.pool)))

    def texts(self, count: int, most_tokens: int = 25) -> list[bytes]:
        """Complete texts of random walks."""
        return [self._walk(most_tokens) for _ in range(count)]

    def _walk(self, most_tokens: int) -> bytes:
        matcher, read = self.compiled.matcher(), b""
        for _ in range(self.rng.randrange(most_tokens)):
            token = int(self.rng.choice(matcher.allowed_tokens()))
            if token in self.vocab.eos_ids:
                return read
            expect(matcher.accept_token(token), f"after {read!r}: token {token} is allowed and refused")
            read += self._bytes(token)
        rest = matcher.shortest_completion()
        expect(matcher.accept_bytes(rest), f"after {read!r}: the shortest completion {rest!r} is refused")
        expect(matcher.is_accepting, f"after {read!r}: the shortest completion {rest!r} completes nothing")
        return read + rest

    def _bytes(self, token: int) -> bytes:
        return self.vocab.tokens[token] or b""

    def token(self, i: int) -> None:
        """Take an allowed token; its bytes lead to the same state."""
        matcher, read = self.pool[i]
        allowed = matcher.allowed_tokens()
        if matcher.is_terminated:
            expect(len(allowed) == 0, f"after {read!r} and the end of text something is allowed")
            return
        expect(len(allowed) > 0, f"after {read!r}: a dead end")
        token = int(self.rng.choice(allowed))
        by_bytes = matcher.fork()
        expect(matcher.accept_token(token), f"after {read!r}: token {self._bytes(token)!r} is allowed and refused")
        if token in self.vocab.eos_ids:
            expect(by_bytes.is_accepting, f"after {read!r}: the end is allowed where the text is not complete")
        else:
            expect(
                by_bytes.accept_bytes(self._bytes(token)), f"after {read!r}: {self._bytes(token)!r} is refused as bytes"
            )
            expect(by_bytes == matcher, f"after {read!r}: {self._bytes(token)!r} leads elsewhere as bytes")
            self.pool[i] = (matcher, read + self._bytes(token))

    def any_token(self, i: int) -> None:
        """Any token is accepted exactly when its bit is set, and leaves the state alone where it is refused."""
        matcher, read = self.pool[i]
        mask = matcher.mask_view()
        for _ in range(12):
            token = self.rng.randrange(self.vocab.size)
            said = bool(mask[token >> 5] >> (token & 31) & 1)
            fork = matcher.fork()
            expect(fork.accept_token(token) == said, f"after {read!r}: the bit of {self._bytes(token)!r} is {said}")
            expect(said or fork == matcher, f"after {read!r}: a refused token moved the state")

    def some_bytes(self, i: int) -> None:
        """Bytes at once and one by one; refused ones change nothing."""
        matcher, read = self.pool[i]
        data = self.rng.choice(
            [b'"', b"{", b"[1,", b'"a":', b"\xc3", b"\xff", b"", b" ", b"-1", b"null", b"a", b"\\u00"]
        )
        at_once, one_by_one = matcher.fork(), matcher.fork()
        taken = at_once.accept_bytes(data)
        single = all(one_by_one.accept_bytes(bytes([b])) for b in data)
        expect(taken == single, f"after {read!r}: {data!r} at once {taken}, one by one {single}")
        expect(at_once == (one_by_one if taken else matcher), f"after {read!r}: {data!r} leads elsewhere")
        if taken:
            self.pool[i] = (at_once, read + data)

    def fork(self, i: int) -> None:
        matcher, read = self.pool[i]
        if len(self.pool) < MOST_MATCHERS:
            self.pool.append((matcher.fork(), read))
            expect(self.pool[-1][0] == matcher and hash(self.pool[-1][0]) == hash(matcher), "a fork is not equal")

    def drop(self, i: int) -> None:
        del self.pool[i]
        if not self.pool:
            self.pool.append((self.compiled.matcher(), b""))

    def masks(self, i: int) -> None:
        """All the ways to ask for a mask agree."""
        matcher, read = self.pool[i]
        view = matcher.mask_view()
        filled = np.full(self.num_words, -1, dtype=np.int32)
        matcher.fill_mask(filled)
        expect(bool((view == filled).all()), f"after {read!r}: fill_mask and mask_view differ")
        bits = np.flatnonzero(np.unpackbits(filled.view(np.uint8), bitorder="little"))
        expect(bits.tolist() == matcher.allowed_tokens().tolist(), f"after {read!r}: allowed_tokens differs")
        expect(len(bits) == matcher.num_allowed(), f"after {read!r}: num_allowed differs")
        rows = np.full((len(self.pool), self.num_words), -1, dtype=np.int32)
        guided.fill_masks([m for m, _ in self.pool], rows)
        for row, (other, _) in zip(rows, self.pool, strict=True):
            expect(bool((row == other.mask_view()).all()), "fill_masks differs")

    def forced(self, i: int) -> None:
        """Forced bytes are the only ones, and the text may not end before them."""
        matcher, read = self.pool[i]
        at = matcher.fork()
        forced = matcher.forced_bytes()
        for byte in forced[:40]:
            alive = [b for b in range(256) if at.fork().accept_bytes(bytes([b]))]
            expect(alive == [byte] and not at.is_accepting, f"after {read!r}: {forced!r} is forced, {alive} are alive")
            at.accept_bytes(bytes([byte]))

    def shortest(self, i: int) -> None:
        """The shortest completion completes; one byte further it is at most one byte longer than said there."""
        matcher, read = self.pool[i]
        if matcher.is_terminated:
            return
        rest = matcher.shortest_completion()
        at = matcher.fork()
        expect(at.accept_bytes(rest), f"after {read!r}: the shortest completion {rest!r} is refused")
        expect(at.is_accepting, f"after {read!r}: the shortest completion {rest!r} completes nothing")
        expect(not matcher.is_accepting or rest == b"", f"after {read!r}: complete, yet {rest!r} is said to be missing")
        for byte in self.rng.sample(range(256), 24):
            other = matcher.fork()
            if other.accept_bytes(bytes([byte])):
                self.counts["shortest compared"] += 1
                self.counts["shortest beaten"] += len(other.shortest_completion()) + 1 < len(rest)

    def prefix(self, i: int) -> None:
        """A prefix comes first; afterwards all is as if it had not been there."""
        prefix = self.rng.choice([b"a", b'"', b"\xc3", b"http:", b"{}"])
        healed = self.compiled.matcher(prefix=prefix)
        expect(healed.forced_bytes().startswith(prefix), f"the prefix {prefix!r} is not forced")
        expect(healed.accept_bytes(prefix), f"the prefix {prefix!r} is refused")
        start = self.compiled.matcher()
        expect(bool((healed.mask_view() == start.mask_view()).all()), f"after the prefix {prefix!r} the mask differs")
        expect(healed.is_accepting == start.is_accepting, f"after the prefix {prefix!r} is_accepting differs")

    def equality(self, i: int) -> None:
        """Reading the same bytes again leads to an equal state."""
        matcher, read = self.pool[i]
        again = self.compiled.matcher()
        expect(again.accept_bytes(read), f"{read!r} is refused the second time")
        expect(matcher.is_terminated or again == matcher, f"{read!r} leads to another state the second time")
