"""Generations from outside of a call: streams of events, and waiting without blocking an event loop.

A row tells its events to a deque, from whichever thread drives it; a stream drains that after each wave. An async
consumer is woken through its event loop, and gives no thread. Leaving a stream, or cancelling its task, ends its row
before the next wave.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from guided.errors import GuidedError
from guided.model.result import Result
from guided.program import Event, HoleClosed, RunFinished
from guided.runtime.engine import EngineStats
from guided.runtime.scheduler import Job, Row, Scheduler

__all__ = ["Streamed", "aevents", "arun", "events"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Streamed:
    """What is streamed: `make` gives a row that tells its events to what it is given, `stats` counts its work."""

    make: Callable[[Callable[[Event], None]], Row[Result]]
    stats: EngineStats


def events(
    scheduler: Scheduler, streamed: Streamed, *, priority: int = 0, timeout: float | None = None
) -> Generator[Event, None, Result]:
    """Run a row and yield its events; an error is raised after a `RunFinished` that names it."""
    happened: deque[Event] = deque()
    row, stats = streamed.make(happened.append), streamed.stats
    waves = scheduler.iterate(row, priority=priority, timeout=timeout, stats=stats)
    try:
        while True:
            try:
                next(waves)
            except StopIteration as end:
                result: Result = end.value
                break
            yield from _drained(happened)
        yield from _drained(happened)
    except GuidedError as error:
        yield from _drained(happened)
        yield RunFinished(str(error))
        raise
    finally:
        waves.close()
    yield from _last_events(result)
    return replace(result, stats=streamed.stats)


async def aevents(
    scheduler: Scheduler, streamed: Streamed, *, priority: int = 0, timeout: float | None = None
) -> AsyncGenerator[Event, None]:
    """`events` for `async for`: the decode thread works, the event loop stays free."""
    happened: deque[Event] = deque()
    changed = asyncio.Event()
    row, stats = streamed.make(happened.append), streamed.stats
    job = _submitted(scheduler, [row], changed, priority=priority, timeout=timeout, stats=stats)
    try:
        while not job.is_finished:
            await changed.wait()
            changed.clear()
            while happened:
                yield happened.popleft()
        while happened:
            yield happened.popleft()
        try:
            result = job.only_result()
        except GuidedError as error:
            yield RunFinished(str(error))
            raise
    finally:
        scheduler.cancel(job)
    for event in _last_events(result):
        yield event


async def arun(
    scheduler: Scheduler,
    rows: Sequence[Row[T]],
    *,
    priority: int = 0,
    timeout: float | None = None,
    stats: EngineStats | None = None,
) -> list[T | GuidedError]:
    """`Scheduler.run` for `await`; cancelling the task ends the rows."""
    changed = asyncio.Event()
    job = _submitted(scheduler, rows, changed, priority=priority, timeout=timeout, stats=stats)
    try:
        while not job.is_finished:
            await changed.wait()
            changed.clear()
    finally:
        scheduler.cancel(job)
    return job.results()


def _submitted(scheduler: Scheduler, rows: Sequence[Row[T]], changed: asyncio.Event, **how: Any) -> Job[T]:
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(changed.set)  # raises where the loop is closed: then nobody reads

    job = Job(rows, max_batch=scheduler.max_batch, on_change=tell, **how)
    scheduler.submit(job)
    return job


def _last_events(result: Result) -> Iterator[Event]:
    yield HoleClosed("text", result.text, result.value, result.finish_reason, result.logprob, result.healing or "none")
    yield RunFinished(captures={"text": result.value})


def _drained(happened: deque[Event]) -> Iterator[Event]:
    while happened:
        yield happened.popleft()
