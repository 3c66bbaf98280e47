"""What decodes: a row, which asks the engine for something and is sent the answers.

A row is a generator (decision 0004): a hole, a beam's hypotheses, a program. It yields the `Ask`s that it needs next
and knows nothing of other rows. `RunningRow` is a row under way, with what its asks have come to; a long ask may
take several steps of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from guided.errors import CacheFull, Cancelled
from guided.runtime.engine import Choice, Engine, EngineSequence, Hidden, Policy

if TYPE_CHECKING:
    from guided.matcher import Matcher
    from guided.runtime.job import Job

__all__ = ["Answer", "Ask", "Row", "RunningRow", "together"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Append `tokens` (at least one) to `seq`, and choose or score what follows.

    `policy`: choose the next token after the last one, among those that `matcher` allows (None: all) and, as far as
    there are any, those that `accepts` does not refuse.
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
    accepts: Callable[[int], bool] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one ask."""

    choice: Choice | None = None
    logprobs: npt.NDArray[np.float64] | None = None


_Asked: TypeAlias = tuple[list[Ask], list[int], "list[Hidden | None]", "list[list[npt.NDArray[np.float64]]]"]
Row: TypeAlias = Generator[list[Ask], list[Answer], T]


def together(rows: Sequence[Row[T]]) -> Row[list[T]]:
    """Several rows as one: what they ask for goes into the same waves. An error of one ends all."""
    results: dict[int, T] = {}
    waiting: dict[int, list[Ask]] = {}

    def advance(index: int, go: Callable[[], list[Ask]]) -> None:
        waiting.pop(index, None)
        try:
            waiting[index] = go()
        except StopIteration as end:
            results[index] = end.value

    try:
        for index, row in enumerate(rows):
            advance(index, partial(next, row))
        while waiting:
            answers = yield [ask for asks in waiting.values() for ask in asks]
            for index, asks in list(waiting.items()):
                mine, answers = answers[: len(asks)], answers[len(asks) :]
                advance(index, partial(rows[index].send, mine))
    finally:
        for row in rows:
            row.close()
    return [results[index] for index in range(len(rows))]


class RunningRow:
    """A row in progress. `done[i]` of the tokens of ask i are computed; `takes[i]` more go into the next step."""

    __slots__ = (
        "asks",
        "blocked",
        "choices",
        "done",
        "error",
        "fault",
        "hidden",
        "is_done",
        "is_scored",
        "job",
        "num_left",
        "number",
        "parked",
        "result",
        "row",
        "scored",
        "takes",
    )

    def __init__(self, row: Row[Any], job: Job[Any], number: int) -> None:
        self.row = row
        self.job = job
        self.number = number  # in order of arrival over all jobs: the older goes first
        self.asks: list[Ask] = []
        self.done: list[int] = []
        self.takes: list[int] = []
        self.num_left = 0  # tokens that are not computed, of all asks
        self.is_scored = False  # whether any ask has targets
        self.hidden: list[Hidden | None] = []  # of the last step of each ask
        self.scored: list[list[npt.NDArray[np.float64]]] = []
        self.choices: list[Choice | None] = []
        self.fault: Exception | None = None  # to be thrown into the row
        self.blocked: CacheFull | None = None  # why it waits for room in the cache
        self.parked: _Asked | None = None  # what it asked for, while its own tokens are computed again
        self.is_done = False
        self.result: Any = None
        self.error: Exception | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """The smaller, the sooner."""
        return -self.job.priority, self.number

    @property
    def num_held(self) -> int:
        """Tokens in the sequences that it asks to extend."""
        return sum(ask.seq.length for ask in self.asks)

    def park(self, engine: Engine) -> None:
        """Give the room of its sequences to others; their tokens are computed again before it goes on."""
        if self.parked is None:
            self.parked = (self.asks, self.done, self.hidden, self.scored)
        asks = [Ask(ask.seq, list(ask.seq.tokens), "none") for ask in self.asks if ask.seq.length]
        for ask in asks:
            engine.crop(ask.seq, 0)
        self._set(asks)

    def unpark(self) -> None:
        """It is where it was."""
        assert self.parked is not None
        (self.asks, self.done, self.hidden, self.scored), self.parked = self.parked, None
        self.num_left = sum(len(ask.tokens) for ask in self.asks) - sum(self.done)
        self.is_scored = any(ask.targets is not None for ask in self.asks)

    def start(self) -> None:
        """Run up to the first asks."""
        self._advance(lambda: next(self.row))

    def resume(self) -> None:
        """Hand over the answers, or the fault, and run up to the next asks, the result or the error."""
        fault, self.fault, self.blocked = self.fault, None, None
        if fault is not None:
            self._advance(lambda: self.row.throw(fault))
            return
        answers = [Answer(choice, _joined(scored)) for choice, scored in zip(self.choices, self.scored, strict=True)]
        self._advance(partial(self.row.send, answers))

    def end(self, error: Exception) -> None:
        """Throw `error` into the row, which may finish in good order; it gets nothing of what else it asks for."""
        self._advance(lambda: self.row.throw(error))
        if not self.is_done:
            self.stop(error)

    def stop(self, error: Exception) -> None:
        """Close the row; `error` is what came of it."""
        self.is_done, self.error = True, error
        try:
            self.row.close()
        except Exception as other:
            self.error = other

    def _advance(self, go: Callable[[], list[Ask]]) -> None:
        try:
            asks = list(go())
        except StopIteration as end:
            self.is_done, self.result = True, end.value
        except Exception as error:
            self.is_done, self.error = True, error
        except BaseException:
            self.is_done, self.error = True, Cancelled("the row was interrupted")
            raise
        else:
            self._set(asks)

    def _set(self, asks: list[Ask]) -> None:
        self.asks = asks
        self.done = [0] * len(asks)
        self.hidden = [None] * len(asks)
        self.num_left = 0
        self.is_scored = False
        for ask in asks:
            self.num_left += len(ask.tokens)
            if ask.targets is not None:
                self.is_scored = True
        self.scored = [[] for _ in asks]


def _joined(parts: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64] | None:
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)) if parts else None
