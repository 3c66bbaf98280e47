"""From a parsed pattern to one native expression.

A stack machine over the program. Without anchors an operand is one expression. With anchors its language depends on
what stands around it, so it is a table: is it at the start of the text, and does the text end behind it. Each
cell knows whether it holds the empty text, because an empty neighbour hands its own surroundings on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guided.constraints.characters import EVERYTHING
from guided.constraints.regex.languages import Language, Languages
from guided.constraints.regex.nodes import Alternate, Anchor, Chars, Concat, Literal, Program, Repeat, Words
from guided.errors import InvalidRegex

if TYPE_CHECKING:
    from guided import _native

__all__ = ["lower_program"]

# Behind an operand: more text (0), the end (1), or a last newline (2, which only Python's `$` can tell from 0).
_RIGHTS = (0, 1, 2)
_LEFTS = (0, 1)  # before it: some text (0), or the start (1)
_MOST_ANCHORED_REPEATS = 64

Table = dict[tuple[int, int], Language]


def lower_program(builder: _native.Builder, program: Program, *, search: bool = False) -> int:
    """The expression of the texts that `program` matches whole, or with `search` anywhere."""
    machine = _Machine(builder, program)
    operand = machine.run()
    if search:
        anything = machine.languages.repeat(machine.languages.chars(EVERYTHING), 0, None)
        operand = machine.concat(anything, machine.concat(operand, anything))
    return machine.languages.expression(operand if isinstance(operand, Language) else operand[1, 1])


class _Machine:
    """The operand stack and the rules of anchors."""

    def __init__(self, builder: _native.Builder, program: Program) -> None:
        self.languages = Languages(builder)
        self._program = program
        self._last_anchor = 0

    def run(self) -> Language | Table:
        stack: list[Language | Table] = []
        for op in self._program.ops:
            match op:
                case Chars(ranges):
                    stack.append(self.languages.chars(ranges))
                case Literal(text):
                    stack.append(self.languages.literal(text))
                case Words(texts):
                    stack.append(self.languages.words(texts))
                case Concat(count):
                    stack[-count:] = [self._concat_all(stack[-count:])]
                case Alternate(count):
                    stack[-count:] = [self._alternate(stack[-count:])]
                case Repeat(minimum, maximum):
                    stack[-1] = self._repeat(stack[-1], minimum, maximum)
                case Anchor(kind, position):
                    self._last_anchor = position
                    stack.append(self._anchor(kind))
        return stack[0]

    def concat(self, left: Language | Table, right: Language | Table) -> Language | Table:
        """`left` and then `right`, each seeing the other as its surroundings."""
        if isinstance(left, Language) and isinstance(right, Language):
            return self.languages.concat([left, right])
        before, after = _table(left), _table(right)
        return {(s, e): self._concat_cell(before, after, s, e) for s in _LEFTS for e in _RIGHTS}

    def _concat_all(self, operands: list[Language | Table]) -> Language | Table:
        if all(isinstance(o, Language) for o in operands):
            return self.languages.concat([o for o in operands if isinstance(o, Language)])
        merged: list[Language | Table] = []
        run: list[Language] = []
        for operand in operands:
            if isinstance(operand, Language):
                run.append(operand)
                continue
            if run:
                merged.append(self.languages.concat(run))
                run = []
            merged.append(operand)
        if run:
            merged.append(self.languages.concat(run))
        result = merged[0]
        for operand in merged[1:]:
            result = self.concat(result, operand)
        return result

    def _concat_cell(self, left: Table, right: Table, s: int, e: int) -> Language:
        lang = self.languages
        left_sees_right = any(left[s, 0] != left[s, r] for r in _RIGHTS)
        right_sees_left = right[0, e] != right[1, e]
        if not left_sees_right and not right_sees_left:
            return lang.concat([left[s, 0], right[0, e]])
        terms: list[Language] = []
        if not left_sees_right:
            terms.append(lang.concat([lang.without_empty(left[s, 0]), right[0, e]]))
            if left[s, 0].is_nullable:
                terms.append(right[s, e])
            return lang.union(terms)
        for part, behind in self._split(left, lang.without_empty(right[0, e]), s, e):
            terms.append(lang.concat([lang.without_empty(left[s, behind]), part]))
        for part, behind in self._split(left, lang.without_empty(right[s, e]), s, e):
            if left[s, behind].is_nullable:
                terms.append(part)
        if right[0, e].is_nullable:
            terms.append(lang.without_empty(left[s, e]))
        if left[s, e].is_nullable and right[s, e].is_nullable:
            terms.append(lang.epsilon)
        return lang.union(terms)

    def _split(self, left: Table, right: Language, s: int, e: int) -> list[tuple[Language, int]]:
        """`right`, never empty, in parts with what each is to its left neighbour: a last newline, or just text."""
        if e != 1 or left[s, 2] == left[s, 0] or right.expression is None:
            return [(right, 0)]
        newline, others = self.languages.split_newline(right)
        return [(newline, 2), (others, 0)]

    def _alternate(self, operands: list[Language | Table]) -> Language | Table:
        if all(isinstance(o, Language) for o in operands):
            return self.languages.union([o for o in operands if isinstance(o, Language)])
        tables = [_table(o) for o in operands]
        return {(s, e): self.languages.union([t[s, e] for t in tables]) for s in _LEFTS for e in _RIGHTS}

    def _repeat(self, operand: Language | Table, minimum: int, maximum: int | None) -> Language | Table:
        if isinstance(operand, Language):
            return self.languages.repeat(operand, minimum, maximum)
        if minimum > _MOST_ANCHORED_REPEATS or (maximum or 0) > _MOST_ANCHORED_REPEATS:
            self._refuse(f"a group with an anchor can be repeated up to {_MOST_ANCHORED_REPEATS} times")
        result: Language | Table = self.languages.epsilon
        for _ in range(minimum):
            result = self.concat(result, operand)
        if maximum is None:
            return self.concat(result, self._star(operand))
        optional = self._alternate([self.languages.epsilon, operand])
        for _ in range(maximum - minimum):
            result = self.concat(result, optional)
        return result

    def _star(self, operand: Table) -> Table:
        """Any number of times: only the first sees the start, only the last sees the end."""
        lang = self.languages
        if any(operand[s, 0] != operand[s, 2] for s in _LEFTS):
            self._refuse("$ inside a repeated group is not supported; use \\Z or move it out of the repeat")
        once = {cell: lang.without_empty(language) for cell, language in operand.items()}
        middle = lang.repeat(once[0, 0], 0, None)
        return {
            (s, e): lang.union([lang.epsilon, once[s, e], lang.concat([once[s, 0], middle, once[0, e]])])
            for s in _LEFTS
            for e in _RIGHTS
        }

    def _anchor(self, kind: str) -> Table:
        rights = {"start": (0, 1, 2), "end": (1,), "end_or_newline": (1, 2)}[kind]
        lefts = (1,) if kind == "start" else _LEFTS
        lang = self.languages
        return {(s, e): lang.epsilon if s in lefts and e in rights else lang.nothing for s in _LEFTS for e in _RIGHTS}

    def _refuse(self, reason: str) -> None:
        raise InvalidRegex(self._program.pattern, self._last_anchor, reason)


def _table(operand: Language | Table) -> Table:
    return {(s, e): operand for s in _LEFTS for e in _RIGHTS} if isinstance(operand, Language) else operand
