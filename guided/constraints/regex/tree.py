"""A program as a tree, for what has to go from the outside in. Sub-trees may be shared; nothing here recurses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guided.constraints.regex.nodes import Alternate, Anchor, Backref, Concat, Group, Look, Op, Repeat

__all__ = ["Tree", "build_tree", "flatten", "postorder"]


_ASKS = (Anchor, Look, Backref)  # of what stands around them


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """An instruction and its operands; two trees are equal only if they are one."""

    op: Op
    children: tuple[Tree, ...] = ()

    @property
    def is_empty_match(self) -> bool:
        """Whether the instruction itself asks about what stands around it."""
        return isinstance(self.op, _ASKS)


def build_tree(ops: Sequence[Op]) -> Tree:
    """The tree of a program with one operand."""
    stack: list[Tree] = []
    for op in ops:
        match op:
            case Concat(count) | Alternate(count):
                stack[-count:] = [Tree(op, tuple(stack[-count:]))]
            case Repeat() | Look() | Group():
                stack[-1] = Tree(op, (stack[-1],))
            case _:
                stack.append(Tree(op))
    return stack[0]


def postorder(root: Tree) -> list[Tree]:
    """Every sub-tree once, operands before what uses them."""
    order: list[Tree] = []
    seen: set[Tree] = set()
    pending = [(root, False)]
    while pending:
        tree, is_ready = pending.pop()
        if is_ready:
            order.append(tree)
        elif tree not in seen:
            seen.add(tree)
            pending.append((tree, True))
            pending.extend((child, False) for child in tree.children)
    return order


def flatten(root: Tree) -> tuple[Op, ...]:
    """The program of a tree; shared sub-trees are put out as often as they are used."""
    backwards: list[Op] = []
    pending = [root]
    while pending:
        tree = pending.pop()
        backwards.append(tree.op)
        pending.extend(tree.children)
    return tuple(reversed(backwards))
