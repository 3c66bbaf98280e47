"""Whose work it was: what a step that several jobs share counts for each of them.

Tokens are counted exactly: one that two rows have in common is computed for the first of them and reused by the
other. A forward counts as one for every job that had tokens in it, so the jobs together count more calls than the
engine. Seconds are divided, by tokens computed or by choices made, so that together they are the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence

from guided.runtime.engine import EngineStats
from guided.runtime.job import Job
from guided.runtime.rows import RunningRow

__all__ = ["share_choice", "share_step"]


def share_step(rows: Sequence[RunningRow], counted: EngineStats) -> None:
    """Divide what the engine `counted` for the tokens that these rows took into the step."""
    computed, reused = [], []
    for running in rows:
        taken = [(hidden, count) for hidden, count in zip(running.hidden, running.takes, strict=True) if count]
        computed.append(sum(getattr(hidden, "num_computed", count) for hidden, count in taken))
        reused.append(sum(getattr(hidden, "num_reused", 0) for hidden, _ in taken))
    total = sum(computed)
    computed[0] += counted.tokens_computed - total  # what a model had to read again, which belongs to nobody
    jobs: dict[int, Job[object]] = {}
    for running, num_computed, num_reused in zip(rows, computed, reused, strict=True):
        stats = running.job.stats
        stats.tokens_computed += num_computed
        stats.tokens_reused += num_reused
        stats.model_seconds += counted.model_seconds * (num_computed / max(1, counted.tokens_computed))
        if num_computed:
            jobs[id(running.job)] = running.job
    for job in jobs.values():
        job.stats.forward_calls += counted.forward_calls


def share_choice(rows: Sequence[RunningRow], counted: EngineStats) -> None:
    """Divide the seconds of one choice and its masks."""
    choices = [sum(ask.policy is not None for ask in running.asks) for running in rows]
    masks = [sum(ask.policy is not None and ask.matcher is not None for ask in running.asks) for running in rows]
    for running, num_choices, num_masks in zip(rows, choices, masks, strict=True):
        running.job.stats.model_seconds += counted.model_seconds * num_choices / max(1, sum(choices))
        running.job.stats.mask_seconds += counted.mask_seconds * num_masks / max(1, sum(masks))
