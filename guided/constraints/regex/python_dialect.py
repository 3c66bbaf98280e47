"""Python's `re` on `str`: escapes, classes, groups and inline flags.

`\\d \\w \\s` are Unicode as in `re`; `(?i)` compares as `re` does. Refused, with the place: atomic groups, possessive
repeats, conditionals, `(?x)`, `(?L)`, back-references that ignore case.
Source: the documentation of Python's `re` module.
"""

from __future__ import annotations

import re
import unicodedata

from guided.constraints.characters import (
    EVERYTHING,
    Ranges,
    ascii_digits,
    ascii_spaces,
    ascii_words,
    fold_set,
    negate,
    one_char,
    unicode_digits,
    unicode_spaces,
    unicode_words,
    union,
)
from guided.constraints.regex.reader import Opening, Reader

__all__ = ["PythonReader"]

_CONTROL = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_FLAG_NAMES = {"i": "ignore_case", "s": "dot_all", "m": "multi_line", "a": "ascii_only"}
_REFUSED_GROUPS = {
    "P>": "recursion is not Python syntax",
    "(": "conditional groups are not supported",
    ">": "atomic groups are not supported",
}


class PythonReader(Reader):
    """Reads Python's dialect."""

    plain_stops = "()|[\\.^$*+?{"
    python_braces = True
    dollar = "end_or_newline"
    reference_syntax = r"\\[1-9]|\(\?P="

    def dot_set(self) -> Ranges:
        return EVERYTHING if self.flags.dot_all else negate(one_char(0x0A))

    def read_escape(self) -> None:
        start = self.position
        kind = self.peek(1)
        if kind in "bB":
            words = ascii_words() if self.flags.ascii_only else unicode_words()
            self.put_boundary(words, is_negated=kind == "B", position=start)
            self.position += 2
            return
        if kind in "AZ":
            self.put_anchor("start" if kind == "A" else "end", start)
            self.position += 2
            return
        reference = re.compile(r"\\(?![0-7]{3})([1-9][0-9]?)").match(self.pattern, start)
        if reference is not None:
            self.put_reference(int(reference[1]), start)
            self.position = reference.end()
            return
        meaning = self._one_escape(in_class=False)
        if isinstance(meaning, int):
            self.put_char(meaning)
        else:
            self.put_set(fold_set((), meaning) if self.flags.ignore_case else meaning)

    def read_class(self) -> Ranges:
        start = self.position
        self.position += 1
        is_negated = self.peek() == "^"
        self.position += is_negated
        named: list[tuple[int, int]] = []
        classes: list[tuple[int, int]] = []
        first = self.position
        while self.peek() != "]" or self.position == first:
            item_start = self.position
            low = self._class_item(start)
            if self.peek() == "-" and self.peek(1) not in ("]", ""):
                self.position += 1
                high = self._class_item(start)
                if not isinstance(low, int) or not isinstance(high, int) or high < low:
                    self.fail("this is no range of characters", item_start)
                named.append((low, high))
            elif isinstance(low, int):
                named.append((low, low))
            else:
                classes.extend(low)
        self.position += 1
        members = fold_set(union(named), union(classes)) if self.flags.ignore_case else union(named, classes)
        return negate(members) if is_negated else members

    def read_group(self) -> Opening | None:
        if self.peek() != "?":
            return Opening(self.flags, is_capture=True)
        look = self.read_look()
        if look is not None:
            return look
        rest = self.pattern[self.position + 1 : self.position + 3]
        for opening, reason in _REFUSED_GROUPS.items():
            if rest.startswith(opening):
                self.fail(reason, self.position - 1)
        if rest.startswith("#"):
            end = self.pattern.find(")", self.position)
            if end < 0:
                self.fail("this comment is never closed", self.position - 1)
            self.position = end + 1
            return None
        if rest.startswith("P<"):
            name = re.compile(r"\?P<([^\W\d]\w*)>").match(self.pattern, self.position)
            if name is None:
                self.fail("a group's name must be an identifier")
            self.position = name.end()
            return Opening(self.flags, is_capture=True, name=name[1])
        if rest.startswith("P="):
            self._named_reference()
            return None
        return self._flag_group()

    def _named_reference(self) -> None:
        start = self.position - 1
        name = re.compile(r"\?P=([^\W\d]\w*)\)").match(self.pattern, self.position)
        if name is None:
            self.fail("a back-reference needs the name of a group", start)
        self.put_reference(name[1], start)
        self.position = name.end()

    def _flag_group(self) -> Opening | None:
        start = self.position - 1
        found = re.compile(r"\?([a-zA-Z]*)(-[a-zA-Z]+)?([:)])").match(self.pattern, self.position)
        if found is None:
            self.fail("this group is not Python syntax", start)
        on, off, closing = found[1], (found[2] or "")[1:], found[3]
        for letter in on + off:
            if letter in "xL":
                self.fail(f"the flag (?{letter}) is not supported", start)
            if letter not in "imsau" or (letter in "au" and letter in off):
                self.fail(f"there is no flag {letter!r} here", start)
        changes = {_FLAG_NAMES[c]: True for c in on if c != "u"} | {_FLAG_NAMES[c]: False for c in off}
        flags = self.scoped(**changes)
        if flags.ascii_only and flags.ignore_case:
            self.fail("the flags a and i together are not supported", start)
        self.position = found.end()
        if closing == ":":
            return Opening(flags)
        if start != 0 or off or not on:
            self.fail("global flags stand at the start of the pattern", start)
        self.flags = flags
        return None

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
            return self._shorthand(kind)
        if kind in _CONTROL:
            return _CONTROL[kind]
        if kind == "b" and in_class:
            return 8
        if kind in "xuU":
            code = self.take_hex({"x": 2, "u": 4, "U": 8}[kind], start)
            if code > 0x10FFFF:
                self.fail("there is no such code point", start)
            return code
        if kind == "N":
            return self._named(start)
        if kind.isdecimal() and kind.isascii():
            return self._octal(kind, start, in_class)
        if kind.isalpha() and kind.isascii():
            self.fail(f"there is no escape \\{kind}", start)
        return ord(kind)

    def _shorthand(self, kind: str) -> Ranges:
        if self.flags.ascii_only:
            ranges = {"d": ascii_digits, "w": ascii_words, "s": ascii_spaces}[kind.lower()]()
        else:
            ranges = {"d": unicode_digits, "w": unicode_words, "s": unicode_spaces}[kind.lower()]()
        return negate(ranges) if kind.isupper() else ranges

    def _named(self, start: int) -> int:
        end = self.pattern.find("}", self.position)
        if self.peek() != "{" or end < 0:
            self.fail("\\N needs a name in braces", start)
        try:
            char = unicodedata.lookup(self.pattern[self.position + 1 : end])
            code = ord(char)
        except (KeyError, TypeError):
            self.fail("there is no character of that name", start)
        self.position = end + 1
        return code

    def _octal(self, first: str, start: int, in_class: bool) -> int:
        """`\\0`, `\\012` or `\\777`."""
        digits = first
        while len(digits) < 3 and self.peek() and self.peek() in "01234567":
            digits += self.peek()
            self.position += 1
        is_octal = first == "0" or ((len(digits) == 3 or in_class) and first in "01234567")
        if not is_octal:
            self.fail("there is no such escape" + (" in a class" if in_class else ""), start)
        code = int(digits, 8)
        if code > 0o377:
            self.fail("an octal escape goes up to \\377", start)
        return code
