"""Reads GBNF, as llama.cpp does, and a little more: a line may also begin with `|`, names may hold underscores.

Unlike there, a rule that is defined twice is an error, counts are never changed, and classes that hold nothing, ranges
that run backwards and tokens (`<think>`: a grammar speaks of text) are refused. Every error has its place.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass, field
from typing import NoReturn

from guided.constraints.characters import EVERYTHING, Ranges, negate, union
from guided.constraints.grammar.rules import Op, Ref, Rule, Rules
from guided.constraints.regex.nodes import Alternate, Chars, Concat, Literal, Repeat
from guided.errors import InvalidGrammar
from guided.source import Diagnostic, Source, Span

__all__ = ["read_grammar"]

MOST_REPEATS = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_COUNT = re.compile(r"\{\s*([0-9]+)\s*(?:(,)\s*([0-9]+)?\s*)?\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_HEX = {"x": 2, "u": 4, "U": 8}
_QUANTIFIERS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@functools.lru_cache(maxsize=128)
def read_grammar(text: str, start: str) -> Rules:
    """The rules by name; raises InvalidGrammar with line, column and a caret."""
    return _Reader(text).read(start)


@dataclass(slots=True)
class _Group:
    """A rule's body or a group that is open: how many alternatives are behind, and items of the one under way."""

    opened: int | None
    num_alternatives: int = 0
    num_items: int = 0


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0
    source: Source = field(init=False)

    def __post_init__(self) -> None:
        self.source = Source(self.text, "<grammar>")

    def read(self, start: str) -> Rules:
        rules: dict[str, Rule] = {}
        self._skip(_LINES)
        while self.at < len(self.text):
            rule = self._rule()
            if rule.name in rules:
                line, _ = self.source.position(rules[rule.name].span.start)
                self._fail(rule.span, f"the rule '{rule.name}' is defined twice", f"first on line {line}")
            rules[rule.name] = rule
        if start not in rules:
            self._fail(Span(0, 0), f"there is no rule '{start}' to start from", help=_known(start, rules))
        for rule in rules.values():
            for op in rule.body:
                if isinstance(op, Ref) and op.name not in rules:
                    self._fail(op.span, f"there is no rule '{op.name}'", help=_known(op.name, rules))
        return rules

    def _rule(self) -> Rule:
        name = _NAME.match(self.text, self.at)
        if name is None:
            self._fail_here("expected a rule", help='a rule is: name ::= "text" other-rule [a-z]+ | ...')
        self.at = name.end()
        self._skip(_SPACE)
        if not self.text.startswith("::=", self.at):
            self._fail_here(f"expected ::= after the name '{name[0]}'")
        self.at += 3
        return Rule(name[0], Span(*name.span()), tuple(self._body()))

    def _body(self) -> list[Op]:
        """Alternatives up to the end of the rule; groups are kept on a stack."""
        ops: list[Op] = []
        groups = [_Group(None)]
        self._skip(_LINES)
        while True:
            group = groups[-1]
            char = self.text[self.at : self.at + 1]
            if char == "(":
                groups.append(_Group(self.at))
                self.at += 1
                self._skip(_LINES)
            elif char == "|":
                self._end_sequence(ops, group)
                self.at += 1
                self._skip(_LINES)
            elif char == ")" and len(groups) > 1:
                self._end_sequence(ops, group)
                if group.num_alternatives > 1:
                    ops.append(Alternate(group.num_alternatives))
                groups.pop()
                groups[-1].num_items += 1
                self.at += 1
                self._after_item(is_nested=len(groups) > 1)
            elif char in ("*", "+", "?", "{"):
                ops.append(self._quantifier(group))
                self._after_item(is_nested=len(groups) > 1)
            elif self._is_at_end(groups):
                break
            else:
                ops.append(self._item(char))
                group.num_items += 1
                self._after_item(is_nested=len(groups) > 1)
        self._end_sequence(ops, groups[0])
        if groups[0].num_alternatives > 1:
            ops.append(Alternate(groups[0].num_alternatives))
        return ops

    def _after_item(self, *, is_nested: bool) -> None:
        """Skip space; outside of groups a line ends the rule, unless the next one goes on with `|`."""
        self._skip(_LINES if is_nested else _SPACE)
        if not is_nested and self.text[self.at : self.at + 1] in ("\r", "\n"):
            beyond = _LINES.match(self.text, self.at)
            if beyond is not None and self.text.startswith("|", beyond.end()):
                self.at = beyond.end()

    def _is_at_end(self, groups: list[_Group]) -> bool:
        """Whether the rule ends here, which it may not inside a group."""
        is_end = self.at >= len(self.text)
        name = _NAME.match(self.text, self.at)
        begins_rule = name is not None and re.compile(r"[ \t]*::=").match(self.text, name.end()) is not None
        opened = groups[-1].opened
        if opened is not None and (is_end or begins_rule):
            self._fail(Span(opened, opened + 1), "this '(' is never closed", help="write )")
        if is_end or self.text[self.at] in "\r\n":
            self._skip(_LINES)
            return True
        if begins_rule and name is not None:
            if groups[0].num_items == 0 and self.text[: self.at].rstrip(" \t").endswith("\n"):
                return True  # the rule before it is empty
            self._fail(Span(*name.span()), "a rule begins on a line of its own")
        return False

    def _end_sequence(self, ops: list[Op], group: _Group) -> None:
        if group.num_items == 0:
            ops.append(Literal(""))
        elif group.num_items > 1:
            ops.append(Concat(group.num_items))
        group.num_alternatives += 1
        group.num_items = 0

    def _item(self, char: str) -> Op:
        if char == '"':
            return Literal(self._literal())
        if char == "[":
            return Chars(self._class())
        if char == ".":
            self.at += 1
            return Chars(EVERYTHING)
        name = _NAME.match(self.text, self.at)
        if name is not None:
            self.at = name.end()
            return Ref(name[0], Span(*name.span()))
        return self._no_item(char)

    def _no_item(self, char: str) -> NoReturn:
        if char in "<!":
            self._fail_here("tokens are not supported: a grammar speaks of text", help='write the text itself, "..."')
        if char == ")":
            self._fail_here("this ')' closes nothing")
        self._fail_here(f"{char!r} means nothing here", help='texts stand in quotes: "..."')

    def _literal(self) -> str:
        opened = self.at
        self.at += 1
        chars: list[str] = []
        while not self.text.startswith('"', self.at):
            if self.at >= len(self.text):
                self._fail(Span(opened, opened + 1), "this text is never closed", help='write "')
            begin = self.at
            code = self._char()
            if 0xD800 <= code <= 0xDFFF:
                self._fail(Span(begin, self.at), "half of a surrogate pair is no character", help=r"write \UHHHHHHHH")
            chars.append(chr(code))
        self.at += 1
        return "".join(chars)

    def _class(self) -> Ranges:
        opened = self.at
        self.at += 1
        is_negated = self.text.startswith("^", self.at)
        self.at += is_negated
        ranges: list[tuple[int, int]] = []
        while not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                self._fail(Span(opened, opened + 1), "this class is never closed", help="write ]")
            begin = self.at
            low = high = self._char()
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                self.at += 1
                if self.at >= len(self.text):
                    self._fail(Span(opened, opened + 1), "this class is never closed", help="write ]")
                high = self._char()
            if low > high:
                self._fail(Span(begin, self.at), "this range runs backwards", help="swap its ends")
            ranges.append((low, high))
        self.at += 1
        if not ranges:
            help = "any character is: ." if is_negated else 'the empty text is: ""'
            self._fail(Span(opened, self.at), "this class holds no character", help=help)
        return negate(union(ranges)) if is_negated else union(ranges)

    def _char(self) -> int:
        """One character, or what an escape stands for."""
        char = self.text[self.at]
        if char != "\\":
            self.at += 1
            return ord(char)
        begin, kind = self.at, self.text[self.at + 1 : self.at + 2]
        if kind in _ESCAPES:
            self.at += 2
            return ord(_ESCAPES[kind])
        if kind not in _HEX:
            span = Span(begin, min(begin + 2, len(self.text)))
            self._fail(span, "unknown escape", help=r"the escapes are \n \r \t \\ \" \[ \] \- \xHH \uHHHH \UHHHHHHHH")
        size = _HEX[kind]
        digits = re.compile("[0-9A-Fa-f]*").match(self.text, begin + 2, begin + 2 + size)
        if digits is None or len(digits[0]) != size:
            end = begin + 2 if digits is None else digits.end()
            self._fail(Span(begin, end), f"\\{kind} takes {size} hexadecimal digits")
        self.at = digits.end()
        code = int(digits[0], 16)
        if code > 0x10FFFF:
            self._fail(Span(begin, self.at), "there is no such character: the last one is U+10FFFF")
        return code

    def _quantifier(self, group: _Group) -> Repeat:
        char = self.text[self.at]
        if group.num_items == 0:
            self._fail_here(f"there is nothing before this '{char}' to repeat")
        if char != "{":
            self.at += 1
            return Repeat(*_QUANTIFIERS[char])
        count = _COUNT.match(self.text, self.at)
        if count is None:
            self._fail_here("this count is not valid", help="write {m}, {m,} or {m,n}")
        span = Span(*count.span())
        low, comma, high = count.groups()
        if max(len(low), len(high or "")) > 9 or max(int(low), int(high or 0)) > MOST_REPEATS:
            self._fail(span, f"this count is too large: at most {MOST_REPEATS:,}")
        minimum = int(low)
        maximum = minimum if not comma else int(high) if high else None
        if maximum is not None and maximum < minimum:
            self._fail(span, f"this count runs backwards: {maximum} is less than {minimum}", help="write {m,n}, m <= n")
        self.at = count.end()
        return Repeat(minimum, maximum)

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def _fail_here(self, message: str, help: str = "") -> NoReturn:
        self._fail(Span(self.at, min(self.at + 1, len(self.text))), message, help=help)

    def _fail(self, span: Span, message: str, label: str = "", help: str = "") -> NoReturn:
        raise InvalidGrammar(Diagnostic(self.source, span, message, label, help))


def _known(name: str, rules: Rules) -> str:
    """What to write instead of a name that is no rule."""
    close = difflib.get_close_matches(name, rules, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    shown = ", ".join(list(rules)[:8])
    return f"the rules are {shown}{', ...' if len(rules) > 8 else ''}" if rules else f"write {name} ::= ..."
