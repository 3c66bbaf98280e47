"""One call's share of the loop: rows to run, how much they matter, and what came of them.

A job may be fed and read from another thread than the one that runs it: `cancel` and `wait` are for its caller, all
else is for the loop. Results stand in the order of the rows, whenever each of them ended.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from guided.errors import GuidedError, InputError
from guided.runtime.engine import EngineStats
from guided.runtime.rows import Row, RunningRow

__all__ = ["Job", "check_urgency"]

T = TypeVar("T")


def check_urgency(priority: object, timeout: object) -> None:
    """Raise `InputError` for what is no priority, or no number of seconds."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise InputError(f"priority is an integer, not {priority!r}")
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise InputError(f"timeout is a number of seconds, not {timeout!r}")
    if not 0 < timeout < math.inf:
        raise InputError(f"timeout={timeout} is out of range: it must be above 0")


class Job(Generic[T]):
    """Rows that are run at most `max_batch` at a time; `rows` is read as room becomes free.

    priority: rows of a higher one go first. deadline: when, on `time.monotonic`, what is not done is ended.
    on_change: told after every wave that a row of this job was in, and at the end; called by the loop.
    stats: counts the work of this job alone, whatever else runs; give one to read it afterwards.
    """

    def __init__(
        self,
        rows: Iterable[Row[T]],
        *,
        max_batch: int,
        priority: int = 0,
        timeout: float | None = None,
        on_change: Callable[[], None] | None = None,
        stats: EngineStats | None = None,
    ) -> None:
        self.rows: Iterator[Row[T]] = iter(rows)
        self.max_batch = max_batch
        self.priority = priority
        self.timeout = timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.on_change = on_change
        self.stats = EngineStats() if stats is None else stats
        self.started: list[RunningRow] = []
        self.num_active = 0
        self.num_waves = 0
        self.is_exhausted = False  # all rows are started
        self.is_cancelled = False
        self.is_finished = False
        self.failure: BaseException | None = None  # of `rows` itself, or of a row where it is no GuidedError
        self._done = threading.Event()

    def next_row(self) -> Row[T] | None:
        """The next row to start."""
        if self.is_exhausted or self.is_cancelled or self.failure is not None:
            return None
        try:
            row = next(self.rows, None)
        except BaseException as error:
            self.failure = error
            return None
        self.is_exhausted = row is None
        return row

    def settle(self, running: RunningRow) -> None:
        """A row of this job has ended."""
        self.num_active -= 1
        error = running.error
        if error is not None and not isinstance(error, GuidedError) and self.failure is None:
            self.failure = error

    @property
    def wants_no_more(self) -> bool:
        """Whether nothing of it is left to start."""
        return self.is_exhausted or self.is_cancelled or self.failure is not None

    def finish(self) -> None:
        """All is done; whoever waits may go on."""
        self.is_finished = True
        self._done.set()
        self.tell()

    def tell(self) -> None:
        """Let the caller know that something happened; a caller that cannot be told is gone."""
        if self.on_change is None:
            return
        try:
            self.on_change()
        except Exception:
            self.is_cancelled = True

    def has_moved(self, since: int) -> bool:
        """Whether anything happened since `num_waves` was that."""
        return self.is_finished or self.num_waves > since

    def wait(self) -> None:
        """Until it is finished."""
        self._done.wait()

    def results(self) -> list[T | GuidedError]:
        """One result or error per started row, in order; raises what is nobody's result."""
        if self.failure is not None:
            raise self.failure
        return [one.error if one.error is not None else one.result for one in self.started]  # type: ignore[misc]

    def only_result(self) -> T:
        """The result of the only row; raises its error."""
        (end,) = self.results()
        if isinstance(end, GuidedError):
            raise end
        return end
