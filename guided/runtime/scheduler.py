"""One loop for everything that decodes: greedy, sampling, beams, batches, streams.

A row is a generator that yields what it needs from the engine next (`Ask`s) and is sent the `Answer`s. Each wave
merges the asks of all rows into one `engine.step` and one `engine.select`. A row's own error ends that row alone:
when a merged call refuses, it is repeated row by row, and the error is thrown into the row that caused it.
The engine is used, and rows are advanced, under a lock; it is free between waves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from guided.errors import GuidedError
from guided.runtime.engine import Choice, Engine, EngineSequence, Extend, Hidden, Policy

if TYPE_CHECKING:
    from guided.matcher import Matcher

__all__ = ["Answer", "Ask", "Row", "Scheduler"]

T = TypeVar("T")
MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """Append `tokens` (at least one) to `seq`, and choose or score what follows.

    `policy`: choose the next token after the last one, among those that `matcher` allows (None: all).
    `targets`: log p of given next tokens, `targets[i]` after `tokens[i]`; needs `want="all"` where there is more
    than one. `num_forced`: how many of `tokens` were decided without the model, for the statistics.
    """

    seq: EngineSequence
    tokens: Sequence[int]
    want: Literal["last", "all", "none"] = "last"
    policy: Policy | None = None
    matcher: Matcher | None = None
    targets: Sequence[int] | None = None
    num_forced: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one ask."""

    choice: Choice | None = None
    logprobs: npt.NDArray[np.float64] | None = None


Row = Generator[list[Ask], list[Answer], T]


@dataclass(slots=True)
class _Running(Generic[T]):
    """A row in progress."""

    row: Row[T]
    place: int = 0
    asks: list[Ask] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    choices: list[Choice | None] = field(default_factory=list)
    logprobs: list[npt.NDArray[np.float64] | None] = field(default_factory=list)
    fault: GuidedError | None = None  # to be thrown into the row
    is_done: bool = False
    result: T | None = None
    error: GuidedError | None = None

    def advance(self, go: Callable[[], list[Ask]]) -> None:
        """Run the row up to its next asks, its result or its error."""
        try:
            self.asks = list(go())
        except StopIteration as end:
            self.is_done, self.result = True, end.value
        except GuidedError as error:
            self.is_done, self.error = True, error

    def start(self) -> None:
        self.advance(lambda: next(self.row))

    def resume(self) -> None:
        """Hand over the answers of a wave, or its fault."""
        fault, self.fault = self.fault, None
        if fault is not None:
            self.advance(lambda: self.row.throw(fault))
            return
        answers = [Answer(choice, scored) for choice, scored in zip(self.choices, self.logprobs, strict=True)]
        self.advance(lambda: self.row.send(answers))


class Scheduler:
    """Runs rows on one engine; may be used from several threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.RLock()
        self._masks = np.zeros((0, 0), np.int32)

    def run(self, rows: Iterable[Row[T]], *, max_batch: int = MAX_BATCH) -> list[T | GuidedError]:
        """Run all rows, at most `max_batch` at a time; one result or error per row, in order.

        `rows` is read as room becomes free, so a long iterable of rows costs no more than `max_batch` of them.
        """
        finished = self._finished(rows, max_batch)
        return [end.error if end.error is not None else end.result for end in finished]  # type: ignore[misc]

    def run_one(self, row: Row[T]) -> T:
        """Run one row; raises its error."""
        (end,) = self._finished([row], 1)
        if end.error is not None:
            raise end.error
        return end.result  # type: ignore[return-value]

    def iterate(self, row: Row[T]) -> Generator[None, None, T]:
        """Run one row and hand control back after its start and after each wave; returns its result.

        Closing the iterator early closes the row.
        """
        running = _Running(row)
        try:
            with self._lock:
                running.start()
            yield
            while not running.is_done:
                with self._lock:
                    self._wave([running])
                yield
        finally:
            with self._lock:
                row.close()
        if running.error is not None:
            raise running.error
        return running.result  # type: ignore[return-value]

    def _finished(self, rows: Iterable[Row[T]], max_batch: int) -> list[_Running[T]]:
        waiting = iter(rows)
        started: list[_Running[T]] = []
        active: list[_Running[T]] = []
        try:
            while True:
                with self._lock:
                    self._admit(waiting, started, active, max_batch)
                    if not active:
                        return started
                    self._wave(active)
                active = [running for running in active if not running.is_done]
        finally:
            with self._lock:
                for running in active:
                    running.row.close()

    def _admit(
        self, waiting: Iterator[Row[T]], started: list[_Running[T]], active: list[_Running[T]], max_batch: int
    ) -> None:
        """Start rows while there is room for them."""
        while len(active) < max_batch:
            row = next(waiting, None)
            if row is None:
                return
            running = _Running(row, place=len(started))
            started.append(running)
            active.append(running)
            running.start()
            if running.is_done:
                active.pop()

    def _wave(self, active: Sequence[_Running[Any]]) -> None:
        """One step and one select for all active rows, then each row goes on to its next asks."""
        working = [running for running in active if not running.is_done]
        for work in (self._step, self._select, self._score):
            _isolate([running for running in working if running.fault is None], work)
        for running in working:
            running.resume()

    def _step(self, rows: Sequence[_Running[Any]]) -> None:
        work = [Extend(ask.seq, ask.tokens, ask.want) for running in rows for ask in running.asks]
        hidden = iter(self.engine.step(work) if work else [])
        for running in rows:
            running.hidden = [next(hidden) for _ in running.asks]
            self.engine.stats.tokens_forced += sum(ask.num_forced for ask in running.asks)

    def _select(self, rows: Sequence[_Running[Any]]) -> None:
        chosen: list[tuple[Hidden, Policy, Matcher | None]] = []
        for running in rows:
            for ask, hidden in zip(running.asks, running.hidden, strict=True):
                if ask.policy is not None:
                    chosen.append((hidden.row(-1), ask.policy, ask.matcher))
        choices: Iterator[Choice] = iter(())
        if chosen:
            masks = self._fill([matcher for _, _, matcher in chosen])
            choices = iter(
                self.engine.select([row for row, _, _ in chosen], masks, [policy for _, policy, _ in chosen])
            )
        for running in rows:
            running.choices = [None if ask.policy is None else next(choices) for ask in running.asks]

    def _score(self, rows: Sequence[_Running[Any]]) -> None:
        for running in rows:
            running.logprobs = [
                None if ask.targets is None else self.engine.logprobs(hidden, ask.targets)
                for ask, hidden in zip(running.asks, running.hidden, strict=True)
            ]

    def _fill(self, matchers: Sequence[Matcher | None]) -> npt.NDArray[np.int32] | None:
        """Masks int32[n, ceil(V/32)], all ones where there is no matcher; None where there is none at all."""
        constrained = [matcher for matcher in matchers if matcher is not None]
        if not constrained:
            return None
        from guided.matcher import fill_masks  # the compiled core is loaded on first use

        started = time.perf_counter()
        words = (self.engine.vocab.size + 31) // 32
        if self._masks.shape[0] < len(matchers) or self._masks.shape[1] != words:
            self._masks = np.zeros((max(len(matchers), 2 * len(self._masks)), words), np.int32)
        masks = self._masks[: len(matchers)]
        if len(constrained) == len(matchers):
            fill_masks(constrained, masks)
        else:
            masks[:] = -1
            places = [i for i, matcher in enumerate(matchers) if matcher is not None]
            some = np.zeros((len(constrained), words), np.int32)
            fill_masks(constrained, some)
            masks[places] = some
        self.engine.stats.mask_seconds += time.perf_counter() - started
        return masks


def _isolate(rows: Sequence[_Running[Any]], work: Callable[[Sequence[_Running[Any]]], None]) -> None:
    """Do the work for all rows at once; if that is refused, row by row, and note whose fault it is."""
    if not rows:
        return
    try:
        work(rows)
    except GuidedError as error:
        if len(rows) == 1:
            rows[0].fault = error
            return
        for running in rows:
            _isolate([running], work)
