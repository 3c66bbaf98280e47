"""The pattern as a nondeterministic automaton whose empty edges may ask for look-around.

Every counted repeat is written out. A look-ahead has states of its own that end in DONE; a look-behind has a *tracker*,
an automaton that is fed the whole text from its start and tells at each place whether its pattern ends there.
"""

from __future__ import annotations

from dataclasses import dataclass

from guided.constraints.characters import EVERYTHING, Ranges, one_char
from guided.constraints.regex.nodes import Alternate, Anchor, Chars, Concat, Literal, Look, Repeat, Words
from guided.constraints.regex.tree import Tree
from guided.errors import ConstraintTooComplex

__all__ = ["DONE", "Ahead", "Behind", "Threads", "build_threads"]

DONE = 0  # a look-around, or a search, has found what it asked for, whatever follows
_MOST_STATES = 50_000


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a look-ahead asks for: its states start at `start`."""

    start: int
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Behind:
    """What a look-behind asks for: the tracker of that number."""

    tracker: int
    is_negated: bool


class Threads:
    """States are numbers; each has edges (set, target), empty edges, and edges that ask (question, target)."""

    def __init__(self) -> None:
        self.edges: list[list[tuple[int, int]]] = []
        self.jumps: list[list[int]] = []
        self.asking: list[list[tuple[Ahead | Behind, int]]] = []
        self.sets: list[Ranges] = []
        self.trackers: list[tuple[int, int]] = []  # (start, final state)
        self.tracker_order: list[int] = []  # inner look-around first
        self.start = 0
        self.final = DONE
        self._set_ids: dict[Ranges, int] = {}
        self.new_state()

    def new_state(self) -> int:
        if len(self.edges) >= _MOST_STATES:
            raise ConstraintTooComplex("states of a pattern with look-around, its repeats written out", _MOST_STATES)
        self.edges.append([])
        self.jumps.append([])
        self.asking.append([])
        return len(self.edges) - 1

    def add_chars(self, start: int, ranges: Ranges, end: int) -> None:
        if ranges not in self._set_ids:
            self._set_ids[ranges] = len(self.sets)
            self.sets.append(ranges)
        self.edges[start].append((self._set_ids[ranges], end))

    def add_literal(self, start: int, text: str, end: int) -> None:
        for char in text[:-1]:
            middle = self.new_state()
            self.add_chars(start, one_char(ord(char)), middle)
            start = middle
        if text:
            self.add_chars(start, one_char(ord(text[-1])), end)
        else:
            self.jumps[start].append(end)


def build_threads(root: Tree, *, search: bool) -> Threads:
    """The automaton of `root`; with `search` it ends in DONE, else in a state where the text must end."""
    builder = _ThreadsBuilder()
    builder.run(root, search=search)
    return builder.threads


class _ThreadsBuilder:
    """Builds from the outside in, with a list of what is left to do."""

    def __init__(self) -> None:
        self.threads = Threads()
        self._pending: list[tuple[Tree, int, int]] = []
        self._aheads: dict[Tree, int] = {}
        self._aheads_of_chars: dict[Ranges, int] = {}  # of one character; every `$` asks the same
        self._last_newline: int | None = None
        self._of_chars: dict[Ranges, int] = {}  # trackers of one character
        self._of_trees: dict[Tree, int] = {}

    def run(self, root: Tree, *, search: bool) -> None:
        threads = self.threads
        threads.start = threads.new_state()
        threads.final = DONE if search else threads.new_state()
        self._pending.append((root, threads.start, threads.final))
        while self._pending:
            self._build(*self._pending.pop())
        # a tracker inside another look-behind was made after it, unless it is one of a single character
        threads.tracker_order = [*self._of_chars.values(), *reversed(self._of_trees.values())]

    def _build(self, tree: Tree, start: int, end: int) -> None:
        threads = self.threads
        match tree.op:
            case Chars(ranges):
                threads.add_chars(start, ranges, end)
            case Literal(text):
                threads.add_literal(start, text, end)
            case Words(texts):
                for text in texts:
                    threads.add_literal(start, text, end)
            case Concat():
                for child in tree.children[:-1]:
                    middle = threads.new_state()
                    self._pending.append((child, start, middle))
                    start = middle
                self._pending.append((tree.children[-1], start, end))
            case Alternate():
                self._pending.extend((child, start, end) for child in tree.children)
            case Repeat(minimum, maximum):
                self._repeat(tree.children[0], minimum, maximum, start, end)
            case Anchor(kind):
                self._anchor(kind, start, end)
            case Look(is_behind, is_negated):
                question = self._behind(tree, is_negated) if is_behind else self._ahead(tree, is_negated)
                threads.asking[start].append((question, end))
            case _:  # a group
                self._pending.append((tree.children[0], start, end))

    def _repeat(self, part: Tree, minimum: int, maximum: int | None, start: int, end: int) -> None:
        threads = self.threads
        for _ in range(minimum):
            middle = threads.new_state()
            self._pending.append((part, start, middle))
            start = middle
        if maximum is None:
            loop = threads.new_state()
            threads.jumps[start].append(loop)
            self._pending.append((part, loop, loop))
            threads.jumps[loop].append(end)
            return
        for _ in range(maximum - minimum):
            threads.jumps[start].append(end)
            middle = threads.new_state()
            self._pending.append((part, start, middle))
            start = middle
        threads.jumps[start].append(end)

    def _anchor(self, kind: str, start: int, end: int) -> None:
        threads = self.threads
        if kind == "start":
            threads.asking[start].append((Behind(self._tracker_of_chars(EVERYTHING), True), end))
            return
        no_more = Ahead(self._ahead_of_chars(EVERYTHING), True)
        threads.asking[start].append((no_more, end))
        if kind == "end_or_newline":
            if self._last_newline is None:
                self._last_newline, behind_it = threads.new_state(), threads.new_state()
                threads.add_chars(self._last_newline, one_char(0x0A), behind_it)
                threads.asking[behind_it].append((no_more, DONE))
            threads.asking[start].append((Ahead(self._last_newline, False), end))

    def _ahead(self, look: Tree, is_negated: bool) -> Ahead:
        if look not in self._aheads:
            self._aheads[look] = self.threads.new_state()
            self._pending.append((look.children[0], self._aheads[look], DONE))
        return Ahead(self._aheads[look], is_negated)

    def _ahead_of_chars(self, ranges: Ranges) -> int:
        if ranges not in self._aheads_of_chars:
            self._aheads_of_chars[ranges] = self.threads.new_state()
            self.threads.add_chars(self._aheads_of_chars[ranges], ranges, DONE)
        return self._aheads_of_chars[ranges]

    def _behind(self, look: Tree, is_negated: bool) -> Behind:
        part = look.children[0]
        if isinstance(part.op, Chars):
            return Behind(self._tracker_of_chars(part.op.ranges), is_negated)
        if part not in self._of_trees:
            self._of_trees[part], start, end = self._new_tracker()
            self._pending.append((part, start, end))
        return Behind(self._of_trees[part], is_negated)

    def _tracker_of_chars(self, ranges: Ranges) -> int:
        if ranges not in self._of_chars:
            self._of_chars[ranges], start, end = self._new_tracker()
            self.threads.add_chars(start, ranges, end)
        return self._of_chars[ranges]

    def _new_tracker(self) -> tuple[int, int, int]:
        threads = self.threads
        start, end = threads.new_state(), threads.new_state()
        threads.trackers.append((start, end))
        return len(threads.trackers) - 1, start, end
