"""Look-around that is next to the one character it sees, put into that character: `(?!x).` is `[^x]`.

This makes the commonest loops with look-around plain, `(?:(?!x).)*`, and leading look-aheads conditions of their own.
"""

from __future__ import annotations

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
    """Look-aheads at the start of the whole text, each to be searched for on its own, and the rest.

    `^(?=.{1,253}$)(...)+$` is an intersection; its parts are much smaller than their product.
    """
    children = root.children if isinstance(root.op, Concat) else ()
    anchors: list[Tree] = []
    looks: list[Tree] = []
    for child in children:
        if isinstance(child.op, Anchor) and child.op.kind == "start":
            anchors.append(child)
        elif isinstance(child.op, Look) and not child.op.is_behind:
            looks.append(child)
        else:
            break
    rest = children[len(anchors) + len(looks) :]
    if not looks or not rest or (search and not anchors):
        return [], root
    start = Tree(Anchor("start", 0))
    return [Tree(Concat(2), (start, look)) for look in looks], Tree(Concat(1 + len(rest)), (start, *rest))
