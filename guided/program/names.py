"""What a piece of a template reads, and whether it may call something that acts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from guided.lang import nodes
from guided.lang.methods import METHOD_NAMES
from guided.lang.names import FUNCTIONS

__all__ = ["Reads", "reads_of", "walk"]


@dataclass(frozen=True, slots=True)
class Reads:
    """The variables that are read; `calls`: a tool, a declared function or a macro may be called."""

    names: frozenset[str] = frozenset()
    calls: bool = False


def reads_of(*roots: object) -> Reads:
    """Of expressions and nodes, all that is below them included."""
    found = list(walk(*roots))
    names = frozenset(node.name for node in found if isinstance(node, nodes.Name))
    return Reads(names, any(_acts(node) for node in found if isinstance(node, nodes.Call)))


def walk(*roots: object) -> Iterator[object]:
    """Every node below `roots`, they included."""
    stack: list[object] = list(roots)
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            stack.extend(item)
        elif dataclasses.is_dataclass(item) and not isinstance(item, type):
            yield item
            stack.extend(getattr(item, field.name) for field in dataclasses.fields(item))


def _acts(call: nodes.Call) -> bool:
    """Whether it calls anything but a method of a value or a function of the language."""
    function = call.function
    is_method = isinstance(function, nodes.Attribute) and function.name in METHOD_NAMES
    is_builtin = isinstance(function, nodes.Name) and function.name in FUNCTIONS
    return not (is_method or is_builtin)
