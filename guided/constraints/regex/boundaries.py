"""Word boundaries and the anchors of lines, written as look-around for one character.

So the lowering knows the start, the end and look-around, and nothing else that matches between characters.
"""

from __future__ import annotations

from guided.constraints.characters import EVERYTHING, Ranges, one_char
from guided.constraints.regex.nodes import Alternate, Anchor, Chars, Concat, Look, Op

__all__ = ["line_end", "line_start", "word_boundary"]


def word_boundary(words: Ranges, position: int, *, is_negated: bool, needs_text: bool) -> list[Op]:
    """A word character on exactly one side; negated, on both or none, and with `needs_text` not in the empty text."""

    def look(chars: Ranges, *, is_behind: bool, refused: bool) -> list[Op]:
        return [Chars(chars), Look(is_behind, refused, position)]

    ops: list[Op] = []
    for has_word_before in (True, False):
        has_word_after = has_word_before if is_negated else not has_word_before
        ops += look(words, is_behind=True, refused=not has_word_before)
        ops += look(words, is_behind=False, refused=not has_word_after)
        if is_negated and needs_text and not has_word_before:
            ops += look(EVERYTHING, is_behind=True, refused=False)
            ops += look(EVERYTHING, is_behind=False, refused=False)
            ops += [Alternate(2), Concat(3)]
        else:
            ops.append(Concat(2))
    return [*ops, Alternate(2)]


def line_start(position: int) -> list[Op]:
    """`^` under (?m): the start, or behind a newline."""
    return [Anchor("start", position), Chars(one_char(0x0A)), Look(True, False, position), Alternate(2)]


def line_end(position: int) -> list[Op]:
    """`$` under (?m): the end, or before a newline."""
    return [Anchor("end", position), Chars(one_char(0x0A)), Look(False, False, position), Alternate(2)]
