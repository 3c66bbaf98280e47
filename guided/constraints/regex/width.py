"""How many characters an operand takes: Python's look-behind wants one number."""

from __future__ import annotations

from collections.abc import Sequence

from guided.constraints.regex.nodes import (
    Alternate,
    Anchor,
    Backref,
    Chars,
    Concat,
    Group,
    Literal,
    Look,
    Op,
    Repeat,
    Words,
)

__all__ = ["fixed_width"]


def fixed_width(ops: Sequence[Op]) -> int | None:
    """The width of every text of a program with one operand; None where they differ.

    >>> fixed_width([Literal("ab"), Repeat(2, 2)])
    4
    """
    stack: list[int | None] = []
    for op in ops:
        match op:
            case Chars():
                stack.append(1)
            case Literal(text):
                stack.append(len(text))
            case Words(texts):
                stack.append(_same([len(t) for t in texts]))
            case Concat(count):
                widths = [w for w in stack[-count:] if w is not None]
                stack[-count:] = [sum(widths) if len(widths) == count else None]
            case Alternate(count):
                stack[-count:] = [_same(stack[-count:])]
            case Repeat(minimum, maximum):
                width = stack[-1]
                stack[-1] = 0 if width == 0 else (width * minimum if width and minimum == maximum else None)
            case Anchor():
                stack.append(0)
            case Look():
                stack[-1] = 0
            case Backref():
                stack.append(None)
            case Group():
                pass
    return stack[0]


def _same(widths: Sequence[int | None]) -> int | None:
    return widths[0] if len(set(widths)) == 1 else None
