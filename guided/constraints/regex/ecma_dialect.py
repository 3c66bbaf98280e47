"""ECMA-262 patterns with the `u` flag, as JSON Schema asks for: `\\d` and `\\w` are ASCII, `\\p{..}` works.

Syntax that only Python has is refused, so that nothing silently means something else. What old patterns rely on and
has only one meaning is taken as browsers take it: a lone `{`, `}` or `]`, `\\-` and other escaped punctuation.
Source: ECMA-262, 22.2 (RegExp) and annex B.1.2.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from guided.constraints.characters import (
    ECMA_NEWLINES,
    Ranges,
    ascii_digits,
    ascii_words,
    ecma_spaces,
    negate,
    property_set,
    union,
)
from guided.constraints.regex.reader import Opening, Reader
from guided.errors import InvalidRegex

__all__ = ["EcmaReader"]

_CONTROL = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11}
_REFUSED_GROUPS = {
    "P": "(?P...) is Python syntax; JSON Schema patterns are ECMA-262: write (?<name>...)",
    "#": "comments are Python syntax, not ECMA-262",
    ">": "atomic groups are not ECMA-262",
    "(": "conditional groups are not ECMA-262",
}


_CLASSES: dict[str, Callable[[], Ranges]] = {"d": ascii_digits, "w": ascii_words, "s": ecma_spaces}
_CLASS = re.compile(r"\[(?:[^\\\[\]]|\\.)*\]", re.DOTALL)  # a class without brackets in it


@functools.lru_cache(512)
def _known_class(text: str) -> Ranges | None:
    """What a class holds: patterns have the same few again and again. None where it is wrong; the reader says how."""
    try:
        return EcmaReader(text).read_class_anew()
    except InvalidRegex:
        return None


class EcmaReader(Reader):
    """Reads the ECMA-262 dialect."""

    plain_stops = "()|[\\.^$*+?{"
    python_braces = False
    dollar = "end"
    reference_syntax = r"\\[1-9k]"

    def dot_set(self) -> Ranges:
        return negate(ECMA_NEWLINES)

    def read_escape(self) -> None:
        start = self.position
        if self.peek(1) in "bB":
            self.put_boundary(ascii_words(), is_negated=self.peek(1) == "B", position=start)
            self.position += 2
            return
        reference = re.compile(r"\\(?:([1-9][0-9]*)|k<([^\W\d][\w$]*)>)").match(self.pattern, start)
        if reference is not None:
            self.put_reference(int(reference[1][:9]) if reference[1] else reference[2], start)
            self.position = reference.end()
            return
        meaning = self._one_escape(in_class=False)
        if isinstance(meaning, int):
            self.put_char(meaning)
        else:
            self.put_set(meaning)

    def read_class(self) -> Ranges:
        whole = _CLASS.match(self.pattern, self.position)
        known = None if whole is None else _known_class(whole.group())
        if whole is None or known is None:
            return self.read_class_anew()
        self.position = whole.end()
        return known

    def read_class_anew(self) -> Ranges:
        """The class at `position`, member by member."""
        start = self.position
        self.position += 1
        is_negated = self.peek() == "^"
        self.position += is_negated
        members: list[tuple[int, int]] = []
        while self.peek() != "]":
            item_start = self.position
            low = self._class_item(start)
            if self.peek() == "-" and self.peek(1) not in ("]", ""):
                self.position += 1
                high = self._class_item(start)
                if isinstance(low, int) and isinstance(high, int):
                    if high < low:
                        self.fail("this range of characters is backwards", item_start)
                    members.append((low, high))
                    continue
                members.append((0x2D, 0x2D))  # annex B: beside a class the dash is a dash
                members.extend([(high, high)] if isinstance(high, int) else high)
            members.extend([(low, low)] if isinstance(low, int) else low)
        self.position += 1
        return negate(union(members)) if is_negated else union(members)

    def read_group(self) -> Opening | None:
        if self.peek() != "?":
            return Opening(self.flags, is_capture=True)
        look = self.read_look()
        if look is not None:
            return look
        start = self.position - 1
        rest = self.pattern[self.position + 1 : self.position + 3]
        for opening, reason in _REFUSED_GROUPS.items():
            if rest.startswith(opening):
                self.fail(reason, start)
        found = re.compile(r"\?(?::|<([^\W\d][\w$]*)>)").match(self.pattern, self.position)
        if found is None:
            self.fail("this group is not ECMA-262 syntax (inline flags are Python's)", start)
        self.position = found.end()
        return Opening(self.flags, is_capture=found[1] is not None, name=found[1])

    def _class_item(self, class_start: int) -> int | Ranges:
        if self.peek() == "":
            self.fail("this class is never closed", class_start)
        if self.peek() == "\\":
            if self.peek(1) == "":
                self.fail("the pattern ends in a backslash")
            return self._one_escape(in_class=True)
        self.position += 1
        return ord(self.pattern[self.position - 1])

    def _one_escape(self, *, in_class: bool) -> int | Ranges:
        """A character or a set; `position` is moved behind the escape."""
        start = self.position
        kind = self.peek(1)
        self.position += 2
        if kind in "dDwWsS":
            ranges = _CLASSES[kind.lower()]()
            return negate(ranges) if kind.isupper() else ranges
        if kind in _CONTROL:
            return _CONTROL[kind]
        if kind == "b" and in_class:
            return 8
        if kind in "pP":
            return self._property(kind, start)
        if kind == "x":
            return self.take_hex(2, start)
        if kind == "u":
            return self._unicode(start)
        if kind == "c":
            letter = self.peek()
            if not (letter.isascii() and letter.isalpha()):
                self.fail("\\c needs a letter", start)
            self.position += 1
            return ord(letter) % 32
        if kind == "0" and not self.peek().isdecimal():
            return 0
        if kind.isdecimal() or kind == "k":
            self.fail("octal escapes are not ECMA-262, and \\k needs the name of a group", start)
        if kind.isalpha() and kind.isascii():
            self.fail(f"ECMA-262 has no escape \\{kind}" + (" (it is Python's)" if kind in "AZaNU" else ""), start)
        return ord(kind)

    def _unicode(self, start: int) -> int:
        if self.peek() == "{":
            end = self.pattern.find("}", self.position)
            digits = self.pattern[self.position + 1 : max(end, 0)]
            if not re.fullmatch("[0-9a-fA-F]{1,8}", digits) or int(digits, 16) > 0x10FFFF:
                self.fail("\\u{...} needs the hexadecimal number of a code point", start)
            self.position = end + 1
            return int(digits, 16)
        code = self.take_hex(4, start)
        if 0xD800 <= code <= 0xDBFF:
            pair = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(self.pattern, self.position)
            if pair:
                self.position = pair.end()
                return 0x10000 + ((code - 0xD800) << 10) + int(pair[1], 16) - 0xDC00
        return code

    def _property(self, kind: str, start: int) -> Ranges:
        found = re.compile(r"\{([\w=]+)\}").match(self.pattern, self.position)
        if found is None:
            self.fail(f"\\{kind} needs a property in braces", start)
        ranges = property_set(found[1])
        if ranges is None:
            known = "general categories are, and White_Space, Uppercase, Lowercase, Hex_Digit"
            self.fail(f"the property {found[1]!r} is not supported; {known}", start)
        self.position = found.end()
        return negate(ranges) if kind == "P" else ranges
