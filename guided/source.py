"""Where in a text something stands, and how to draw it.

A `Source` is a named text; a `Span` is a half-open range of its characters; a `Diagnostic` is a message
at a span, drawn with the line and a caret. Lines and columns count from 1, columns in characters.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

__all__ = ["Diagnostic", "Source", "Span"]

_WINDOW = 100  # characters of a line that are drawn


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of characters `[start, end)` in a source."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Source:
    """A named text: a file's path, or `<template>` for text given in Python."""

    text: str
    name: str = "<template>"
    _line_starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0, *(i + 1 for i, c in enumerate(self.text) if c == "\n")]
        object.__setattr__(self, "_line_starts", tuple(starts))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset.

        >>> Source("ab\\ncd").position(4)
        (2, 2)
        """
        line = bisect.bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its newline."""
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message at a place: `label` stands beside the caret, `help` says what to do.

    >>> print(Diagnostic(Source("a {{ b", "t.guided"), Span(2, 4), "this is never closed", help="write }}"))
    this is never closed
      t.guided:1:3
        1 | a {{ b
          |   ^^
      help: write }}
    """

    source: Source
    span: Span
    message: str
    label: str = ""
    help: str = ""

    def __str__(self) -> str:
        line, column = self.source.position(self.span.start)
        text = self.source.line(line)
        width = max(1, min(self.span.end - self.span.start, len(text) - column + 1))
        text, before, width = _window(text, column - 1, width)
        number = f"{line:>5}"
        caret = "".join("\t" if c == "\t" else " " for c in text[:before]) + "^" * width
        out = [
            self.message,
            f"  {self.source.name}:{line}:{column}",
            f"{number} | {text}",
            f"{' ' * len(number)} | {caret}{' ' + self.label if self.label else ''}",
        ]
        if self.help:
            out.append(f"  help: {self.help}")
        return "\n".join(out)


def _window(text: str, before: int, width: int) -> tuple[str, int, int]:
    """The part of a long line around its marked range: the text, where the range begins in it, and how long it is."""
    start = max(0, min(before - _WINDOW // 2, len(text) - _WINDOW))
    end = min(len(text), start + _WINDOW)
    head, tail = "…" if start > 0 else "", "…" if end < len(text) else ""
    return head + text[start:end] + tail, before - start + len(head), max(1, min(width, end - before))
