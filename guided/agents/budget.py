"""What a run may spend, and what it has spent.

A `Budget` is a frozen record of limits; a `Ledger` belongs to one run and is asked before each spend. A run inside a
tool of another run (an agent as a tool) charges both ledgers and sees the smaller rest, so nesting cannot outspend
the outer budget. Tokens to close the outer answer are held back from the inner run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from guided.errors import InputError

__all__ = ["Budget", "Ledger", "Limit"]

Number = TypeVar("Number", int, float)
Limit = Literal["steps", "tool_calls", "tokens", "seconds", "context", "repeats"]

CURRENT: ContextVar[Ledger | None] = ContextVar(
    "guided_agent_ledger", default=None
)  # of the run whose tool is being called


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one run; `None` is no limit. When one is reached the run still writes its answer.

    steps: turns of the model, the answer's included. tokens: written by the model, all turns together. seconds: of
    the whole run, asked between turns and calls. tool_seconds: of each tool call.
    """

    steps: int | None = 8
    tool_calls: int | None = None
    tokens: int | None = 4000
    seconds: float | None = 300.0
    tool_seconds: float | None = 30.0

    def __post_init__(self) -> None:
        minimum = {"steps": 1, "tool_calls": 0, "tokens": 1, "seconds": 0, "tool_seconds": 0}
        for name, least in minimum.items():
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
                raise InputError(f"Budget: {name} must be at least {least}, or None for no limit, not {value!r}")


@dataclass(slots=True)
class Ledger:
    """What one run has spent of its budget; `reserve` tokens are kept for the answer."""

    budget: Budget
    reserve: int = 0
    parent: Ledger | None = None
    clock: Callable[[], float] = time.monotonic
    steps: int = 0
    tool_calls: int = 0
    tokens: int = 0
    tool_seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def narrows(self, min_tokens: int) -> Limit | None:
        """The limit that leaves nothing but the answer for the next turn, if there is one.

        `min_tokens`: what a turn that is not the answer needs at least.
        """
        budget = self.budget
        if budget.steps is not None and self.steps + 1 >= budget.steps:
            return "steps"
        if self.calls_left() == 0:
            return "tool_calls"
        left = self.tokens_left()
        if left is not None and left - self.reserve < min_tokens:
            return "tokens"
        if self.seconds_left() == 0:
            return "seconds"
        return None

    def tokens_left(self) -> int | None:
        """Tokens that may still be written, the reserve included."""
        own = None if self.budget.tokens is None else max(0, self.budget.tokens - self.tokens)
        above = None if self.parent is None else self.parent.tokens_left()
        if self.parent is not None and above is not None:
            above = max(0, above - self.parent.reserve)
        return _least(own, above)

    def calls_left(self) -> int | None:
        """Tool calls that may still be made."""
        own = None if self.budget.tool_calls is None else max(0, self.budget.tool_calls - self.tool_calls)
        return _least(own, None if self.parent is None else self.parent.calls_left())

    def seconds_left(self) -> float | None:
        """Seconds until the run's time is over."""
        own = None
        if self.budget.seconds is not None:
            own = max(0.0, self.budget.seconds - (self.clock() - self.started))
        return _least(own, None if self.parent is None else self.parent.seconds_left())

    def call_timeout(self) -> float | None:
        """Seconds that the next tool call may take."""
        return _least(self.budget.tool_seconds, self.seconds_left())

    def spend_turn(self, tokens: int) -> None:
        """One turn of the model was written."""
        self.steps += 1
        self._spend_tokens(tokens)

    def spend_call(self, tool: str) -> None:
        """One tool is about to be called."""
        self.tool_calls += 1
        if self.parent is not None:
            self.parent.spend_call(tool)

    def spend_seconds(self, tool: str, seconds: float) -> None:
        """A call of `tool` took this long."""
        self.tool_seconds[tool] = self.tool_seconds.get(tool, 0.0) + seconds

    def _spend_tokens(self, tokens: int) -> None:
        self.tokens += tokens
        if self.parent is not None:
            self.parent._spend_tokens(tokens)


def _least(first: Number | None, second: Number | None) -> Number | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
