"""Which items of `where` become part of the automaton: those about the text alone, with constant operands.

`len(it) < n`, `"x" in it`, `it in [...]`, `it == "x"`, `it.startswith("x")`, `it.endswith("x")` and `and`, `or`, `not`
of these. The model then cannot write what they refuse. Every other item is evaluated when the hole is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from guided.constraints import AnyText, Choice, Regex
from guided.constraints.constraint import Expression
from guided.lang import nodes
from guided.lang.nodes import Expr

__all__ = ["static_where"]

_LENGTHS: dict[str, Callable[[int], tuple[int, int | None]]] = {
    "<": lambda n: (0, n - 1),
    "<=": lambda n: (0, n),
    "==": lambda n: (n, n),
    ">=": lambda n: (n, None),
    ">": lambda n: (n + 1, None),
}
_MIRRORED = {"<": ">", "<=": ">=", "==": "==", ">=": "<=", ">": "<"}


def static_where(items: Sequence[Expr]) -> tuple[list[Expression], tuple[Expr, ...]]:
    """The constraints of the static items, and the items that are left to be evaluated."""
    found = [(item, _expression(item)) for item in items]
    static = [expression for _, expression in found if expression is not None]
    return static, tuple(item for item, expression in found if expression is None)


def _expression(node: Expr) -> Expression | None:
    match node:
        case nodes.Unary(operator="not", operand=operand):
            return _not(_expression(operand))
        case nodes.BoolOp(operator=operator, operands=operands):
            return _joined(operator, [_expression(operand) for operand in operands])
        case nodes.Compare(first=first, rest=((operator, second),)):
            return _comparison(first, operator, second)
        case nodes.Call(function=nodes.Attribute(value=nodes.Name(name="it"), name=method), positional=(argument,)):
            return _method(method, argument) if not node.keywords else None
    return None


def _not(part: Expression | None) -> Expression | None:
    return None if part is None else _as_expression(~part)


def _joined(operator: str, parts: list[Expression | None]) -> Expression | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if operator == "or":  # by De Morgan: a union that is still one expression
        known = [_as_expression(~part) for part in known]
    whole = known[0]
    for part in known[1:]:
        whole = _as_expression(whole & part)
    return _as_expression(~whole) if operator == "or" else whole


def _comparison(first: Expr, operator: str, second: Expr) -> Expression | None:
    match first, operator, second:
        case (nodes.Const(value=str(text)), "in", nodes.Name(name="it")):
            return _containing(text)
        case (nodes.Const(value=str(text)), "not in", nodes.Name(name="it")):
            return _not(_containing(text))
        case (nodes.Name(name="it"), "in" | "not in", nodes.ListExpr(items=items) | nodes.TupleExpr(items=items)):
            texts = [item.value for item in items if isinstance(item, nodes.Const) and isinstance(item.value, str)]
            if not texts or len(texts) < len(items):
                return None
            choice = Choice(dict.fromkeys(texts))
            return choice if operator == "in" else _not(choice)
        case (nodes.Name(name="it"), "==" | "!=", nodes.Const(value=str(text))):
            return Choice([text]) if operator == "==" else _not(Choice([text]))
        case (nodes.Const(value=str()), "==" | "!=", nodes.Name(name="it")):
            return _comparison(second, operator, first)
    if _is_length(first) and isinstance(second, nodes.Const):
        return _length(operator, second.value)
    if _is_length(second) and isinstance(first, nodes.Const) and operator != "!=":
        return _length(_MIRRORED.get(operator, ""), first.value)
    return None


def _is_length(node: Expr) -> bool:
    """`len(it)` or `it | length`."""
    match node:
        case nodes.Call(function=nodes.Name(name="len"), positional=(nodes.Name(name="it"),), keywords=()):
            return True
        case nodes.Filter(value=nodes.Name(name="it"), name="length" | "count", positional=(), keywords=()):
            return True
    return False


def _length(operator: str, value: object) -> Expression | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    if operator == "!=":
        return _not(AnyText(value, value))
    bounds = _LENGTHS.get(operator)
    if bounds is None:
        return None
    low, high = bounds(value)
    return AnyText(low, high) if high is None or high >= low else _not(AnyText())


def _method(method: str, argument: Expr) -> Expression | None:
    if not (isinstance(argument, nodes.Const) and isinstance(argument.value, str)):
        return None
    text = re.escape(argument.value)
    if method == "startswith":
        return Regex(rf"{text}[\s\S]*")
    if method == "endswith":
        return Regex(rf"[\s\S]*{text}")
    return None


def _containing(text: str) -> Expression:
    return Regex(rf"[\s\S]*{re.escape(text)}[\s\S]*") if text else AnyText()


def _as_expression(made: object) -> Expression:
    assert isinstance(made, Expression)
    return made
