"""Where a run stands: one value, that can be copied, kept and gone on from.

All of it is immutable but the sequence handle inside `text`, which a copy must fork (`guided.runtime.hole_text`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from guided.lang.scope import Scope
from guided.program.events import Provenance
from guided.runtime.hole import Healing, HoleToken
from guided.runtime.hole_text import TextState

__all__ = [
    "Capture",
    "ForFrame",
    "Frame",
    "HideFrame",
    "LoopFrame",
    "Piece",
    "RepeatFrame",
    "RoleFrame",
    "RunState",
    "ScopeFrame",
]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the run's text: who wrote it, at which hole, and the tokens decided there."""

    text: str
    provenance: Provenance
    hole: str | None = None
    tokens: tuple[HoleToken, ...] = ()
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """What the model wrote at a hole, and the typed value of it."""

    value: Any
    text: str
    finish_reason: str = "stop"
    logprob: float | None = None
    distribution: Mapping[str, float] | None = None
    num_sampled: int = 0
    healing: Healing = "none"


@dataclass(frozen=True, slots=True)
class ForFrame:
    """A `for` under way: the names of each round."""

    rounds: tuple[Mapping[str, Any], ...]
    index: int


@dataclass(frozen=True, slots=True)
class ScopeFrame:
    """A `with`."""


@dataclass(frozen=True, slots=True)
class LoopFrame:
    """A bounded `loop`."""

    count: int
    maximum: int


@dataclass(frozen=True, slots=True)
class RepeatFrame:
    """A `repeat`: what the rounds captured, `current` the one under way."""

    name: str
    minimum: int
    maximum: int
    separator: str
    entries: tuple[Any, ...] = ()
    current: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class RoleFrame:
    """A message of the chat template; `closing` is what ends it."""

    role: str
    closing: str


@dataclass(frozen=True, slots=True)
class HideFrame:
    """A hidden part: the text to go back to."""

    text: TextState


Frame: TypeAlias = ForFrame | ScopeFrame | LoopFrame | RepeatFrame | RoleFrame | HideFrame


@dataclass(frozen=True, slots=True)
class RunState:
    """`ahead`: the beginning of the fixed text that comes next; it came with a token of a hole and is in `text`."""

    scope: Scope
    text: TextState
    pc: int = 0
    frames: tuple[Frame, ...] = ()
    ahead: bytes = b""
    pieces: tuple[Piece, ...] = ()
    captures: Mapping[str, Capture] = field(default_factory=dict)
    num_draws: int = 0
    num_steps: int = 0

    @property
    def is_hidden(self) -> bool:
        return any(isinstance(frame, HideFrame) for frame in self.frames)

    def goto(self, pc: int) -> RunState:
        return replace(self, pc=pc)

    def push(self, frame: Frame) -> RunState:
        return replace(self, frames=(*self.frames, frame))

    def pop(self) -> RunState:
        return replace(self, frames=self.frames[:-1])

    def top(self, frame: Frame) -> RunState:
        """With the innermost frame replaced."""
        return replace(self, frames=(*self.frames[:-1], frame))

    def captured(self, name: str, capture: Capture) -> RunState:
        """With the value bound for all that follows, and noted in the round of a `repeat`."""
        frames = list(self.frames)
        for index in range(len(frames) - 1, -1, -1):
            frame = frames[index]
            if isinstance(frame, RepeatFrame):
                frames[index] = replace(frame, current={**frame.current, name: capture.value})
                break
        return replace(
            self,
            frames=tuple(frames),
            scope=self.scope.capture(name, capture.value),
            captures={**self.captures, name: capture},
        )

    @property
    def visible_text(self) -> str:
        """The text of the run, hidden parts left out."""
        return "".join(p.text for p in self.pieces if not p.is_hidden and p.provenance != "control")
