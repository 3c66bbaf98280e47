"""Look-around that is next to the one character it sees, put into that character: `(?!x).` is `[^x]`.

This makes the commonest loops with look-around plain, `(?:(?!x).)*`. Look-around at the borders of the text becomes
conditions of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal as Either

from guided.constraints.characters import Ranges, negate, union
from guided.constraints.regex.nodes import Anchor, Chars, Concat, Group, Literal, Look, Words
from guided.constraints.regex.tree import Tree, postorder

__all__ = ["one_character", "simplify", "split_conditions"]


def one_character(tree: Tree) -> Ranges | None:
    """The characters of a tree that is one character; None if it is more than that."""
    while isinstance(tree.op, Group):
        tree = tree.children[0]
    match tree.op:
        case Chars(ranges):
            return ranges
        case Literal(text) if len(text) == 1:
            return union([(ord(text), ord(text))])
        case Words(texts) if all(len(text) == 1 for text in texts):
            return union([(ord(text), ord(text)) for text in texts])
    return None


def simplify(root: Tree) -> Tree:
    """The same language with fewer look-arounds."""
    new: dict[Tree, Tree] = {}
    for tree in postorder(root):
        children = tuple(new[child] for child in tree.children)
        if isinstance(tree.op, Concat):
            children = _merged(children)
        if isinstance(tree.op, Concat) and len(children) == 1:
            new[tree] = children[0]
        elif len(children) == len(tree.children) and all(map(lambda a, b: a is b, children, tree.children)):
            new[tree] = tree
        else:
            new[tree] = Tree(Concat(len(children)) if isinstance(tree.op, Concat) else tree.op, children)
    return new[root]


def _merged(parts: tuple[Tree, ...]) -> tuple[Tree, ...]:
    """Each look-ahead before one character, and each look-behind after one, taken into it."""
    if not any(isinstance(part.op, Look) for part in parts):
        return parts
    forward: list[Tree] = []
    for part in parts:
        taken = _take(part, forward[-1]) if forward and isinstance(part.op, Look) and part.op.is_behind else None
        forward[len(forward) - (taken is not None) :] = [part if taken is None else taken]
    backward: list[Tree] = []
    for part in reversed(forward):
        is_ahead = isinstance(part.op, Look) and not part.op.is_behind
        taken = _take(part, backward[-1]) if backward and is_ahead else None
        backward[len(backward) - (taken is not None) :] = [part if taken is None else taken]
    return tuple(reversed(backward))


def _take(look: Tree, neighbour: Tree) -> Tree | None:
    """`neighbour` with what `look` asks of it, if both are about one character."""
    assert isinstance(look.op, Look)
    asked, chars = one_character(look.children[0]), one_character(neighbour)
    if asked is None or chars is None:
        return None
    others = negate(chars)
    return Tree(Chars(negate(union(others, asked if look.op.is_negated else negate(asked)))))


def split_conditions(root: Tree, *, search: bool) -> tuple[list[Tree], Tree]:
    """Look-aheads at the start of the text and look-behinds at its end, each to be searched for alone, and the rest.

    `^(?=.{1,253}$)(...)+(?<!-foo)$` is an intersection; its parts are much smaller than their product.
    """
    children = root.children if isinstance(root.op, Concat) else ()
    first = _num_bordering(children, "start")
    last = len(children) - _num_bordering(children[:first:-1], "end")
    has_start, has_end = (any(isinstance(t.op, Anchor) for t in part) for part in (children[:first], children[last:]))
    if search and not has_start:
        first = 0
    if search and not has_end:
        last = len(children)
    start, end = Tree(Anchor("start", 0)), Tree(Anchor("end", 0))
    conditions = [Tree(Concat(2), (start, t)) for t in children[:first] if isinstance(t.op, Look)]
    conditions += [Tree(Concat(2), (t, end)) for t in children[last:] if isinstance(t.op, Look)]
    if not conditions:
        return [], root
    rest = (start,) * has_start + children[first:last] + (end,) * has_end
    return conditions, Tree(Concat(len(rest)), rest) if rest else Tree(Literal(""))


def _num_bordering(parts: Sequence[Tree], border: Either["start", "end"]) -> int:
    """How many parts, in this order, are the anchor of that border or look-around away from it."""
    for index, part in enumerate(parts):
        is_away = isinstance(part.op, Look) and part.op.is_behind == (border == "end")
        if not is_away and not (isinstance(part.op, Anchor) and part.op.kind == border):
            return index
    return len(parts)
