"""What an observer is told while a program runs: frozen values, in order.

Observers (streaming, notebook, traces, progress) get these and nothing else; the decode loop knows no observer.
`TextAppended` carries whole characters only; joined, its texts are the text of the run, byte for byte. The text of a
hole is told as soon as it cannot be cut away any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from guided.runtime.hole import Healing, TokenKind

__all__ = [
    "Emit",
    "Event",
    "HoleClosed",
    "HoleOpened",
    "Provenance",
    "RunFinished",
    "TextAppended",
    "TokenSampled",
    "Warned",
]

Provenance: TypeAlias = Literal["template", "input", "tool", "model", "control"]
"""Who wrote a piece of text. Only `control` (role tags of the template) ever becomes control tokens."""


@dataclass(frozen=True, slots=True)
class TextAppended:
    """`text` was added to the text of the run; `hole` names the hole it came from, if any."""

    text: str
    provenance: Provenance
    hole: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class TokenSampled:
    """A token was decided at a hole: by the model (`sampled`, `healed`) or by the constraint (`forced`)."""

    hole: str
    token: int
    data: bytes
    kind: TokenKind
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class HoleOpened:
    """The model is about to write `name`."""

    name: str
    kind: Literal["gen", "select", "repeat", "choose"]


@dataclass(frozen=True, slots=True)
class HoleClosed:
    """`name` is captured: `value` is typed, `text` is what was written, `healing` what became of the cut before it."""

    name: str
    text: str
    value: Any
    finish_reason: str
    logprob: float | None = None
    healing: Healing = "none"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the caller should know, and the run goes on: a tokenizer that cannot spell a text exactly ..."""

    message: str
    hole: str | None = None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The last event: `error` is the message of what ended the run early."""

    error: str | None = None
    captures: dict[str, Any] = field(default_factory=dict)


Event: TypeAlias = TextAppended | TokenSampled | HoleOpened | HoleClosed | Warned | RunFinished
Emit: TypeAlias = Callable[[Event], None]
