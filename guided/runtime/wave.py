"""One wave: what the rows ask for, merged into one step of the engine and one choice.

A step is *ragged*: each ask brings its own number of tokens. While rows are decoding, long asks (prompts) are cut into
chunks so that a step stays short; tokens that two rows have in common at the same place count once, since the engine
computes them once. When the engine refuses the merged work it is repeated row by row, and the error is the row's
whose work is refused. A row for which the cache has no room waits until another one has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from guided.errors import CacheFull, GenerationError, GuidedError
from guided.runtime.canonical import choose_accepted
from guided.runtime.engine import Choice, Engine, Extend, Hidden, Policy
from guided.runtime.rows import Ask, RunningRow
from guided.runtime.shares import share_choice, share_step

if TYPE_CHECKING:
    from guided.matcher import Matcher

__all__ = ["STEP_TOKENS", "Wave"]

STEP_TOKENS = 512
"""Tokens of a step while rows are decoding; chosen so that such a step takes about ten times a decoding one."""

PREFILL_TOKENS = 8192
"""Tokens of a step in which all rows are reading their prompts: bounds its memory, and how long a new call waits."""

FEW = 32
"""An ask with at most this many tokens left is decoding, and never cut."""


class Wave:
    """The engine's side of the loop; whoever drives it calls `run` again and again."""

    def __init__(self, engine: Engine, step_tokens: int = STEP_TOKENS) -> None:
        self.engine = engine
        self.step_tokens = step_tokens
        self._masks = np.zeros((0, 0), np.int32)
        self._is_shared = False  # whether several jobs have rows in this wave: then each is told its share of the work

    def run(self, rows: Sequence[RunningRow]) -> None:
        """One step for all rows, given in order of rank; those whose asks are complete go on to their next asks."""
        outer, self._is_shared = self._is_shared, any(running.job is not rows[0].job for running in rows)
        before = self.engine.stats.copy()
        try:
            self._run(rows)
        finally:
            if not self._is_shared:
                rows[0].job.stats.add(self.engine.stats.since(before))
            self._is_shared = outer

    def _run(self, rows: Sequence[RunningRow]) -> None:
        self._share(rows)
        self._isolate(rows, self._step)
        ready: list[RunningRow] = []
        for running in rows:
            if running.fault is None and running.blocked is None:
                if running.is_scored:
                    self._isolate((running,), self._score)
                if not running.num_left and running.fault is None:
                    ready.append(running)
        self._isolate(ready, self._select)
        for running in rows:
            if running.fault is None and (running.num_left or running.blocked is not None):
                continue
            before = self.engine.stats.copy() if self._is_shared else None
            if running.parked is not None and running.fault is None:
                running.unpark()
            else:
                running.resume()
            if before is not None:
                running.job.stats.add(self.engine.stats.since(before))

    # How much of each ask goes into this step.

    def _share(self, rows: Sequence[RunningRow]) -> None:
        most = self.step_tokens if len(rows) > 1 else max(self.step_tokens, PREFILL_TOKENS)
        if sum([running.num_left for running in rows]) <= most:
            for running in rows:
                running.takes = [len(ask.tokens) - done for ask, done in zip(running.asks, running.done, strict=True)]
            return
        left = [[len(ask.tokens) - done for ask, done in zip(r.asks, r.done, strict=True)] for r in rows]
        num_decoding = sum(count for counts in left for count in counts if count <= FEW)
        budget = PREFILL_TOKENS
        if num_decoding:
            budget = max(self.step_tokens - num_decoding, self.step_tokens // 4)
        planned: dict[int, list[Sequence[int]]] = {}
        for running, counts in zip(rows, left, strict=True):
            running.takes = []
            for ask, done, count in zip(running.asks, running.done, counts, strict=True):
                if count > FEW:
                    tokens = ask.tokens[done:]
                    place = planned.setdefault(ask.seq.length, [])
                    shared = max((_common(tokens, other) for other in place), default=0)
                    count = min(count, shared + budget)
                    budget -= count - shared
                    if count > shared:
                        place.append(tokens[:count])
                running.takes.append(count)

    # The work, for some of the rows.

    def _step(self, rows: Sequence[RunningRow]) -> None:
        work: list[Extend] = []
        for running in rows:
            for ask, done, count in zip(running.asks, running.done, running.takes, strict=True):
                if count == len(ask.tokens):
                    work.append(Extend(ask.seq, ask.tokens, ask.want))
                elif count:
                    is_last = done + count == len(ask.tokens)
                    want = "none" if ask.want == "last" and not is_last else ask.want
                    work.append(Extend(ask.seq, ask.tokens[done : done + count], want))
        before = self.engine.stats.copy() if self._is_shared else None
        hidden = iter(self.engine.step(work) if work else [])
        for running in rows:
            running.hidden = [next(hidden) if n else old for n, old in zip(running.takes, running.hidden, strict=True)]
            num_forced = 0
            for i, (ask, count) in enumerate(zip(running.asks, running.takes, strict=True)):
                if count and not running.done[i]:
                    num_forced += ask.num_forced
                running.done[i] += count
                running.num_left -= count
            self.engine.stats.tokens_forced += num_forced
            if self._is_shared:
                running.job.stats.tokens_forced += num_forced
        if before is not None:
            share_step(rows, self.engine.stats.since(before))

    def _score(self, rows: Sequence[RunningRow]) -> None:
        """Log p of the targets behind the tokens of this step."""
        before = self.engine.stats.model_seconds
        for running in rows:
            for i, (ask, count) in enumerate(zip(running.asks, running.takes, strict=True)):
                if ask.targets is None or not count:
                    continue
                done = running.done[i]
                hidden = running.hidden[i]
                assert hidden is not None
                targets = ask.targets if count == len(ask.tokens) else ask.targets[done - count : done]
                running.scored[i].append(self.engine.logprobs(hidden, targets))
        if self._is_shared:
            rows[0].job.stats.model_seconds += self.engine.stats.model_seconds - before

    def _select(self, rows: Sequence[RunningRow]) -> None:
        before = self.engine.stats.copy() if self._is_shared else None
        chosen: list[tuple[Hidden, Ask, Policy]] = []
        for running in rows:
            for ask, hidden in zip(running.asks, running.hidden, strict=True):
                if ask.policy is not None and hidden is not None:
                    chosen.append((hidden.row(-1), ask, ask.policy))
        choices: Iterator[Choice] = iter(())
        if chosen:
            masks = self._fill([ask.matcher for _, ask, _ in chosen])
            choices = iter(self._choose(chosen, masks))
        for running in rows:
            running.choices = [None if ask.policy is None else next(choices) for ask in running.asks]
        if before is not None:
            share_choice(rows, self.engine.stats.since(before))

    def _choose(
        self, chosen: Sequence[tuple[Hidden, Ask, Policy]], masks: npt.NDArray[np.int32] | None
    ) -> list[Choice]:
        """One choice for each; those that may be refused are made here, one by one."""
        engine = self.engine
        picky = [i for i, (_, ask, _) in enumerate(chosen) if ask.accepts is not None]
        if not picky:
            return engine.select([hidden for hidden, _, _ in chosen], masks, [policy for _, _, policy in chosen])
        plain = [i for i, (_, ask, _) in enumerate(chosen) if ask.accepts is None]
        made: dict[int, Choice] = {}
        if plain:
            some = None if masks is None else masks[plain]
            found = engine.select([chosen[i][0] for i in plain], some, [chosen[i][2] for i in plain])
            made = dict(zip(plain, found, strict=True))
        for i in picky:
            hidden, ask, policy = chosen[i]
            started = time.perf_counter()
            logits = engine.logits(hidden)[0]
            engine.stats.model_seconds += time.perf_counter() - started
            assert ask.accepts is not None
            made[i] = choose_accepted(logits, None if masks is None else masks[i], policy, ask.accepts)
        return [made[i] for i in range(len(chosen))]

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

    def _isolate(self, rows: Sequence[RunningRow], work: Callable[[Sequence[RunningRow]], None]) -> None:
        """Do the work for all rows at once; if that is refused, row by row, and note whose fault it is."""
        if not rows:
            return
        try:
            work(rows)
        except Exception as error:
            if len(rows) > 1:
                for running in rows:
                    self._isolate([running], work)
            elif isinstance(error, CacheFull):
                rows[0].blocked = error
            else:
                rows[0].fault = error if isinstance(error, GuidedError) else _failed(error)


def _failed(error: Exception) -> GenerationError:
    """A failure of the model itself, as an error of the row whose work it was."""
    lines = str(error).strip().splitlines() or [""]
    failed = GenerationError(
        f"the model failed: {type(error).__name__}: {lines[0][:300]}; if its device is out of memory, run fewer rows "
        "at once (max_batch), or load it with less cache_bytes"
    )
    failed.__cause__ = error
    return failed


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if tuple(one[low:middle]) == tuple(other[low:middle]):
            low = middle
        else:
            high = middle - 1
    return low
