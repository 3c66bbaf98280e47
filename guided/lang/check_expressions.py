"""What can be said of an expression before it is evaluated: its names, filters, tests, calls, and literals."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from guided.errors import TemplateRuntimeError
from guided.lang import nodes
from guided.lang.constants import children, definitions, is_constant
from guided.lang.declarations import TemplateFile
from guided.lang.evaluate import evaluate
from guided.lang.filters import FILTERS
from guided.lang.functions import BUILTINS
from guided.lang.methods import METHOD_NAMES
from guided.lang.names_in_scope import Names
from guided.lang.nodes import Expr
from guided.lang.problems import suggest, syntax_error
from guided.lang.tests import TESTS
from guided.lang.values import LoopInfo
from guided.source import Span

__all__ = ["ExpressionChecker"]

_LOOP_NAMES = (*(f.name for f in dataclasses.fields(LoopInfo)), "cycle")
_SCALARS = ("string", "integer", "number", "boolean", "null")
_ABSENT: Any = object()
_JINJA_FILTERS = {
    "e": "nothing is escaped here; leave it out",
    "escape": "nothing is escaped here; leave it out",
    "format": "join the parts with ~",
    "random": "a run is reproducible; let the model choose with select(...)",
    "attr": "write value.name",
    "pprint": "write | tojson(indent=2)",
}


class ExpressionChecker:
    """Checks expressions of one file against the names that are bound where they stand."""

    def __init__(self, file: TemplateFile, names: Names) -> None:
        self.file = file
        self.source = file.source
        self.names = names
        self.known_later: Mapping[str, Span] = {}  # captures of the whole template: for a better message
        self.in_loop: frozenset[str] = frozenset()  # captures made later in a loop that is open here
        self._defs = {"defs": definitions(file.front)}

    def check(self, expression: Expr) -> None:
        """Raise `TemplateSyntaxError` for what cannot be right."""
        match expression:
            case nodes.Name():
                self._name(expression)
            case nodes.Attribute():
                self._attribute(expression)
            case nodes.Call():
                self._call(expression)
            case nodes.Filter():
                self._filter(expression)
            case nodes.IsTest():
                self._test(expression)
        for child in children(expression):
            if not (isinstance(expression, nodes.Call) and child is expression.function):
                self.check(child)

    def constant(self, expression: Expr) -> Any:
        """The value if it is the same in every run, else `ExpressionChecker.ABSENT`."""
        if not is_constant(expression):
            return _ABSENT
        try:
            return evaluate(expression, self._defs, self.source)
        except TemplateRuntimeError as error:
            d = error.diagnostic
            raise syntax_error(d.source, d.span, d.message, d.label, d.help) from error

    ABSENT = _ABSENT

    def _name(self, node: nodes.Name) -> None:
        name = node.name
        if self.names.find(name) is not None or name in BUILTINS or name == nodes.BLOCK_TEXT or name in self.in_loop:
            return
        if name == "it":
            self._fail(node.span, "'it' is known only in where=[...]")
        if name == "loop":
            self._fail(node.span, "'loop' is known only in a 'for' body")
        if name in self.known_later:
            line, column = self.source.position(self.known_later[name].start)
            self._fail(node.span, f"'{name}' has no value yet", help=f"it is captured after this, at {line}:{column}")
        near = self.names.nearest(name, [*BUILTINS, *self.in_loop])
        help = f"did you mean '{near}'?" if near else "declare it under 'inputs', or set it before"
        self._fail(node.span, f"'{name}' is not defined", help=help)

    def _attribute(self, node: nodes.Attribute) -> None:
        if node.name.startswith("_"):
            self._fail(node.name_span, f"'{node.name}' cannot be read", help="names that start with '_' are private")
        if not isinstance(node.value, nodes.Name):
            return
        owner = node.value.name
        binding = self.names.find(owner)
        if owner in ("defs", "tools") and binding is not None and binding.kind == "special":
            known = self.file.front.defs if owner == "defs" else self.file.front.tools
            self._known(node, known, f"'{owner}' has no '{node.name}'", "definitions" if owner == "defs" else "tools")
        elif owner == "loop" and binding is not None and binding.kind == "special":
            self._known(node, _LOOP_NAMES, f"'loop' has no '{node.name}'", "names")
        elif binding is not None and binding.kind == "input":
            type_ = self.file.front.inputs[owner].type
            if type_ in _SCALARS:
                help = f"to call the method, write {owner}.{node.name}(...)" if node.name in METHOD_NAMES else ""
                self._fail(node.name_span, f"'{owner}' is of type {type_} and has no '{node.name}'", help=help)

    def _known(self, node: nodes.Attribute, known: Iterable[str], message: str, what: str) -> None:
        if node.name not in known:
            self._fail(node.name_span, message, help=suggest(node.name, known, what))

    def _call(self, node: nodes.Call) -> None:
        function = node.function
        match function:
            case nodes.Name(name=name):
                self._called_name(function, name, node)
            case nodes.Attribute(value=value) if _root(value) == "tools" and not isinstance(value, nodes.Attribute):
                self.check(function)
            case nodes.Attribute(name=name, value=value):
                if name not in METHOD_NAMES:
                    help = suggest(name, METHOD_NAMES, "methods")
                    self._fail(function.name_span, f"there is no method '{name}' that may be called", help=help)
                self.check(value)
            case nodes.Item() if _root(function) == "tools":
                self.check(function)
            case _:
                help = "only functions, macros, tools and methods of texts and mappings can be called"
                self._fail(function.span, "this cannot be called", help=help)

    def _called_name(self, function: nodes.Name, name: str, node: nodes.Call) -> None:
        binding = self.names.find(name)
        if binding is None and name in BUILTINS:
            self._signature(BUILTINS[name].call, (), node, f"'{name}'", node.span)
            return
        if binding is None:
            callable_names = [*BUILTINS, *(n for f in self.names.frames for n, b in f.items() if b.kind == "macro")]
            help = suggest(name, callable_names, "functions")
            self._fail(function.span, f"there is no function '{name}'", help=help)
        if binding.kind not in ("macro", "function"):
            kind = "an" if binding.kind == "input" else "a"
            self._fail(function.span, f"'{name}' is {kind} {binding.kind}, not a function")

    def _filter(self, node: nodes.Filter) -> None:
        function = FILTERS.get(node.name)
        if function is None:
            help = _JINJA_FILTERS.get(node.name) or suggest(node.name, FILTERS, "filters")
            self._fail(node.name_span, f"unknown filter '{node.name}'", help=help)
        self._signature(function, (None,), node, f"the filter '{node.name}'", node.name_span)
        for table, names in ((FILTERS, ("map",)), (TESTS, ("select", "reject"))):
            if node.name in names and node.positional:
                self._named_in(table, node.positional[0], "filter" if table is FILTERS else "test")
        if node.name in ("selectattr", "rejectattr") and len(node.positional) > 1:
            self._named_in(TESTS, node.positional[1], "test")

    def _named_in(self, table: Mapping[str, Callable[..., Any]], name: Expr, what: str) -> None:
        if isinstance(name, nodes.Const) and name.value not in table:
            help = suggest(str(name.value), table, f"{what}s")
            self._fail(name.span, f"unknown {what} '{name.value}'", help=help)

    def _test(self, node: nodes.IsTest) -> None:
        test = TESTS.get(node.name)
        if test is None:
            self._fail(node.name_span, f"unknown test '{node.name}'", help=suggest(node.name, TESTS, "tests"))
        given = len(node.positional)
        wanted = len(inspect.signature(test).parameters) - 1
        if given != wanted:
            takes = "nothing after it" if wanted == 0 else "one value after it"
            self._fail(node.name_span, f"the test '{node.name}' takes {takes}, not {given}")

    def _signature(
        self,
        function: Callable[..., Any],
        first: tuple[Any, ...],
        node: nodes.Call | nodes.Filter,
        what: str,
        span: Span,
    ) -> None:
        """Raise if the arguments do not fit the function's parameters."""
        signature = inspect.signature(function)
        names = [p.name for p in signature.parameters.values()][len(first) :]
        takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        for keyword in node.keywords:
            if keyword.name not in names and not takes_any:
                help = suggest(keyword.name, names, "arguments")
                self._fail(keyword.name_span, f"{what} takes no argument '{keyword.name}'", help=help)
        try:
            signature.bind(*first, *node.positional, **{k.name: None for k in node.keywords})
        except TypeError as error:
            self._fail(span, f"{what}: {error}", help=f"its arguments are {', '.join(names)}" if names else "")

    def _fail(self, span: Span, message: str, label: str = "", help: str = "") -> NoReturn:
        raise syntax_error(self.source, span, message, label, help)


def _root(expression: Expr) -> str | None:
    while isinstance(expression, nodes.Attribute | nodes.Item):
        expression = expression.value
    return expression.name if isinstance(expression, nodes.Name) else None
