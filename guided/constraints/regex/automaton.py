"""Look-around anywhere, loops too, as a deterministic automaton: exact, or ConstraintTooComplex.

A *thread* is a state and the obligations it has taken on: threads of look-aheads that have to reach their end, or with
a negation never may. A set of threads is read as "one of them"; it moves with every character, and so do the
obligations inside. What look-behinds ask is tracked beside it from the start of the text. All of these are finite, so
this is the subset construction of an alternating automaton (Chandra, Kozen and Stockmeyer, 1981).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from guided.constraints.characters import Ranges, union
from guided.constraints.regex.classes import split_classes
from guided.constraints.regex.threads import DONE, Ahead, Behind, Threads, build_threads
from guided.constraints.regex.tree import Tree
from guided.errors import ConstraintTooComplex

__all__ = ["automaton_of"]

_MOST_MOVES = 400_000  # edges that threads are moved along, times the obligations that they carry
_MOST_COMPARED = 32  # threads in one state, to drop those that ask for more than another
_MOST_EDGES = 400_000  # ranges of characters between states


class Obligation(NamedTuple):
    """`threads` must come to accept, or with `is_negated` must not."""

    is_negated: bool
    threads: Threadset


Thread = tuple[int, frozenset[Obligation]]
Threadset = frozenset[Thread]

Edge = tuple[int, int, int]  # first character, last character, next state

_FREE: frozenset[Obligation] = frozenset()
_TRUE: Threadset = frozenset([(DONE, _FREE)])


class Place(NamedTuple):
    """Between two characters: the threads of the pattern, and of each tracker."""

    threads: Threadset
    tracked: tuple[Threadset, ...]


def automaton_of(root: Tree, *, search: bool) -> tuple[list[list[Edge]], list[int]]:
    """Edges of each state, from state 0, and accepting states: the texts that `root` matches whole or has inside."""
    return _Subsets(build_threads(root, search=search), search=search).run()


class _Subsets:
    """Explores the places that texts can lead to."""

    def __init__(self, threads: Threads, *, search: bool) -> None:
        self._nfa = threads
        self._search = search
        self._classes = split_classes(threads.sets)
        self._num_moves = 0
        self._moved: dict[tuple[Threadset, int, tuple[Threadset, ...]], Threadset] = {}
        self._asked: dict[tuple[int, tuple[Threadset, ...]], Threadset] = {}

    def run(self) -> tuple[list[list[Edge]], list[int]]:
        """The edges of each state, the first one first, and the accepting states."""
        places = [self._start()]
        numbers = {places[0]: 0}
        states: list[list[Edge]] = []
        num_edges = 0
        for place in places:
            targets: dict[int, list[Ranges]] = {}
            for held, chars in self._classes:
                after = self._move_place(place, held)
                if not after.threads and not self._search:
                    continue
                if after not in numbers:
                    numbers[after] = len(places)
                    places.append(after)
                targets.setdefault(numbers[after], []).append(chars)
            edges = [(low, high, to) for to, chars_to in targets.items() for low, high in union(*chars_to)]
            num_edges += len(edges)
            if num_edges > _MOST_EDGES:
                raise ConstraintTooComplex("edges of the automaton of a pattern with look-around", _MOST_EDGES)
            states.append(edges)
        return states, [number for number, place in enumerate(places) if self._accepts(place.threads)]

    def _start(self) -> Place:
        return self._place([(self._nfa.start, _FREE)], [[] for _ in self._nfa.trackers])

    def _place(self, seeds: Iterable[Thread], tracker_seeds: list[list[Thread]]) -> Place:
        """A place from threads that have just moved; every tracker starts once more here."""
        tracked: list[Threadset] = [frozenset()] * len(tracker_seeds)
        for number in self._nfa.tracker_order:
            start = (self._nfa.trackers[number][0], _FREE)
            tracked[number] = self._close([*tracker_seeds[number], start], tuple(tracked))
        return Place(self._close(seeds, tuple(tracked)), tuple(tracked))

    def _move_place(self, place: Place, held: int) -> Place:
        tracked: list[Threadset] = [frozenset()] * len(place.tracked)
        for number in self._nfa.tracker_order:
            start = (self._nfa.trackers[number][0], _FREE)
            seeds = self._seeds(place.tracked[number], held, tuple(tracked))
            tracked[number] = self._close([*seeds, start], tuple(tracked))
        now = tuple(tracked)
        if place.threads == _TRUE:
            return Place(_TRUE, place.tracked)
        seeds = self._seeds(place.threads, held, now)
        threads = self._close([*seeds, (self._nfa.start, _FREE)] if self._search else seeds, now)
        return Place(threads, place.tracked if threads == _TRUE else now)

    def _move(self, threads: Threadset, held: int, tracked: tuple[Threadset, ...]) -> Threadset:
        """The threads after a character of a class, where `tracked` is what trackers say there."""
        key = (threads, held, tracked)
        if key not in self._moved:
            self._moved[key] = self._close(self._seeds(threads, held, tracked), tracked)
        return self._moved[key]

    def _seeds(self, threads: Threadset, held: int, tracked: tuple[Threadset, ...]) -> list[Thread]:
        seeds: list[Thread] = []
        for state, obligations in threads:
            self._spend(1 + len(obligations))
            targets = [DONE] if state == DONE else [to for chars, to in self._nfa.edges[state] if held >> chars & 1]
            if not targets:
                continue
            kept: frozenset[Obligation] | None = _FREE
            for is_negated, asked in obligations:
                kept = _oblige(kept, is_negated, self._move(asked, held, tracked))
                if kept is None:
                    break
            else:
                assert kept is not None
                seeds.extend((to, kept) for to in targets)
        return seeds

    def _spend(self, moves: int) -> None:
        self._num_moves += moves
        if self._num_moves > _MOST_MOVES:
            raise ConstraintTooComplex("work to make a pattern with look-around deterministic", _MOST_MOVES)

    def _close(self, seeds: Iterable[Thread], tracked: tuple[Threadset, ...]) -> Threadset:
        """`seeds` and what empty edges lead to, those that only pass by left out."""
        nfa = self._nfa
        pending = list(seeds)
        seen = set(pending)
        while pending:
            state, obligations = pending.pop()
            self._spend(1 + len(nfa.jumps[state]) + (1 + len(obligations)) * len(nfa.asking[state]))
            found = [(to, obligations) for to in nfa.jumps[state]]
            for question, to in nfa.asking[state]:
                kept = _oblige(obligations, question.is_negated, self._ask(question, tracked))
                if kept is not None:
                    found.append((to, kept))
            for thread in found:
                if thread not in seen:
                    seen.add(thread)
                    pending.append(thread)
        finals = {DONE, nfa.final, *(final for _, final in nfa.trackers)}
        return _simplest([(s, o) for s, o in seen if nfa.edges[s] or s in finals])

    def _ask(self, question: Ahead | Behind, tracked: tuple[Threadset, ...]) -> Threadset:
        """The threads that must accept for the answer to be yes."""
        if isinstance(question, Behind):
            final = self._nfa.trackers[question.tracker][1]
            return _simplest([(DONE, o) for state, o in tracked[question.tracker] if state == final])
        key = (question.start, tracked)
        if key not in self._asked:
            self._asked[key] = self._close([(question.start, _FREE)], tracked)
        return self._asked[key]

    def _accepts(self, threads: Threadset) -> bool:
        """Whether one of the threads may end here; nested as deep as look-around is."""
        return any(
            state in (DONE, self._nfa.final)
            and all(self._accepts(asked) != is_negated for is_negated, asked in obligations)
            for state, obligations in threads
        )


def _oblige(
    obligations: frozenset[Obligation] | None, is_negated: bool, asked: Threadset
) -> frozenset[Obligation] | None:
    """The obligations with one more; None if they cannot be met."""
    if obligations is None or asked == (_TRUE if is_negated else frozenset()):
        return None
    if asked == (frozenset() if is_negated else _TRUE):
        return obligations
    return obligations | {Obligation(is_negated, asked)}


def _simplest(threads: list[Thread]) -> Threadset:
    """Threads without those that ask for more than another in the same state; one that is done hides all others."""
    if (DONE, _FREE) in threads:
        return _TRUE
    free = {state for state, obligations in threads if not obligations}
    by_state: dict[int, list[frozenset[Obligation]]] = {}
    for state, obligations in threads:
        if obligations and state not in free:
            by_state.setdefault(state, []).append(obligations)
    kept: list[Thread] = [(state, _FREE) for state in free]
    for state, choices in by_state.items():
        if len(choices) > _MOST_COMPARED:
            kept.extend((state, o) for o in choices)
        else:
            kept.extend((state, o) for o in choices if not any(other < o for other in choices))
    return frozenset(kept)
