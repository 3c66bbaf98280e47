"""A grammar that has been read: rules whose bodies are programs of a stack machine, operands first.

As for patterns (`regex.nodes`), a flat body has no depth, so nothing that works on it needs recursion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from guided.constraints.regex.nodes import Alternate, Chars, Concat, Literal, Repeat
from guided.source import Span

__all__ = ["Op", "Ref", "Rule", "Rules"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A text of another rule."""

    name: str
    span: Span


Op: TypeAlias = Chars | Literal | Ref | Concat | Alternate | Repeat


@dataclass(frozen=True, slots=True)
class Rule:
    """`body` leaves one operand."""

    name: str
    span: Span
    body: tuple[Op, ...]

    @property
    def names(self) -> list[str]:
        """The rules that the body speaks of, each once, in order."""
        return list(dict.fromkeys(op.name for op in self.body if isinstance(op, Ref)))


Rules: TypeAlias = Mapping[str, Rule]
