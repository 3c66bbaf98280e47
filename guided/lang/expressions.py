"""Expressions, by recursive descent, with Jinja's precedence.

From loosest to tightest: `a if b else c`, `or`, `and`, `not`, comparisons and `in`, `+ -`, `~`, `* / // %`, `**` (from
left to right), sign, then filters, `is` tests, calls, attributes and items. A sign binds tighter than `**` and looser
than a filter's argument list, as in Jinja. Depth is limited, so that no later walk over the nodes can overflow.
"""

from __future__ import annotations

from typing import Any, TypeVar

from guided.lang import nodes
from guided.lang.nodes import Expr
from guided.lang.stream import TokenStream
from guided.lang.tokens import Token, describe
from guided.source import Span

__all__ = ["HOLE_NAMES", "MAX_DEPTH", "ExpressionParser"]

_Made = TypeVar("_Made", bound=Expr)

MAX_DEPTH = 40
"""How deep brackets and operators may nest in one expression."""

HOLE_NAMES = ("gen", "select")
_OR, _AND, _NOT, _COMPARISON, _SUM, _CONCAT, _PRODUCT, _POWER = range(1, 9)
_LEVELS = {"or": _OR, "and": _AND, "in": _COMPARISON, "~": _CONCAT, "**": _POWER}
_LEVELS |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), _COMPARISON)
_LEVELS |= dict.fromkeys("+-", _SUM) | dict.fromkeys(("*", "/", "//", "%"), _PRODUCT)
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
_WORDS = ("and", "or", "not", "in", "is", "if", "else")


class ExpressionParser:
    """Reads expressions from a token stream."""

    def __init__(self, stream: TokenStream) -> None:
        self.stream = stream
        self._level = 0
        self._depths: dict[int, int] = {}  # by id of node: how deep the tree below it is
        self._made: list[Any] = []  # keeps those ids alive

    def expression(self) -> Expr:
        """One whole expression."""
        self._enter()
        value = self._operation(_OR)
        while self.stream.take_name("if"):
            test = self._operation(_OR)
            otherwise = self.expression() if self.stream.take_name("else") else None
            span = value.span.to((otherwise or test).span)
            value = self._made_of(nodes.Conditional(test, value, otherwise, span), value, test, otherwise)
        self._level -= 1
        return value

    def without_condition(self) -> Expr:
        """An expression that ends before `if`: what a `for` loop iterates over."""
        return self._operation(_OR)

    def arguments(self, closing: str) -> tuple[tuple[Expr, ...], tuple[nodes.Argument, ...]]:
        """Arguments up to `closing`, an operator or `%}`, which is passed."""
        positional: list[Expr] = []
        keywords: list[nodes.Argument] = []
        while not self._closes(closing):
            if positional or keywords:
                self.stream.expect_operator(",", f"separate arguments with ',' or close with '{closing}'")
                if self._closes(closing):
                    break
            self._argument(positional, keywords)
        return tuple(positional), tuple(keywords)

    def _closes(self, closing: str) -> bool:
        if closing == "%}" and self.stream.current.kind == "tag_end":
            self.stream.take()
            return True
        return self.stream.take_operator(closing) is not None

    def _argument(self, positional: list[Expr], keywords: list[nodes.Argument]) -> None:
        token = self.stream.current
        if token.is_operator("*", "**"):
            self.stream.fail(f"'{token.value}' cannot unpack arguments here", "write the arguments one by one")
        if token.kind == "name" and self.stream.following.is_operator("="):
            argument = self.keyword()
            if any(argument.name == k.name for k in keywords):
                self.stream.fail(f"'{argument.name}' is given twice", span=argument.name_span)
            keywords.append(argument)
        elif keywords:
            self.stream.fail(
                "a positional argument after a keyword argument", f"name it, or put it before {keywords[0].name}="
            )
        else:
            positional.append(self.expression())

    def keyword(self) -> nodes.Argument:
        """`name=value`."""
        name = self.stream.take()
        self.stream.expect_operator("=")
        value = self.expression()
        return nodes.Argument(str(name.value), value, name.span.to(value.span), name.span)

    def _operation(self, loosest: int) -> Expr:
        """Operands joined by operators that bind at least as tightly as level `loosest`."""
        left = self._negation() if loosest <= _NOT else self._unary()
        while True:
            token = self.stream.current
            level = self._level_of(token)
            if level is None or level < loosest:
                return left
            if level <= _AND:
                left = self._joined(left, level)
            elif level == _COMPARISON:
                left = self._comparison(left)
            elif level == _CONCAT:
                left = self._concat(left)
            else:
                operator: Any = self.stream.take().value
                right = self._operation(level + 1)
                left = self._made_of(nodes.Binary(operator, left, right, left.span.to(right.span)), left, right)

    def _level_of(self, token: Token) -> int | None:
        if token.is_operator("="):
            self.stream.fail("'=' does not compare", "write '==' to compare")
        if token.is_name("not"):
            return _COMPARISON if self.stream.following.is_name("in") else None
        return _LEVELS.get(str(token.value)) if token.kind in ("name", "operator") else None

    def _joined(self, left: Expr, level: int) -> Expr:
        word: Any = self.stream.current.value
        operands = [left]
        while self.stream.take_name(word):
            operands.append(self._operation(level + 1))
        return self._made_of(nodes.BoolOp(word, tuple(operands), left.span.to(operands[-1].span)), *operands)

    def _negation(self) -> Expr:
        operators = []
        while token := self.stream.take_name("not"):
            operators.append(token)
        value = self._operation(_COMPARISON) if operators else self._unary()
        for token in reversed(operators):
            value = self._made_of(nodes.Unary("not", value, token.span.to(value.span)), value)
        return value

    def _comparison(self, first: Expr) -> Expr:
        rest: list[tuple[str, Expr]] = []
        while self._level_of(self.stream.current) == _COMPARISON:
            operator = str(self.stream.take().value)
            if operator == "not":
                self.stream.take()
                operator = "not in"
            rest.append((operator, self._operation(_COMPARISON + 1)))
        span = first.span.to(rest[-1][1].span)
        return self._made_of(nodes.Compare(first, tuple(rest), span), first, *(e for _, e in rest))

    def _concat(self, left: Expr) -> Expr:
        parts = [left]
        while self.stream.take_operator("~"):
            parts.append(self._operation(_CONCAT + 1))
        return self._made_of(nodes.Concat(tuple(parts), left.span.to(parts[-1].span)), *parts)

    def _unary(self) -> Expr:
        signs = []
        while token := self.stream.take_operator("-", "+"):
            signs.append(token)
        value = self._postfix(self._primary())
        for token in reversed(signs):
            operator: Any = token.value
            value = self._made_of(nodes.Unary(operator, value, token.span.to(value.span)), value)
        return self._filtered(value)

    def _primary(self) -> Expr:
        token = self.stream.current
        if token.kind == "name":
            return self._name(token)
        if token.kind == "string":
            return self._string()
        if token.kind == "number":
            self.stream.take()
            return self._made_of(nodes.Const(token.value, token.span))
        if token.is_operator("("):
            return self._parenthesised()
        if token.is_operator("["):
            return self._list()
        if token.is_operator("{"):
            return self._dict()
        return self.stream.fail(f"expected a value, found {describe(token)}")

    def _name(self, token: Token) -> Expr:
        name = str(token.value)
        if name in _WORDS:
            self.stream.fail(f"expected a value, found '{name}'")
        self.stream.take()
        if name in _CONSTANTS:
            return self._made_of(nodes.Const(_CONSTANTS[name], token.span))
        if name in HOLE_NAMES and self.stream.current.is_operator("("):
            message = f"'{name}' makes a hole, and a hole stands alone in {{{{ }}}}"
            self.stream.fail(message, f'write {{{{ {name}("x", ...) }}}} first, then use x', token.span)
        return self._made_of(nodes.Name(name, token.span))

    def _string(self) -> Expr:
        tokens = [self.stream.take()]
        while self.stream.current.kind == "string":
            tokens.append(self.stream.take())
        text = "".join(str(t.value) for t in tokens)
        return self._made_of(nodes.Const(text, tokens[0].span.to(tokens[-1].span)))

    def _parenthesised(self) -> Expr:
        start = self.stream.take().span
        items, is_tuple = [], False
        while not self.stream.current.is_operator(")"):
            items.append(self.expression())
            if not self.stream.take_operator(","):
                break
            is_tuple = True
        end = self.stream.expect_operator(")").span
        if is_tuple or not items:
            return self._made_of(nodes.TupleExpr(tuple(items), start.to(end)), *items)
        return items[0]

    def _list(self) -> Expr:
        start = self.stream.take().span
        items: list[Expr] = []
        while not self.stream.current.is_operator("]"):
            items.append(self.expression())
            if not self.stream.take_operator(","):
                break
        end = self.stream.expect_operator("]", "separate items with ','").span
        return self._made_of(nodes.ListExpr(tuple(items), start.to(end)), *items)

    def _dict(self) -> Expr:
        start = self.stream.take().span
        items: list[tuple[Expr, Expr]] = []
        while not self.stream.current.is_operator("}"):
            key = self.expression()
            self.stream.expect_operator(":", 'a mapping is written {"key": value}')
            items.append((key, self.expression()))
            if not self.stream.take_operator(","):
                break
        end = self.stream.expect_operator("}", "separate entries with ','").span
        parts = [part for item in items for part in item]
        return self._made_of(nodes.DictExpr(tuple(items), start.to(end)), *parts)

    # What may follow a value.

    def _postfix(self, value: Expr) -> Expr:
        while True:
            if self.stream.take_operator("."):
                value = self._attribute(value)
            elif self.stream.take_operator("["):
                value = self._subscript(value)
            elif self.stream.current.is_operator("("):
                value = self._call(value)
            else:
                return value

    def _filtered(self, value: Expr) -> Expr:
        while True:
            if self.stream.take_operator("|"):
                value = self.filter(value)
            elif self.stream.current.is_name("is"):
                value = self._test(value)
            elif self.stream.current.is_operator("("):
                value = self._call(value)
            else:
                return value

    def _attribute(self, value: Expr) -> Expr:
        token = self.stream.current
        if token.kind == "number" and isinstance(token.value, int):
            self.stream.take()
            key = nodes.Const(token.value, token.span)
            return self._made_of(nodes.Item(value, key, value.span.to(token.span)), value)
        name = self.stream.expect_name("a name after '.'")
        node = nodes.Attribute(value, str(name.value), value.span.to(name.span), name.span)
        return self._made_of(node, value)

    def _subscript(self, value: Expr) -> Expr:
        parts: list[Expr | None] = [None if self.stream.current.is_operator(":") else self.expression()]
        while len(parts) < 3 and self.stream.take_operator(":"):
            parts.append(None if self.stream.current.is_operator(":", "]") else self.expression())
        end = self.stream.expect_operator("]").span
        span = value.span.to(end)
        if len(parts) == 1 and parts[0] is not None:
            return self._made_of(nodes.Item(value, parts[0], span), value, parts[0])
        start, stop, step = [*parts, None, None][:3]
        return self._made_of(nodes.Slice(value, start, stop, step, span), value, *parts)

    def _call(self, function: Expr) -> Expr:
        self.stream.expect_operator("(")
        positional, keywords = self.arguments(")")
        span = function.span.to(self.stream.previous.span)
        node = nodes.Call(function, positional, keywords, span)
        return self._made_of(node, function, *positional, *(k.value for k in keywords))

    def filter(self, value: Expr) -> Expr:
        """The filter after `|`, applied to `value`."""
        name = self.stream.expect_name("the name of a filter")
        positional, keywords = self.arguments(")") if self.stream.take_operator("(") else ((), ())
        span = value.span.to(self.stream.previous.span)
        node = nodes.Filter(value, str(name.value), positional, keywords, span, name.span)
        return self._made_of(node, value, *positional, *(k.value for k in keywords))

    def _test(self, value: Expr) -> Expr:
        self.stream.take()
        is_negated = self.stream.take_name("not") is not None
        name = self.stream.expect_name("the name of a test after 'is'")
        positional = self._test_arguments()
        span = value.span.to(self.stream.previous.span)
        node = nodes.IsTest(value, str(name.value), positional, is_negated, span, name.span)
        return self._made_of(node, value, *positional)

    def _test_arguments(self) -> tuple[Expr, ...]:
        token = self.stream.current
        if self.stream.take_operator("("):
            positional, keywords = self.arguments(")")
            if keywords:
                self.stream.fail("a test takes no keyword arguments", span=keywords[0].span)
            return positional
        if token.is_name("is"):
            self.stream.fail("tests cannot be chained", "write 'a is b and a is c'")
        starts_value = token.kind in ("string", "number") or token.is_operator("[", "{")
        if starts_value or (token.kind == "name" and token.value not in _WORDS):
            return (self._postfix(self._primary()),)
        return ()

    # Depth.

    def _enter(self) -> None:
        self._level += 1
        if self._level > MAX_DEPTH:
            self._too_deep(self.stream.current.span)

    def _made_of(self, node: _Made, *parts: Expr | None) -> _Made:
        """`node`, after a look at how deep the tree below it is."""
        depth = 1 + max((self._depths.get(id(part), 0) for part in parts if part is not None), default=0)
        if depth > MAX_DEPTH:
            self._too_deep(node.span)
        self._depths[id(node)] = depth
        self._made.append(node)
        return node

    def _too_deep(self, span: Span) -> None:
        start = Span(span.start, span.start + 1)
        self.stream.fail(f"this expression is nested deeper than {MAX_DEPTH}", "split it with {% set %}", start)
