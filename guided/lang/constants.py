"""What of a template is known before any run: definitions, and expressions of literals and definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guided.lang import nodes
from guided.lang.declarations import FrontMatter
from guided.lang.nodes import Expr

__all__ = ["children", "definitions", "is_constant", "names_in"]


def definitions(front: FrontMatter) -> dict[str, Any]:
    """The value of the name `defs`: regexes and grammars as text, schemas as mappings."""
    return {name: definition.value for name, definition in front.defs.items()}


def is_constant(expression: Expr) -> bool:
    """Whether the value is the same in every run: evaluate it over `{"defs": definitions(front)}`."""
    return all(name.name == "defs" for name in names_in(expression)) and not _calls(expression)


def names_in(expression: Expr) -> Iterator[nodes.Name]:
    """Every variable that the expression reads."""
    if isinstance(expression, nodes.Name):
        yield expression
    for child in children(expression):
        yield from names_in(child)


def _calls(expression: Expr) -> bool:
    is_call = isinstance(expression, nodes.Call) and not isinstance(expression.function, nodes.Attribute)
    return is_call or any(_calls(child) for child in children(expression))


def children(node: Expr) -> tuple[Expr, ...]:
    """The expressions directly below a node."""
    match node:
        case nodes.Const() | nodes.Name():
            return ()
        case nodes.Attribute(value=value):
            return (value,)
        case nodes.Item(value=value, key=key):
            return (value, key)
        case nodes.Slice():
            return tuple(p for p in (node.value, node.start, node.stop, node.step) if p is not None)
        case nodes.Call():
            return (node.function, *node.positional, *(k.value for k in node.keywords))
        case nodes.Filter():
            return (node.value, *node.positional, *(k.value for k in node.keywords))
        case nodes.IsTest():
            return (node.value, *node.positional)
        case nodes.Unary(operand=operand):
            return (operand,)
        case nodes.Binary(left=left, right=right):
            return (left, right)
        case nodes.Concat(parts=parts):
            return parts
        case nodes.Compare():
            return (node.first, *(part for _, part in node.rest))
        case nodes.BoolOp(operands=operands):
            return operands
        case nodes.Conditional():
            return tuple(p for p in (node.test, node.then, node.otherwise) if p is not None)
        case nodes.ListExpr(items=items) | nodes.TupleExpr(items=items):
            return items
        case nodes.DictExpr():
            return tuple(part for pair in node.items for part in pair)
