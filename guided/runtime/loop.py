"""The jobs that share an engine, and which of their rows go into the next wave.

Between two waves jobs join, late and cancelled ones are ended, and rows are started where there is room: of the highest
priority, then of the job that has the fewest rows running, so that a long batch does not shut out a short call. A row
of a higher priority is started even where there is no room: rows of the lowest one then wait, keeping their place.
"""

from __future__ import annotations

import time
from typing import Any

from guided.errors import Cancelled, DeadlineExceeded
from guided.runtime.job import Job
from guided.runtime.rows import RunningRow
from guided.runtime.wave import Wave

__all__ = ["Loop"]


class Loop:
    """Not thread-safe: one driver at a time."""

    def __init__(self, wave: Wave, max_batch: int) -> None:
        self.jobs: list[Job[Any]] = []
        self.active: list[RunningRow] = []
        self._wave = wave
        self._max_batch = max_batch
        self._num_rows = 0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.jobs

    def add(self, job: Job[Any]) -> None:
        """One more job; it is looked at by the next `sweep`."""
        self.jobs.append(job)

    def sweep(self) -> None:
        """End what is not wanted any more, start what there is room for, and tell jobs that are finished."""
        for job in self.jobs:
            if job.is_cancelled or job.failure is not None:
                self._close(job)
            elif job.deadline is not None and time.monotonic() >= job.deadline:
                self._end(job, DeadlineExceeded(job.timeout or 0.0))
        while (job_with_room := self._next_job()) is not None:
            self._start_row_of(job_with_room)
        self._settle()

    def turn(self) -> None:
        """One wave. An interrupt ends its rows, since what they have done is not known, and is raised."""
        rows = self._chosen()
        if not rows:
            return
        try:
            self._wave.run(rows)
        except BaseException as error:
            is_ours = isinstance(error, Exception)
            for running in rows:
                running.stop(error if is_ours else Cancelled("the call that did the work was interrupted"))  # type: ignore[arg-type]
            if not is_ours:
                raise
        finally:
            self._count(rows)
            self._settle()

    def end_all(self, error: Exception) -> None:
        """End every job with `error`."""
        for job in self.jobs:
            self._end(job, error)
        self._settle()

    # Inside.

    def _next_job(self) -> Job[Any] | None:
        """The job that may start a row."""
        able = [job for job in self.jobs if job.num_active < job.max_batch and not job.wants_no_more]
        if not able:
            return None
        job = min(able, key=lambda job: (-job.priority, job.num_active))
        if len(self.active) < self._max_batch:
            return job
        num_rivals = sum(running.job.priority >= job.priority for running in self.active)
        return job if num_rivals < self._max_batch else None

    def _start_row_of(self, job: Job[Any]) -> None:
        row = job.next_row()
        if row is None:
            return
        running = RunningRow(row, job, self._num_rows)
        self._num_rows += 1
        job.started.append(running)
        job.num_active += 1
        self.active.append(running)
        before = self._wave.engine.stats.copy()
        running.start()
        job.stats.add(self._wave.engine.stats.since(before))
        job.num_waves += 1
        if running.is_done:
            self._drop(running)
        job.tell()

    def _chosen(self) -> list[RunningRow]:
        """The rows of the next wave, those that matter most first."""
        rows = [running for running in self.active if running.blocked is None]
        while not rows and self.active:
            self._make_room()
            rows = [running for running in self.active if running.blocked is None]
        if len(rows) > 1:
            rows.sort(key=lambda running: running.rank)
        return rows[: self._max_batch]

    def _make_room(self) -> None:
        """All rows wait for room in the cache: the one that matters least gives up its own, until another has ended.

        The last one that holds anything is told that there is none.
        """
        holding = [running for running in self.active if running.num_held]
        last = max(holding or self.active, key=lambda running: running.rank)
        engine = self._wave.engine
        if len(holding) > 1 and engine.capabilities.crop == "any":
            last.park(engine)
            holding.remove(last)
        else:
            last.fault = last.blocked
            last.resume()
        for running in holding:
            running.blocked = None
        self._settle()

    def _count(self, rows: list[RunningRow]) -> None:
        """Tell the jobs that had a row in a wave."""
        told: Job[Any] | None = None
        for running in rows:
            job = running.job
            if job.on_change is not None and job is not told:
                job.num_waves += 1
                job.tell()
                told = job

    def _settle(self) -> None:
        """Let go of rows that have ended, and of jobs all of whose rows have."""
        ended = [running for running in self.active if running.is_done]
        for running in ended:
            self._drop(running)
        for job in [job for job in self.jobs if job.wants_no_more and not job.num_active]:
            self.jobs.remove(job)
            job.finish()

    def _drop(self, running: RunningRow) -> None:
        self.active.remove(running)
        running.job.settle(running)
        for other in self.active:  # there may be room now
            other.blocked = None

    def _close(self, job: Job[Any]) -> None:
        """Close its rows without a word."""
        for running in job.started:
            if not running.is_done:
                running.stop(Cancelled("nobody waits for it any more"))

    def _end(self, job: Job[Any], error: Exception) -> None:
        """Throw `error` into its rows, those not started included."""
        while (row := job.next_row()) is not None:
            job.started.append(running := RunningRow(row, job, self._num_rows))
            job.num_active += 1
            self.active.append(running)
        for running in job.started:
            if not running.is_done:
                running.end(error)
