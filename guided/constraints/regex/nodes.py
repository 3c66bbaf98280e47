"""A parsed pattern: instructions of a stack machine, operands first.

`a(b|cd)*` is: Literal a, Words (b, cd), Repeat, Concat 2. A flat program has no depth, so neither parser nor
lowering needs recursion, whatever a user writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as Either

from guided.constraints.characters import Ranges

__all__ = [
    "Alternate",
    "Anchor",
    "Backref",
    "Chars",
    "Concat",
    "Group",
    "Literal",
    "Look",
    "Op",
    "Program",
    "Repeat",
    "Words",
]


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Literal:
    """A fixed text, maybe empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """One of several fixed texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Concat:
    """The last `count` operands, one after the other."""

    count: int


@dataclass(frozen=True, slots=True)
class Alternate:
    """One of the last `count` operands."""

    count: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """The last operand several times; `maximum` None is without end."""

    minimum: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """An empty match at the start, at the end, or at the end before a last newline (Python's `$`)."""

    kind: Either["start", "end", "end_or_newline"]
    position: int


@dataclass(frozen=True, slots=True)
class Look:
    """An empty match where the last operand matches from here on (or up to here), or where it does not."""

    is_behind: bool
    is_negated: bool
    position: int


@dataclass(frozen=True, slots=True)
class Group:
    """The last operand, remembered under a number; put out only where the pattern has a back-reference."""

    number: int


@dataclass(frozen=True, slots=True)
class Backref:
    """The text of a group once more."""

    number: int
    position: int


Op = Chars | Literal | Words | Concat | Alternate | Repeat | Anchor | Look | Group | Backref


@dataclass(frozen=True, slots=True)
class Program:
    """A pattern and its instructions, which leave one operand."""

    pattern: str
    ops: tuple[Op, ...]
