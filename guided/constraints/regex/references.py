"""Back-references with few possible texts, written out: `(a|b)\\1` is `aa|bb`.

A reference is expanded at the innermost concatenation around the group and all its references. The group must be
passed whenever that is (no alternative, repeat or look-around in between), else its text may be an older one or none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from guided.constraints.regex.nodes import (
    Alternate,
    Backref,
    Chars,
    Concat,
    Group,
    Literal,
    Look,
    Program,
    Repeat,
    Words,
)
from guided.constraints.regex.tree import Tree, build_tree, flatten, postorder
from guided.errors import InvalidRegex

__all__ = ["expand_references"]

_MOST_TEXTS = 256  # of one group
_MOST_CHARACTERS = 10_000  # of all texts of one group
_MOST_NODES = 100_000  # of the tree after it is written out


def expand_references(program: Program) -> Program:
    """The same language without references; InvalidRegex where that is not finite."""
    pattern = program.pattern
    if not any(isinstance(op, Backref) for op in program.ops):
        return program
    order = postorder(build_tree(program.ops))
    references = [t for t in order if isinstance(t.op, Backref)]
    parents = {child: tree for tree in order for child in tree.children}
    groups = {t.op.number: t for t in order if isinstance(t.op, Group)}
    scopes: dict[Tree, set[int]] = {}
    for number in {t.op.number for t in references if isinstance(t.op, Backref)}:
        mine = [t for t in references if isinstance(t.op, Backref) and t.op.number == number]
        scope = _scope(pattern, groups[number], mine, parents)
        scopes.setdefault(scope, set()).add(number)
    root = _Expansion(pattern, groups, references[0]).run(order, scopes)
    return Program(pattern, flatten(root))


def _scope(pattern: str, group: Tree, references: list[Tree], parents: Mapping[Tree, Tree]) -> Tree:
    """The concatenation to expand at."""
    path = [group]
    while path[-1] in parents and isinstance(parents[path[-1]].op, Concat | Group):
        path.append(parents[path[-1]])
    depth_of = {tree: depth for depth, tree in enumerate(path)}
    depth = 0
    for reference in references:
        assert isinstance(reference.op, Backref)
        position = reference.op.position
        at = reference
        while at not in depth_of:
            if isinstance(at.op, Look) and at.op.is_behind:
                raise InvalidRegex(pattern, position, "back-references inside a look-behind are not supported")
            if at not in parents:
                reason = "only back-references to a group that is always matched before them are supported"
                raise InvalidRegex(pattern, position, reason)
            at = parents[at]
        depth = max(depth, depth_of[at])
    scope = path[depth]
    at = scope
    while at in parents:
        at = parents[at]
        if isinstance(at.op, Look) and at.op.is_behind:
            position = next(t.op.position for t in references if isinstance(t.op, Backref))
            raise InvalidRegex(pattern, position, "back-references inside a look-behind are not supported")
    return scope


class _Expansion:
    """Writes the references of one tree out, innermost scopes first."""

    def __init__(self, pattern: str, groups: Mapping[int, Tree], first: Tree) -> None:
        self._pattern = pattern
        self._groups = groups
        assert isinstance(first.op, Backref)
        self._position = first.op.position
        self._num_nodes = 0

    def run(self, order: list[Tree], scopes: Mapping[Tree, set[int]]) -> Tree:
        new: dict[Tree, Tree] = {}
        for tree in order:
            children = tuple(new[child] for child in tree.children)
            same = all(map(lambda a, b: a is b, children, tree.children))
            new[tree] = tree if same else Tree(tree.op, children)
            if tree in scopes:
                new[tree] = self._expand(tree, sorted(scopes[tree]), new)
        return new[order[-1]]

    def _expand(self, scope: Tree, numbers: list[int], new: Mapping[Tree, Tree]) -> Tree:
        texts = [_finite_texts(new[self._groups[number]].children[0]) for number in numbers]
        known = [t for t in texts if t is not None]
        if len(known) < len(texts):
            self._refuse("a back-reference is supported only where its group has finitely many texts, and few")
        branches = []
        for choice in itertools.product(*known):
            branches.append(self._substitute(new[scope], dict(zip(numbers, choice, strict=True))))
        if not branches:
            return Tree(Chars(()))  # a group that matches nothing
        return branches[0] if len(branches) == 1 else Tree(Alternate(len(branches)), tuple(branches))

    def _substitute(self, scope: Tree, texts: Mapping[int, str]) -> Tree:
        new: dict[Tree, Tree] = {}
        for tree in postorder(scope):
            self._num_nodes += 1
            if self._num_nodes > _MOST_NODES:
                self._refuse("back-references with so many texts are not supported")
            if isinstance(tree.op, Group | Backref) and tree.op.number in texts:
                new[tree] = Tree(Literal(texts[tree.op.number]))
                continue
            children = tuple(new[child] for child in tree.children)
            new[tree] = tree if children == tree.children else Tree(tree.op, children)
        return new[scope]

    def _refuse(self, reason: str) -> None:
        raise InvalidRegex(self._pattern, self._position, reason)


def _finite_texts(root: Tree) -> list[str] | None:
    """All texts of a tree without anchors, look-around or references, if they are few."""
    texts: dict[Tree, list[str]] = {}
    for tree in postorder(root):
        found: Iterator[str]
        match tree.op:
            case Literal(text):
                found = iter([text])
            case Words(words):
                found = iter(words)
            case Chars(ranges):
                found = (chr(code) for low, high in ranges for code in range(low, high + 1))
            case Group():
                found = iter(texts[tree.children[0]])
            case Alternate():
                found = itertools.chain.from_iterable(texts[child] for child in tree.children)
            case Concat():
                found = map("".join, itertools.product(*(texts[child] for child in tree.children)))
            case Repeat(minimum, maximum) if maximum is not None and maximum <= _MOST_TEXTS:
                part = texts[tree.children[0]]
                found = itertools.chain.from_iterable(
                    map("".join, itertools.product(part, repeat=count)) for count in range(minimum, maximum + 1)
                )
            case _:
                return None
        kept = list(dict.fromkeys(itertools.islice(found, _MOST_TEXTS * 4)))
        if len(kept) > _MOST_TEXTS or sum(map(len, kept)) > _MOST_CHARACTERS or next(found, None) is not None:
            return None
        texts[tree] = kept
    return texts[root]
