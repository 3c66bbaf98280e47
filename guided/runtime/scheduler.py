"""One loop for everything that decodes: greedy, sampling, beams, batches, streams, from any thread or task.

Each wave merges what all rows ask for into one step of the engine and one choice (`Wave`); rows join and leave
between waves, by priority and arrival. A row's own error ends that row alone. A lone caller drives the loop itself;
from the second one on a decode thread does (decision 0033). Whoever drives holds `_turn`; `_inbox` is the only thing
that others touch, and may be put to from anywhere, a finalizer included.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterable
from functools import cache, partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from guided.errors import Cancelled, GenerationError, GuidedError
from guided.runtime.engine import Engine, EngineStats
from guided.runtime.job import Job
from guided.runtime.loop import Loop
from guided.runtime.rows import Answer, Ask, Row, together
from guided.runtime.wave import STEP_TOKENS, Wave

__all__ = ["MAX_BATCH", "Answer", "Ask", "Job", "Row", "Scheduler", "together"]

T = TypeVar("T")
MAX_BATCH = 64
IDLE_SECONDS = 2.0
"""After this long without work the decode thread ends."""


class Scheduler:
    """Runs rows on one engine, at most `max_batch` in a wave; may be used from any thread or task."""

    def __init__(self, engine: Engine, *, max_batch: int = MAX_BATCH, step_tokens: int = STEP_TOKENS) -> None:
        self.engine = engine
        self.max_batch = max_batch
        self._wave = Wave(engine, step_tokens)
        self._loop = Loop(self._wave, max_batch)
        self._inbox: SimpleQueue[Job[Any] | None] = SimpleQueue()  # None: look again
        self._turn = threading.Lock()
        self._driver: int | None = None  # ident of the thread that has the turn
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None
        self._closed: Exception | None = None

    # For callers.

    def run(
        self,
        rows: Iterable[Row[T]],
        *,
        max_batch: int | None = None,
        priority: int = 0,
        timeout: float | None = None,
        stats: EngineStats | None = None,
    ) -> list[T | GuidedError]:
        """Run all rows, at most `max_batch` at a time; one result or error per row, in order.

        `rows` is read as room becomes free, so a long iterable of rows costs no more than `max_batch` of them. After
        `timeout` seconds rows that are not done have a `DeadlineExceeded`. `stats` counts their work. An exception that
        is no GuidedError ends all rows of the call, and is raised.
        """
        job = Job(rows, max_batch=max_batch or self.max_batch, priority=priority, timeout=timeout, stats=stats)
        self._complete(job)
        return job.results()

    def run_one(
        self, row: Row[T], *, priority: int = 0, timeout: float | None = None, stats: EngineStats | None = None
    ) -> T:
        """Run one row; raises its error."""
        job = Job((row,), max_batch=1, priority=priority, timeout=timeout, stats=stats)
        self._complete(job)
        return job.only_result()

    def iterate(
        self, row: Row[T], *, priority: int = 0, timeout: float | None = None, stats: EngineStats | None = None
    ) -> Generator[None, None, T]:
        """Run one row and hand control back after its start and after each wave; returns its result.

        Closing the iterator early closes the row.
        """
        changed = threading.Event()
        job = Job((row,), max_batch=1, priority=priority, timeout=timeout, on_change=changed.set, stats=stats)
        if self._driver == threading.get_ident():
            yield from self._waves_inside(job)
            return job.only_result()
        self._put(job)
        try:
            while not job.is_finished:
                if not self._drive(partial(job.has_moved, since=job.num_waves)):
                    changed.wait()
                    changed.clear()
                yield
        finally:
            if not job.is_finished:
                self.cancel(job)
        return job.only_result()

    def submit(self, job: Job[Any]) -> None:
        """Let the decode thread run a job; its `on_change` tells of every wave, and of the end."""
        self._put(job)
        self._call_thread()

    def cancel(self, job: Job[Any]) -> None:
        """End a job: its rows are closed before the next wave, or now if nobody is at work. Safe in a finalizer."""
        job.is_cancelled = True
        self._inbox.put(None)
        self._tidy()

    def close(self, error: Exception | None = None) -> None:
        """End everything that runs with `error`, and the decode thread; what is asked later is refused with it."""
        self._closed = error or Cancelled("the model was closed while this ran")
        self._inbox.put(None)
        if self._driver == threading.get_ident():
            return  # one of its own rows closes it: the loop ends everything after this wave
        thread = self._thread
        if thread is not None:
            thread.join()
        with self._turn:
            self._sweep()

    # Who drives.

    def _put(self, job: Job[Any]) -> None:
        if self._closed is not None:
            raise Cancelled("this model is closed: load it again")
        self._inbox.put(job)

    def _complete(self, job: Job[Any]) -> None:
        """Until the job is finished, by driving the loop or by waiting for who does."""
        if self._driver == threading.get_ident():
            for _ in self._waves_inside(job):
                pass
            return
        self._put(job)
        try:
            while not job.is_finished:
                if not self._drive(lambda: job.is_finished):
                    job.wait()
        except BaseException:
            self.cancel(job)
            raise

    def _waves_inside(self, job: Job[T]) -> Generator[None, None, None]:
        """A row that is being driven asks for more, as a tool may: its rows run by themselves, here and now."""
        inner = Loop(self._wave, job.max_batch)
        inner.add(job)
        try:
            inner.sweep()
            yield
            while not inner.is_idle:
                inner.turn()
                inner.sweep()
                yield
        finally:
            job.is_cancelled = True
            inner.sweep()

    def _drive(self, is_enough: Callable[[], bool]) -> bool:
        """Drive up to the first wave after which it is enough; or, if somebody else drives, let the thread do it."""
        if self._thread is not None or not self._turn.acquire(blocking=False):
            self._call_thread()
            return False
        self._driver = threading.get_ident()
        try:
            self._sweep()
            while not is_enough() and self._thread is None:
                self._loop.turn()
                self._sweep()
        finally:
            self._driver = None
            self._turn.release()
        self._tidy()
        return True

    def _tidy(self) -> None:
        """Where nobody drives, look at what has come in: cancelled rows give their places back."""
        me = threading.get_ident()
        while not self._inbox.empty() and self._thread is None and self._driver != me:
            if not self._turn.acquire(blocking=False):
                return
            self._driver = me
            try:
                self._sweep()
            finally:
                self._driver = None
                self._turn.release()

    def _sweep(self) -> None:
        """Take in new jobs, and see to all of them."""
        while not self._inbox.empty():
            job = self._inbox.get()
            if job is not None:
                self._loop.add(job)
        if self._closed is not None:
            self._loop.end_all(self._closed)
        self._loop.sweep()

    def _start_over(self) -> None:
        """In a forked child: the decode thread, what it ran and the locks it held are the parent's."""
        self._loop = Loop(self._wave, self.max_batch)
        self._inbox = SimpleQueue()
        self._turn, self._starting = threading.Lock(), threading.RLock()
        self._driver = self._thread = None

    # The decode thread.

    def _call_thread(self) -> None:
        """Start it, if it does not live."""
        with self._starting:
            if self._thread is None:
                _stop_at_exit(self)
                self._thread = threading.Thread(target=self._serve, name="guided-decode", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        with self._turn:
            self._driver = threading.get_ident()
            try:
                while self._closed is None:
                    self._sweep()
                    if not self._loop.is_idle:
                        self._loop.turn()
                    elif not self._await_work():
                        break
                self._sweep()
            except BaseException as error:  # nobody may wait for ever
                self._loop.end_all(GenerationError(f"the decode thread failed: {error!r}"))
                raise
            finally:
                self._driver = None
                self._leave()

    def _await_work(self) -> bool:
        """Until something comes in; False if nothing does for long."""
        try:
            job = self._inbox.get(timeout=IDLE_SECONDS)
        except Empty:
            self._leave()
            return not self._inbox.empty()
        if job is not None:
            self._loop.add(job)
        return True

    def _leave(self) -> None:
        """From now on callers drive, or start another thread."""
        with self._starting:
            if self._thread is threading.current_thread():
                self._thread = None


_WITH_THREAD: weakref.WeakSet[Scheduler] = weakref.WeakSet()


def _stop_at_exit(scheduler: Scheduler) -> None:
    """A thread inside of native code when the interpreter goes would take the process down."""
    _watch_forks()
    if not _WITH_THREAD:
        atexit.unregister(_stop_all)
        atexit.register(_stop_all)
    _WITH_THREAD.add(scheduler)


def _in_child() -> None:
    for scheduler in list(_WITH_THREAD):
        scheduler._start_over()


@cache
def _watch_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)


def _stop_all() -> None:
    for scheduler in list(_WITH_THREAD):
        scheduler.close(Cancelled("Python is exiting"))
