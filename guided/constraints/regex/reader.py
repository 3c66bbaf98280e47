"""What both dialects share: the frames of open groups, and instructions put out as the pattern is read.

One pass, an explicit stack of groups. Literal runs are kept open until something else comes, because a quantifier
takes only their last character; alternatives that are all literal become one `Words`.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal as Either
from typing import NoReturn

from guided.constraints.characters import Ranges, case_variants, one_char
from guided.constraints.regex.boundaries import line_end, line_start, word_boundary
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
    Program,
    Repeat,
    Words,
)
from guided.constraints.regex.width import fixed_width
from guided.errors import InvalidRegex

__all__ = ["Flags", "Opening", "Reader"]

_MOST_REPEATS = 4_000_000_000
_MOST_NESTED_LOOKS = 50
_MOST_LOOKS = 1_000  # with word boundaries


@dataclass(frozen=True, slots=True)
class Flags:
    """Inline flags in force."""

    ignore_case: bool = False
    dot_all: bool = False
    multi_line: bool = False
    ascii_only: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """What the start of a group says."""

    flags: Flags
    is_capture: bool = False
    name: str | None = None
    look: Look | None = None


@dataclass(slots=True)
class _Frame:
    """An open group: where it starts, in the pattern and in the program, and its current branch."""

    position: int
    first_op: int
    flags: Flags
    number: int | None = None
    look: Look | None = None
    branches: int = 0
    items: int = 0
    is_words: bool = True


class Reader(ABC):
    """Reads one pattern; a dialect says what escapes, groups and braces mean."""

    plain_stops: str  # characters that may not stand in a literal run
    python_braces: bool
    reference_syntax: str  # a regular expression that finds every back-reference, and maybe more

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.flags = Flags()
        self._ops: list[Op] = []
        self._frames: list[_Frame] = [_Frame(0, 0, self.flags)]
        self._run: list[str] = []  # literal text not yet put out
        self._last: Either["nothing", "atom", "repeat", "anchor"] = "nothing"
        self._has_references = re.search(self.reference_syntax, pattern) is not None
        self._num_groups = 0
        self._num_open_looks = 0
        self._num_looks = 0
        self._names: dict[str, int] = {}

    def read(self) -> Program:
        """The whole pattern as a program; InvalidRegex names the place."""
        handlers: dict[str, Callable[[], None]] = {
            "(": self._open,
            ")": self._close,
            "|": self._bar,
            "[": self._class,
            "\\": self._escape,
            ".": self._dot,
            "^": lambda: self._anchor("start"),
            "$": lambda: self._anchor(self.dollar),
            "*": lambda: self._quantify(0, None, 1),
            "+": lambda: self._quantify(1, None, 1),
            "?": lambda: self._quantify(0, 1, 1),
            "{": self._brace,
        }
        end = len(self.pattern)
        while self.position < end:
            handler = handlers.get(self.pattern[self.position])
            if handler is None:
                self._literal_run()
            else:
                handler()
        if len(self._frames) > 1:
            self.fail("this parenthesis is never closed", self._frames[-1].position)
        self._end_alternation()
        return Program(self.pattern, tuple(self._ops))

    dollar: Either["end", "end_or_newline"]

    @abstractmethod
    def read_escape(self) -> None:
        """Read the escape at `position` and put out what it means."""

    @abstractmethod
    def read_class(self) -> Ranges:
        """Read the bracketed class at `position`."""

    @abstractmethod
    def read_group(self) -> Opening | None:
        """Read what follows `(` at `position`; what opens there, or None where it was no group."""

    @abstractmethod
    def dot_set(self) -> Ranges:
        """What `.` matches."""

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        """Raise InvalidRegex at `position`, or where the reader is."""
        raise InvalidRegex(self.pattern, self.position if position is None else position, reason)

    def peek(self, offset: int = 0) -> str:
        """The character `offset` after the next one, or an empty text."""
        index = self.position + offset
        return self.pattern[index] if index < len(self.pattern) else ""

    def take_hex(self, count: int, start: int) -> int:
        """`count` hexadecimal digits at `position`; `start` is where the escape starts."""
        digits = self.pattern[self.position : self.position + count]
        if len(digits) != count or any(d not in "0123456789abcdefABCDEF" for d in digits):
            self.fail(f"this escape needs {count} hexadecimal digits", start)
        self.position += count
        return int(digits, 16)

    def put_char(self, code: int) -> None:
        """Put out one literal character."""
        if self.flags.ignore_case and len(variants := case_variants(code)) > 0 and variants != one_char(code):
            self.put_set(variants)
        elif 0xD800 <= code <= 0xDFFF:
            self.put_set(())
        else:
            self._run.append(chr(code))
            self._last = "atom"

    def put_set(self, ranges: Ranges) -> None:
        """Put out a set of characters."""
        self._put(Chars(ranges))
        self._last = "atom"

    def put_anchor(self, kind: Either["start", "end", "end_or_newline"], position: int) -> None:
        """Put out an anchor."""
        self._put(Anchor(kind, position))
        self._last = "anchor"

    def put_boundary(self, words: Ranges, *, is_negated: bool, position: int) -> None:
        r"""Put out `\b` or `\B`; `words` are the characters of words."""
        self._count_look(position)
        has_boundary_quirk = self.python_braces and sys.version_info < (3, 14)  # \B never matches an empty text
        self._put(*word_boundary(words, position, is_negated=is_negated, needs_text=has_boundary_quirk))
        self._last = "anchor"

    def _count_look(self, position: int) -> None:
        self._num_looks += 1
        if self._num_looks > _MOST_LOOKS:
            self.fail(f"more than {_MOST_LOOKS} look-arounds in one pattern are not supported", position)

    def put_reference(self, group: int | str, position: int) -> None:
        """Put out a back-reference to a group that was closed before."""
        if self.flags.ignore_case:
            self.fail("back-references that ignore case are not supported", position)
        number = self._names.get(group) if isinstance(group, str) else group
        if number is None or number > self._num_groups or any(f.number == number for f in self._frames):
            self.fail("a back-reference to a group that is not closed before it is not supported", position)
        self._put(Backref(number, position))
        self._last = "atom"

    def read_look(self) -> Opening | None:
        """A look-around whose `?` is at `position`, if it is one; both dialects write them alike."""
        for opening in ("?=", "?!", "?<=", "?<!"):
            if self.pattern.startswith(opening, self.position):
                look = Look("<" in opening, "!" in opening, self.position - 1)
                self.position += len(opening)
                return Opening(self.flags, look=look)
        return None

    def _put(self, *ops: Op) -> None:
        self._flush()
        self._ops.extend(ops)
        self._frames[-1].items += 1

    def _flush(self) -> None:
        if self._run:
            self._ops.append(Literal("".join(self._run)))
            self._run.clear()
            self._frames[-1].items += 1

    def _literal_run(self) -> None:
        if self.flags.ignore_case:
            self.put_char(ord(self.pattern[self.position]))
            self.position += 1
            return
        start = self.position
        end = start
        while end < len(self.pattern) and self.pattern[end] not in self.plain_stops:
            end += 1
        text = self.pattern[start : max(end, start + 1)]
        self.position = start + len(text)
        if any("\ud800" <= c <= "\udfff" for c in text):
            for char in text:
                self.put_char(ord(char))
            return
        self._run.append(text)
        self._last = "atom"

    def _open(self) -> None:
        start = self.position
        self.position += 1
        inside = self.read_group()
        if inside is None:
            return
        self._flush()
        frame = _Frame(start, len(self._ops), self.flags, look=inside.look)
        if inside.look is not None:
            self._count_look(start)
            self._num_open_looks += 1
            if self._num_open_looks > _MOST_NESTED_LOOKS:
                self.fail(f"look-around nested more than {_MOST_NESTED_LOOKS} deep is not supported", start)
        if inside.is_capture:
            self._num_groups += 1
            frame.number = self._num_groups
            if inside.name is not None:
                if inside.name in self._names:
                    self.fail("two groups have this name", start)
                self._names[inside.name] = self._num_groups
        self._frames.append(frame)
        self.flags = inside.flags
        self._last = "nothing"

    def _close(self) -> None:
        if len(self._frames) == 1:
            self.fail("this parenthesis closes nothing")
        self.position += 1
        self._end_alternation()
        frame = self._frames.pop()
        self.flags = frame.flags
        self._frames[-1].items += 1
        self._last = "atom"
        if frame.look is not None:
            self._close_look(frame, frame.look)
        elif frame.number is not None and self._has_references:
            self._ops.append(Group(frame.number))

    def _close_look(self, frame: _Frame, look: Look) -> None:
        self._num_open_looks -= 1
        if self.python_braces:
            if look.is_behind and fixed_width(self._ops[frame.first_op :]) is None:
                self.fail("a look-behind needs a pattern of one fixed width in Python", look.position)
        else:
            self._last = "anchor"  # ECMA-262 has no repeats of assertions
        self._ops.append(look)

    def _bar(self) -> None:
        self.position += 1
        self._end_branch()
        self._last = "nothing"

    def _end_branch(self) -> None:
        self._flush()
        frame = self._frames[-1]
        if frame.items == 0:
            self._ops.append(Literal(""))
        elif frame.items > 1:
            self._ops.append(Concat(frame.items))
        frame.is_words = frame.is_words and frame.items <= 1 and isinstance(self._ops[-1], Literal)
        frame.branches += 1
        frame.items = 0

    def _end_alternation(self) -> None:
        self._end_branch()
        frame = self._frames[-1]
        if frame.branches == 1:
            return
        if frame.is_words:
            texts = tuple(dict.fromkeys(op.text for op in self._ops[frame.first_op :] if isinstance(op, Literal)))
            self._ops[frame.first_op :] = [Words(texts)]
        else:
            self._ops.append(Alternate(frame.branches))

    def _class(self) -> None:
        self.put_set(self.read_class())

    def _escape(self) -> None:
        if self.position + 1 >= len(self.pattern):
            self.fail("the pattern ends in a backslash")
        self.read_escape()

    def _dot(self) -> None:
        self.position += 1
        self.put_set(self.dot_set())

    def _anchor(self, kind: Either["start", "end", "end_or_newline"]) -> None:
        if self.flags.multi_line:
            self._count_look(self.position)
            self._put(*(line_start if kind == "start" else line_end)(self.position))
            self._last = "anchor"
        else:
            self.put_anchor(kind, self.position)
        self.position += 1

    def _brace(self) -> None:
        start = self.position
        end = self.pattern.find("}", start)
        low, comma, high = self.pattern[start + 1 : max(end, 0)].partition(",")
        digits = all(part.isdecimal() and part.isascii() for part in (low, high) if part)
        is_quantifier = end > 0 and digits and bool(low or (comma and self.python_braces))
        if not is_quantifier:
            self.position += 1
            self.put_char(ord("{"))
            return
        minimum = self._count(low, start) if low else 0
        maximum = self._count(high, start) if high else (None if comma else minimum)
        if maximum is not None and maximum < minimum:
            self.fail("the minimum of this repeat is above its maximum")
        self._quantify(minimum, maximum, end + 1 - start)

    def _count(self, digits: str, position: int) -> int:
        if len(digits) > 12 or int(digits) > _MOST_REPEATS:
            self.fail(f"repeat counts go up to {_MOST_REPEATS}", position)
        return int(digits)

    def _quantify(self, minimum: int, maximum: int | None, width: int) -> None:
        if self._last == "nothing" or (self._last == "anchor"):
            self.fail("there is nothing to repeat here")
        if self._last == "repeat":
            self.fail("a repeat cannot be repeated; put the first one in a group")
        if self._run:
            last = self._run.pop()
            if len(last) > 1:
                self._run.append(last[:-1])
            self._flush()
            self._run.append(last[-1])
            self._flush()
        self.position += width
        self._ops.append(Repeat(minimum, maximum))
        if self.peek() == "?":
            self.position += 1  # lazy: the same language
        elif self.peek() == "+" and self.python_braces:
            self.fail("possessive repeats are not supported")
        self._last = "repeat"

    def scoped(self, **changes: bool) -> Flags:
        """The flags in force with some changed."""
        return replace(self.flags, **changes)
