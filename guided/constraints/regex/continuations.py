"""Lowering from the end to the start, each part with the texts that may follow it.

What follows may depend on what came last, so it is a table: one language at the start of the text, and one for each
class of last characters that a look-behind can tell apart. A look-ahead intersects the table with what it asks for (the
whole continuation, not the rest of its group); a look-behind keeps the cells that it holds for.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from guided.constraints.characters import Ranges, negate, union
from guided.constraints.regex.classes import split_classes
from guided.constraints.regex.languages import Language, Languages
from guided.constraints.regex.nodes import Alternate, Anchor, Concat, Look, Repeat
from guided.constraints.regex.simplify import one_character
from guided.constraints.regex.tree import Tree

__all__ = ["Continuations", "is_finite"]

_MOST_REPEATS = 64  # copies of one repeat with look-around in it
_MOST_VISITS = 20_000
_MOST_LOOKS = 1_000  # each may hold all that follow it

Table = tuple[Language, ...]  # at the start of the text, then behind each class of characters


def is_finite(order: Sequence[Tree], plain: Mapping[Tree, Language]) -> bool:
    """Whether no loop has look-around inside, and no look-behind sees more than one character."""
    for tree in order:
        if isinstance(tree.op, Repeat) and tree.children[0] not in plain:
            if tree.op.maximum is None or tree.op.maximum > _MOST_REPEATS:
                return False
        elif isinstance(tree.op, Look) and tree.op.is_behind and _last_character(tree.children[0]) is None:
            return False
    return True


def _last_character(tree: Tree) -> tuple[Ranges, bool] | None:
    """What a look-behind asks of the character before, and whether it also holds at the start; None if it sees more."""
    chars = one_character(tree)
    if chars is not None:
        return chars, False
    match tree.op:
        case Anchor("start"):
            return (), True
        case Alternate() if not any(isinstance(child.op, Alternate) for child in tree.children):
            found = [_last_character(child) for child in tree.children]
            known = [f for f in found if f is not None]
            return (union(*(f[0] for f in known)), any(f[1] for f in known)) if len(known) == len(found) else None
    return None


class Continuations:
    """Lowers one tree for which `is_finite` holds."""

    def __init__(self, languages: Languages, order: Sequence[Tree], plain: Mapping[Tree, Language]) -> None:
        self._languages = languages
        self._plain = plain
        self._num_visits = 0
        self._num_looks = 0
        sets: list[Ranges] = []
        self._held: dict[Tree, tuple[int, bool]] = {}  # of a look-behind: its set, whether it holds at the start
        for tree in order:
            if isinstance(tree.op, Look) and tree.op.is_behind:
                found = _last_character(tree.children[0])
                assert found is not None
                if found[0] not in sets:
                    sets.append(found[0])
                self._held[tree] = sets.index(found[0]), found[1]
        self._classes = split_classes(sets)

    def run(self, root: Tree, *, search: bool) -> Language | None:
        """The texts that `root` matches whole, or anywhere; None if that takes too much work."""
        lang = self._languages
        pending = [self._visit(root, self._same(lang.everything if search else lang.epsilon))]
        table: Table | None = None
        while pending:
            try:
                tree, after = pending[-1].send(table) if table is not None else next(pending[-1])
            except StopIteration as done:
                pending.pop()
                table = done.value
                continue
            self._num_visits += 1
            self._num_looks += isinstance(tree.op, Look)
            if self._num_visits > _MOST_VISITS or self._num_looks > _MOST_LOOKS:
                return None
            pending.append(self._visit(tree, after))
            table = None
        assert table is not None
        return self._prepend(lang.everything, table)[0] if search else table[0]

    def _same(self, language: Language) -> Table:
        return (language,) * (1 + len(self._classes))

    def _visit(self, tree: Tree, after: Table) -> Generator[tuple[Tree, Table], Table, Table]:
        """`tree` and then `after`; asks its driver for the operands, so that nothing recurses."""
        lang = self._languages
        if tree in self._plain:
            return self._prepend(self._plain[tree], after)
        match tree.op:
            case Concat():
                for child in reversed(tree.children):
                    after = yield child, after
                return after
            case Alternate():
                tables = []
                for child in tree.children:
                    tables.append((yield child, after))
                return self._union(tables)
            case Repeat(minimum, maximum):
                assert maximum is not None
                rest = after
                for index in range(maximum):
                    once = yield tree.children[0], rest
                    rest = self._union([once, after]) if index < maximum - minimum else once
                return rest
            case Anchor(kind):
                return self._anchor(kind, after)
            case Look(is_behind=True, is_negated=is_negated):
                return self._look_behind(tree, is_negated, after)
            case Look(is_negated=is_negated):
                refused = one_character(tree.children[0]) if is_negated else None
                if refused is not None:  # without a complement it is quicker to match
                    others = lang.concat([lang.chars(negate(refused)), lang.everything])
                    return self._intersect(after, self._same(lang.union([lang.epsilon, others])))
                asked = yield tree.children[0], self._same(lang.everything)
                return self._intersect(after, tuple(map(lang.complement, asked)) if is_negated else asked)
            case _:  # a group
                return (yield tree.children[0], after)

    def _union(self, tables: Sequence[Table]) -> Table:
        return tuple(self._languages.union(cells) for cells in zip(*tables, strict=True))

    def _intersect(self, left: Table, right: Table) -> Table:
        return tuple(map(self._languages.intersect, left, right))

    def _anchor(self, kind: str, after: Table) -> Table:
        lang = self._languages
        if kind == "start":
            return (after[0], *(lang.nothing for _ in self._classes))
        ends = lang.epsilon if kind == "end" else lang.words(["", "\n"])
        return self._intersect(after, self._same(ends))

    def _look_behind(self, tree: Tree, is_negated: bool, after: Table) -> Table:
        index, holds_at_start = self._held[tree]
        holds = [holds_at_start, *(bool(held >> index & 1) for held, _ in self._classes)]
        kept = zip(holds, after, strict=True)
        return tuple(cell if held != is_negated else self._languages.nothing for held, cell in kept)

    def _prepend(self, part: Language, after: Table) -> Table:
        """`part` and then what may follow its last character; where it is empty, what may follow the one before."""
        lang = self._languages
        if part.is_epsilon or part.expression is None:
            return after if part.is_epsilon else self._same(part)
        behind: dict[Language, list[Ranges]] = {}
        for (_, chars), cell in zip(self._classes, after[1:], strict=True):
            behind.setdefault(cell, []).append(chars)
        if len(behind) == 1 and (not part.is_nullable or after[0] == after[1]):
            return self._same(lang.concat([part, after[1]]))
        texts = lang.without_empty(part)
        if len(behind) == 1:
            going_on = lang.concat([texts, after[1]])
            at_start = lang.union([going_on, after[0]])
            return (at_start, *((lang.concat([part, after[1]]),) * len(self._classes)))
        ending = [(lang.ending_in(texts, union(*c)), cell) for cell, c in behind.items() if cell.expression is not None]
        going_on = lang.union([lang.concat([some, cell]) for some, cell in ending])
        return tuple(lang.union([going_on, cell]) for cell in after) if part.is_nullable else self._same(going_on)
