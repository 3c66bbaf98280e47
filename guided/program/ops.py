"""What a compiled template is made of: a flat list of ops, addressed by index.

An op is a frozen value; blocks are jumps over indices, so a run is (index, frames, values) and nothing else, and can be
copied at any point. A run is suspended, because the model has to answer, at `Hole`, `RepeatNext`, `Choose` and
`BeamStart`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from guided.lang import nodes
from guided.program.events import Provenance
from guided.program.hole_plan import HolePlan
from guided.program.names import Reads
from guided.source import Span

__all__ = [
    "Assign",
    "BeamEnd",
    "BeamStart",
    "Branch",
    "Break",
    "Check",
    "Choose",
    "End",
    "HideEnd",
    "HideStart",
    "Hole",
    "IterNext",
    "IterStart",
    "Jump",
    "LoopNext",
    "LoopStart",
    "Op",
    "Out",
    "RepeatNext",
    "RepeatStart",
    "RoleEnd",
    "RoleStart",
    "ScopeEnd",
    "ScopeStart",
    "Text",
]


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Out:
    """The value of an expression, or a filtered body without holes, as text."""

    node: nodes.Output | nodes.FilterBlock
    reads: Reads
    provenance: Provenance
    span: Span


@dataclass(frozen=True, slots=True)
class Hole:
    """The model writes; `planned` is given where the hole comes from Python and not from a template."""

    node: nodes.Hole
    reads: Reads
    span: Span
    planned: HolePlan | None = None


@dataclass(frozen=True, slots=True)
class Assign:
    """Bind names: a `set`, a `set` block, a macro."""

    node: nodes.Set | nodes.SetBlock | nodes.Macro
    reads: Reads
    span: Span


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at `target`."""

    target: int


@dataclass(frozen=True, slots=True)
class Branch:
    """Go on at `otherwise` unless the test holds."""

    test: nodes.Expr
    reads: Reads
    otherwise: int
    span: Span


@dataclass(frozen=True, slots=True)
class IterStart:
    """Begin a `for`; go on at `empty` if there is nothing to go through."""

    node: nodes.For
    reads: Reads
    empty: int
    span: Span


@dataclass(frozen=True, slots=True)
class IterNext:
    """The next item at `body`, or leave the `for`."""

    body: int


@dataclass(frozen=True, slots=True)
class ScopeStart:
    """Names of a `with`."""

    node: nodes.With
    reads: Reads
    span: Span


@dataclass(frozen=True, slots=True)
class ScopeEnd:
    """The names of the `with` are gone."""


@dataclass(frozen=True, slots=True)
class LoopStart:
    """Begin a bounded `loop`; go on at `exhausted` if it takes no round at all."""

    maximum: nodes.Expr
    reads: Reads
    exhausted: int
    span: Span


@dataclass(frozen=True, slots=True)
class LoopNext:
    """Another round at `body`, or go on, exhausted."""

    body: int


@dataclass(frozen=True, slots=True)
class Break:
    """Leave the innermost `loop` for `target` if the condition holds."""

    condition: nodes.Expr | None
    reads: Reads
    target: int
    span: Span


@dataclass(frozen=True, slots=True)
class RepeatStart:
    """Begin a `repeat`; go on at `end` if it takes no round."""

    node: nodes.Repeat
    reads: Reads
    end: int
    span: Span


@dataclass(frozen=True, slots=True)
class RepeatNext:
    """A round is over: another one at `body`, or leave; between `min` and `max` the model says which."""

    body: int
    span: Span


@dataclass(frozen=True, slots=True)
class Choose:
    """The model takes one option, by the text that it begins with; `targets` are the options' names and indices."""

    name: str
    targets: tuple[tuple[str, int], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RoleStart:
    """A message of the chat template begins."""

    role: nodes.RoleName
    span: Span


@dataclass(frozen=True, slots=True)
class RoleEnd:
    """The message is over."""

    span: Span


@dataclass(frozen=True, slots=True)
class HideStart:
    """From here to `HideEnd` text is not part of the result."""


@dataclass(frozen=True, slots=True)
class HideEnd:
    """Back to the text before `HideStart`."""


@dataclass(frozen=True, slots=True)
class BeamStart:
    """A search over all holes up to `end`, the index of its `BeamEnd`."""

    node: nodes.Beam
    end: int
    span: Span


@dataclass(frozen=True, slots=True)
class BeamEnd:
    """The search is over."""


@dataclass(frozen=True, slots=True)
class Check:
    """An error unless the condition holds."""

    node: nodes.Check
    reads: Reads
    span: Span


@dataclass(frozen=True, slots=True)
class End:
    """The end of the template."""


Op: TypeAlias = (
    Text
    | Out
    | Hole
    | Assign
    | Jump
    | Branch
    | IterStart
    | IterNext
    | ScopeStart
    | ScopeEnd
    | LoopStart
    | LoopNext
    | Break
    | RepeatStart
    | RepeatNext
    | Choose
    | RoleStart
    | RoleEnd
    | HideStart
    | HideEnd
    | BeamStart
    | BeamEnd
    | Check
    | End
)
