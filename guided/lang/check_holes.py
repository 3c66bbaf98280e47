"""What can be said of a hole's arguments, and of the named regexes, grammars and schemas, before any run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from guided.constraints import Grammar, JsonSchema, Regex
from guided.errors import ConstraintError, InvalidGrammar, InvalidRegex
from guided.lang import nodes
from guided.lang.check_expressions import ExpressionChecker
from guided.lang.declarations import Definition
from guided.lang.frontmatter import kind_problem
from guided.lang.holes import ARGUMENTS, TYPES, HoleArgument
from guided.lang.names_in_scope import Binding
from guided.lang.plain_schema import is_plain
from guided.lang.problems import suggest, syntax_error
from guided.lang.strings import STRING_START, string_offset
from guided.source import Source, Span

__all__ = ["check_definition", "check_hole"]

_NEEDS_STOP = ("keep_stop",)


def check_definition(definition: Definition, source: Source) -> None:
    """Raise where a named regex, grammar or schema is invalid, at the character at fault if that can be told."""
    if definition.kind == "regex":
        _check_regex(definition.value, definition.span, source, definition.name)
    elif definition.kind == "grammar":
        _check_grammar(definition.value, definition.span, source, definition.name)
    else:
        _check_schema(definition.value, definition.span, source)


def check_hole(hole: nodes.Hole, expressions: ExpressionChecker) -> None:
    """Raise `TemplateSyntaxError` for an argument that cannot be right."""
    source = expressions.source
    _HoleChecker(hole, expressions, source).run()


class _HoleChecker:
    def __init__(self, hole: nodes.Hole, expressions: ExpressionChecker, source: Source) -> None:
        self.hole = hole
        self.expressions = expressions
        self.source = source

    def run(self) -> None:
        for argument in self.hole.arguments:
            self._argument(argument, ARGUMENTS[argument.name])
        self._together()

    def _argument(self, argument: nodes.Argument, kind: HoleArgument) -> None:
        if not kind.runs:
            self._fail(argument.name_span, f"'{argument.name}' is not supported yet")
        if kind.kind == "type":
            self._type(argument)
            return
        if kind.kind == "predicates":
            with self.expressions.names.inside({"it": Binding("special")}):
                self.expressions.check(argument.value)
            return
        self.expressions.check(argument.value)
        value = self.expressions.constant(argument.value)
        if value is ExpressionChecker.ABSENT:
            return
        problem = kind_problem(kind, value)
        if problem:
            self._fail(argument.value.span, f"'{argument.name}' {problem}")
        self._value(argument, kind, value)

    def _value(self, argument: nodes.Argument, kind: HoleArgument, value: Any) -> None:
        """Look into a value that is known now and of the right kind."""
        is_defined_above = isinstance(argument.value, nodes.Attribute)  # defs.name: looked into where it stands
        if kind.kind == "options":
            self._options(argument.value, value)
        elif argument.name in ("regex", "stop_regex") and not is_defined_above:
            _check_regex(value, argument.value.span, self.source)
        elif argument.name == "grammar" and not is_defined_above:
            _check_grammar(value, argument.value.span, self.source)
        elif kind.kind == "schema":
            if not isinstance(value, Mapping | bool):
                self._fail(argument.value.span, "'json' is a JSON Schema", help='write json={"type": "object", ...}')
            if not is_defined_above:
                _check_schema(value, argument.value.span, self.source, argument.value)

    def _type(self, argument: nodes.Argument) -> None:
        name = self.hole.type_name
        if name is None:
            self._fail(argument.value.span, "'type' is the name of a type", help=f"the types are {', '.join(TYPES)}")
        if name not in TYPES:
            spelled = {"integer": "int", "float": "number", "boolean": "bool", "str": "string", "text": "string"}
            help = suggest(spelled.get(name, name), TYPES, "types")
            self._fail(argument.value.span, f"unknown type '{name}'", help=help)

    def _options(self, expression: nodes.Expr, options: Any) -> None:
        if not isinstance(options, list | tuple | Mapping) or not options:
            self._fail(expression.span, "the options of a 'select' are a list of texts", help='write ["yes", "no"]')
        seen: set[str] = set()
        for index, option in enumerate(options):
            span = expression.span
            if isinstance(expression, nodes.ListExpr | nodes.TupleExpr):
                span = expression.items[index].span
            if not isinstance(option, str | int | float | None):
                self._fail(span, f"an option is a text, a number or a boolean, not {option!r}")
            text = option if isinstance(option, str) else str(option).lower()
            if not text:
                self._fail(span, "an option cannot be empty")
            if text in seen:
                self._fail(span, f"the option {option!r} is given twice")
            seen.add(text)

    def _together(self) -> None:
        """What arguments say about each other."""
        hole = self.hole
        if hole.kind == "select" and hole.argument("options") is None:
            help = f'write select("{hole.name}", ["yes", "no"])'
            self._fail(hole.span, "this 'select' has no options", help=help)
        for name in _NEEDS_STOP:
            if hole.argument(name) is not None and not (hole.argument("stop") or hole.argument("stop_regex")):
                span = next(a.name_span for a in hole.arguments if a.name == name)
                self._fail(span, f"'{name}' without a stop", help="give stop= or stop_regex= too")

    def _fail(self, span: Span, message: str, help: str = "") -> NoReturn:
        raise syntax_error(self.source, span, message, help=help)


def _check_regex(pattern: str, span: Span, source: Source, name: str = "") -> None:
    try:
        Regex(pattern)
    except InvalidRegex as error:
        at = _offset_in(source, span, error.position)
        which = f"the regex '{name}'" if name else "this regex"
        place = Span(at, at + 1) if at is not None else span
        raise syntax_error(source, place, f"{which} is not valid: {error.reason}") from error


def _check_grammar(text: str, span: Span, source: Source, name: str = "") -> None:
    try:
        Grammar(text)
    except InvalidGrammar as error:
        found = error.diagnostic
        at = _offset_in(source, span, found.span.start)
        if at is None:
            at = _offset_in_block(source, span, text, error.line, error.column)
        which = f"the grammar '{name}'" if name else "this grammar"
        where = f" (line {error.line} of it)" if at is None and "\n" in text else ""
        place = span if at is None else Span(at, at + max(1, min(found.span.end - found.span.start, span.end - at)))
        message = f"{which} is not valid{where}: {error.reason}"
        raise syntax_error(source, place, message, found.label if at is None else "", help=found.help) from error


def _offset_in_block(source: Source, span: Span, text: str, line: int, column: int) -> int | None:
    """Where a place of a text stands if it is written as a block, as YAML has them: `|`, then lines further in."""
    lines = source.text[span.start : span.end].split("\n")
    if not lines[0].startswith("|") or line >= len(lines):
        return None
    wanted = text.split("\n")[line - 1]
    if not lines[line].endswith(wanted):
        return None
    before = sum(len(other) + 1 for other in lines[:line])
    return span.start + before + len(lines[line]) - len(wanted) + column - 1


def _offset_in(source: Source, span: Span, position: int) -> int | None:
    """Where character `position` of a text stands in the source: in a string of the template, or of the YAML."""
    text = source.text[span.start : span.end]
    is_front_matter = source.text.startswith("---") and span.start < source.text.find("\n---", 3)
    if not is_front_matter:
        return string_offset(source, span, position) if STRING_START.match(text) else None
    quoted = text[:1] in ("'", '"')
    inner = text[1:-1] if quoted else text
    if "\n" in inner or (quoted and (text[0] in inner or ("\\" in inner and text[0] == '"'))):
        return None
    return min(span.start + quoted + position, span.end - 1)


def _check_schema(schema: Any, span: Span, source: Source, literal: nodes.Expr | None = None) -> None:
    """Raise where the schema breaks its own standard; what cannot be enforced is found when holes are compiled."""
    if is_plain(schema):
        return
    import jsonschema

    try:
        JsonSchema(schema)
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
    except ConstraintError as error:
        raise syntax_error(source, span, str(error)) from error
    except jsonschema.SchemaError as error:
        pointer = "".join(f"/{part}" for part in error.absolute_path)
        message = f"this is not a valid JSON Schema: at {pointer or '/'}, {error.message}"
        place = span if literal is None else _span_at(literal, error.absolute_path)
        raise syntax_error(source, place, message) from error


def _span_at(literal: nodes.Expr, path: Iterable[str | int]) -> Span:
    """The span of the part of a literal that a path of keys and indices leads to, as far as it is spelled out."""
    for step in path:
        if isinstance(literal, nodes.DictExpr):
            keys = [key.value if isinstance(key, nodes.Const) else None for key, _ in literal.items]
            parts = [value for _, value in literal.items]
        elif isinstance(literal, nodes.ListExpr):
            keys, parts = list(range(len(literal.items))), list(literal.items)
        else:
            break
        if step not in keys:
            break
        literal = parts[keys.index(step)]
    return literal.span
