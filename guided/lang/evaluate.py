"""The value of an expression over a scope.

Pure but for the tools and functions that the expression calls. Whatever goes wrong is a `TemplateRuntimeError` at the
span of the smallest expression that is at fault. Recursion is as deep as the expression, which the parser bounds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from guided.errors import GuidedError, TemplateError, ToolError
from guided.lang import nodes
from guided.lang.filters import FILTERS
from guided.lang.functions import BUILTINS
from guided.lang.methods import METHOD_NAMES, method_of
from guided.lang.nodes import Expr
from guided.lang.problems import runtime_error, suggest
from guided.lang.tests import TESTS
from guided.lang.values import (
    MAX_RANGE,
    Function,
    Undefined,
    ValueProblem,
    attribute_of,
    bounded,
    defined,
    item_of,
    to_text,
)
from guided.source import Source, Span
from guided.tools import Tool

__all__ = ["evaluate", "evaluate_text"]

MAX_BITS = 8_192
"""How large an integer may become by multiplication or powers."""

_SEES_UNDEFINED = ("default", "d")
_FAILURES = (ValueProblem, TypeError, ValueError, ArithmeticError, LookupError, RecursionError, AttributeError)


def evaluate(expression: Expr, scope: Mapping[str, Any], source: Source) -> Any:
    """The value of `expression`, its names looked up in `scope` and then among the functions of the language.

    May be `Undefined`, which is false and an error to print: `guided.lang.to_text` says which.
    """
    return _Evaluator(scope, source).value(expression)


def evaluate_text(expression: Expr, scope: Mapping[str, Any], source: Source) -> str:
    """What `{{ expression }}` prints."""
    evaluator = _Evaluator(scope, source)
    return evaluator.attempt(expression.span, to_text, evaluator.value(expression))  # type: ignore[no-any-return]


class _Evaluator:
    def __init__(self, scope: Mapping[str, Any], source: Source) -> None:
        self.scope = scope
        self.source = source

    def value(self, node: Expr) -> Any:
        return _EVALUATE[type(node)](self, node)

    def used(self, node: Expr) -> Any:
        """The value of `node`, which must be defined."""
        return self.attempt(node.span, defined, self.value(node))

    def attempt(self, span: Span, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call `function`; its failure is an error at `span`."""
        try:
            return function(*arguments, **named)
        except GuidedError as error:
            if isinstance(error, TemplateError):
                raise
            raise runtime_error(self.source, span, str(error)) from error
        except ValueProblem as problem:
            raise runtime_error(self.source, span, str(problem), help=problem.help) from problem
        except _FAILURES as error:
            raise runtime_error(self.source, span, f"this cannot be computed: {error}") from error

    # One method per node.

    def const(self, node: nodes.Const) -> Any:
        return node.value

    def name(self, node: nodes.Name) -> Any:
        if node.name in self.scope:
            return self.scope[node.name]
        if node.name in BUILTINS:
            return BUILTINS[node.name]
        return Undefined(f"'{node.name}' has no value here")

    def attribute(self, node: nodes.Attribute) -> Any:
        return self.attempt(node.span, attribute_of, self.value(node.value), node.name)

    def item(self, node: nodes.Item) -> Any:
        return self.attempt(node.span, item_of, self.value(node.value), self.value(node.key))

    def slice(self, node: nodes.Slice) -> Any:
        value = self.used(node.value)
        if not isinstance(value, str | list | tuple | range):
            self.fail(node.span, "only a text or a list can be sliced")
        parts = [None if part is None else self.used(part) for part in (node.start, node.stop, node.step)]
        return self.attempt(node.span, operator.getitem, value, slice(*parts))

    def call(self, node: nodes.Call) -> Any:
        function = self._callee(node)
        positional = [self.used(a) for a in node.positional]
        named = {k.name: self.used(k.value) for k in node.keywords}
        if isinstance(function, Tool):
            return self._call_tool(function, node, positional, named)
        return self.attempt(node.span, function, *positional, **named)

    def _callee(self, node: nodes.Call) -> Any:
        function = node.function
        if isinstance(function, nodes.Attribute) and function.name in METHOD_NAMES:
            owner = self.used(function.value)
            if method := method_of(owner, function.name):
                return method
        value = self.used(function)
        if isinstance(value, Function):
            return value.call
        if isinstance(value, Tool):
            return value
        return self.fail(function.span, "this is not a function", "only declared functions and tools can be called")

    def _call_tool(self, tool: Tool, node: nodes.Call, positional: list[Any], named: dict[str, Any]) -> Any:
        """A tool's own failure is text for the model to read; a call that the template got wrong raises."""
        if len(positional) > 1:
            self.fail(node.positional[1].span, "a tool takes its arguments as one mapping, or by name")
        try:
            return tool(*positional, **named)
        except ToolError as error:
            return f"Error: {error}"

    def filter(self, node: nodes.Filter) -> Any:
        function = FILTERS.get(node.name)
        if function is None:
            self.fail(node.name_span, f"unknown filter '{node.name}'", suggest(node.name, FILTERS, "filters"))
        value = self.value(node.value) if node.name in _SEES_UNDEFINED else self.used(node.value)
        positional = [self.value(a) for a in node.positional]
        named = {k.name: self.value(k.value) for k in node.keywords}
        return self.attempt(node.span, function, value, *positional, **named)

    def is_test(self, node: nodes.IsTest) -> Any:
        test = TESTS.get(node.name)
        if test is None:
            self.fail(node.name_span, f"unknown test '{node.name}'", suggest(node.name, TESTS, "tests"))
        arguments = [self.value(a) for a in node.positional]
        outcome = self.attempt(node.span, test, self.value(node.value), *arguments)
        return not outcome if node.is_negated else outcome

    def unary(self, node: nodes.Unary) -> Any:
        if node.operator == "not":
            return not self.value(node.operand)
        function = operator.neg if node.operator == "-" else operator.pos
        return self.attempt(node.span, function, self.used(node.operand))

    def binary(self, node: nodes.Binary) -> Any:
        left, right = self.used(node.left), self.used(node.right)
        return self.attempt(node.span, _BINARY[node.operator], left, right)

    def concat(self, node: nodes.Concat) -> str:
        texts = [self.attempt(part.span, to_text, self.value(part)) for part in node.parts]
        self.attempt(node.span, bounded, sum(map(len, texts)))
        return "".join(texts)

    def compare(self, node: nodes.Compare) -> Any:
        left = self.value(node.first)
        for symbol, part in node.rest:
            right = self.value(part)
            if symbol not in ("==", "!="):
                self.attempt(node.span, defined, left)
                self.attempt(node.span, defined, right)
            if not self.attempt(node.span, _COMPARE[symbol], left, right):
                return False
            left = right
        return True

    def bool_op(self, node: nodes.BoolOp) -> Any:
        value = None
        for operand in node.operands:
            value = self.value(operand)
            if bool(value) == (node.operator == "or"):
                break
        return value

    def conditional(self, node: nodes.Conditional) -> Any:
        if self.value(node.test):
            return self.value(node.then)
        if node.otherwise is None:
            return Undefined("this 'if' is false and has no 'else'", is_silent=True)
        return self.value(node.otherwise)

    def list_expr(self, node: nodes.ListExpr) -> Any:
        return [self.used(item) for item in node.items]

    def tuple_expr(self, node: nodes.TupleExpr) -> Any:
        return tuple(self.used(item) for item in node.items)

    def dict_expr(self, node: nodes.DictExpr) -> Any:
        pairs = [(self.used(key), self.used(value)) for key, value in node.items]
        return self.attempt(node.span, dict, pairs)

    def fail(self, span: Span, message: str, help: str = "") -> NoReturn:
        raise runtime_error(self.source, span, message, help=help)


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) != isinstance(right, str):
        raise ValueProblem("a text and something else cannot be added", "join them with ~")
    if isinstance(left, str | list | tuple):
        bounded(len(left) + len(right))
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and isinstance(other, int):
            limit = {} if isinstance(one, str) else {"what": "this list", "limit": MAX_RANGE}
            bounded(len(one) * max(other, 0), **limit)  # type: ignore[arg-type]
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_BITS:
        raise ValueProblem("this number would be too large")
    return left * right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MAX_BITS:
        raise ValueProblem("this number would be too large")
    return left**right


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        raise ValueProblem("'%' does not format a text", "join the parts with ~")
    return left % right


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": operator.sub,
    "*": _multiply,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": _modulo,
    "**": _power,
}

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}

_EVALUATE: dict[type, Callable[[_Evaluator, Any], Any]] = {
    nodes.Const: _Evaluator.const,
    nodes.Name: _Evaluator.name,
    nodes.Attribute: _Evaluator.attribute,
    nodes.Item: _Evaluator.item,
    nodes.Slice: _Evaluator.slice,
    nodes.Call: _Evaluator.call,
    nodes.Filter: _Evaluator.filter,
    nodes.IsTest: _Evaluator.is_test,
    nodes.Unary: _Evaluator.unary,
    nodes.Binary: _Evaluator.binary,
    nodes.Concat: _Evaluator.concat,
    nodes.Compare: _Evaluator.compare,
    nodes.BoolOp: _Evaluator.bool_op,
    nodes.Conditional: _Evaluator.conditional,
    nodes.ListExpr: _Evaluator.list_expr,
    nodes.TupleExpr: _Evaluator.tuple_expr,
    nodes.DictExpr: _Evaluator.dict_expr,
}
