"""Refuse at compile time what cannot run, and say what a run will capture.

The body is walked in the order of its text with the names that are bound so far; a capture is visible to all that
follows, also outside of its loop, and inside a loop to what comes before it too, from the second round on. Tags and
arguments that are not supported yet are refused here, so whatever passes is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from guided.errors import InputError
from guided.lang import nodes
from guided.lang.captures import CaptureDeclaration, captures_of
from guided.lang.check_expressions import ExpressionChecker
from guided.lang.check_holes import check_definition, check_hole
from guided.lang.declarations import FileTest, TemplateFile
from guided.lang.inputs import bind_inputs
from guided.lang.names import refusal
from guided.lang.names_in_scope import Binding, BindingKind, Names
from guided.lang.nodes import Expr, Node
from guided.lang.problems import suggest, syntax_error
from guided.lang.tags import TAGS
from guided.source import Span

__all__ = ["check"]


_HOLE_FREE = ("set", "filter", "macro")
_NO_ROLE_INSIDE = ("system", "user", "assistant", "tool", "beam", "repeat", "choose", "hidden")
_NO_BEAM_INSIDE = ("beam", "repeat", "choose")


def check(file: TemplateFile) -> dict[str, CaptureDeclaration]:
    """The captures of a template, by name in order of appearance; raises `TemplateSyntaxError`."""
    checker = _Checker(file)
    checker.front_matter()
    checker.body(file.body)
    for test in file.front.tests:
        checker.file_test(test)
    return checker.captures


class _Checker:
    def __init__(self, file: TemplateFile) -> None:
        self.file = file
        self.source = file.source
        self.captures: dict[str, CaptureDeclaration] = {}
        self.names = Names()
        self.expressions = ExpressionChecker(file, self.names)
        self.expressions.known_later = {c.name: c.span for c in reversed(list(captures_of(file.body)))}
        self._inside: list[str] = []  # the tags that are open, outermost first

    def front_matter(self) -> None:
        front = self.file.front
        for declaration in front.functions.values():
            help = "functions cannot be imported yet; declare a tool that the host gives"
            self._fail(declaration.span, "'functions' are not supported yet", help=help)
        for definition in front.defs.values():
            check_definition(definition, self.source)
        for name, declaration_ in front.inputs.items():
            self.names.bind(name, Binding("input", declaration_.span))
        self.names.bind("defs", Binding("special"))
        if front.tools:
            self.names.bind("tools", Binding("special"))

    def body(self, body: Iterable[Node]) -> None:
        for node in body:
            _CHECK[type(node)](self, node)

    # One method per node.

    def text(self, node: nodes.Text) -> None:
        return

    def output(self, node: nodes.Output) -> None:
        self.expressions.check(node.value)

    def hole(self, node: nodes.Hole) -> None:
        for tag in self._inside:
            if tag in _HOLE_FREE:
                message = f"a hole cannot stand in '{tag}'"
                self._fail(
                    node.span, message, help=f"the text of '{tag}' is made without a model; put the hole before it"
                )
        check_hole(node, self.expressions)
        append = node.argument("append")
        if append is not None and not (isinstance(append, nodes.Const) and isinstance(append.value, str)):
            self._fail(append.span, "'append' is a name in quotes", help='write append="steps"')
        for capture in captures_of((node,)):
            self._capture(capture)

    def if_(self, node: nodes.If) -> None:
        for branch in node.branches:
            self.expressions.check(branch.test)
            self.body(branch.body)
        self.body(node.otherwise)

    def for_(self, node: nodes.For) -> None:
        self.expressions.check(node.iterable)
        frame = {name: self._variable(name, node.span) for name in node.targets}
        if node.condition is not None:
            with self.names.inside(dict(frame)):
                self.expressions.check(node.condition)
        with self.names.inside({**frame, "loop": Binding("special")}):
            self._looped("for", node.body)
        self.body(node.otherwise)

    def set_(self, node: nodes.Set) -> None:
        self.expressions.check(node.value)
        if node.attribute is not None:
            if self.names.find(node.targets[0]) is None:
                self.expressions.check(nodes.Name(node.targets[0], node.span))
            return
        for name in node.targets:
            self.names.bind(name, self._variable(name, node.span))

    def set_block(self, node: nodes.SetBlock) -> None:
        self._within("set", node.body, frame={})
        self.expressions.check(node.value)
        self.names.bind(node.target, self._variable(node.target, node.span))

    def filter_block(self, node: nodes.FilterBlock) -> None:
        self.expressions.check(node.value)
        self._within("filter", node.body, frame={})

    def with_(self, node: nodes.With) -> None:
        for binding in node.bindings:
            self.expressions.check(binding.value)
        self._within("with", node.body, {b.name: self._variable(b.name, b.name_span) for b in node.bindings})

    def macro(self, node: nodes.Macro) -> None:
        self._new_name(node.name, node.name_span, "macro")
        self.names.bind(node.name, Binding("macro", node.name_span))
        frame = {}
        for parameter in node.parameters:
            if parameter.default is not None:
                self.expressions.check(parameter.default)
            if parameter.name in frame:
                self._fail(parameter.span, f"two parameters are called '{parameter.name}'")
            frame[parameter.name] = self._variable(parameter.name, parameter.span)
        self._within("macro", node.body, frame)

    def role(self, node: nodes.Role) -> None:
        outer = next((tag for tag in self._inside if tag in (*_NO_ROLE_INSIDE, *_HOLE_FREE)), None)
        if outer is not None:
            self._fail(node.span, f"'{node.role}' cannot stand in '{outer}'", help="a message stands on its own")
        self._within(node.role, node.body)

    def hidden(self, node: nodes.Hidden) -> None:
        self._placed(node.span, "hidden", ("hidden", "beam", "repeat", "choose"))
        self._within("hidden", node.body)

    def repeat(self, node: nodes.Repeat) -> None:
        self._placed(node.span, "repeat", ())
        self._whole("min", node.minimum, 0)
        self._whole("max", node.maximum, 1)
        low, high = self.expressions.constant(node.minimum), self.expressions.constant(node.maximum)
        if isinstance(low, int) and isinstance(high, int) and low > high:
            self._fail(node.minimum.span, f"min={low} is more than max={high}")
        if node.separator is not None:
            self._is_text("sep", node.separator)
        self._capture(next(captures_of((node,))))
        self._looped("repeat", node.body)

    def loop(self, node: nodes.Loop) -> None:
        self._placed(node.span, "loop", ("repeat",))
        self._whole("max", node.maximum, 1)
        self._looped("loop", node.body)
        self.body(node.exhausted)

    def break_(self, node: nodes.Break) -> None:
        if "loop" not in self._inside:
            self._fail(node.span, "'break' is not inside of 'loop'", help="it leaves a {% loop %}")
        for tag in reversed(self._inside):
            if tag == "loop":
                break
            self._fail(
                node.span, f"'break' cannot leave '{tag}'", help="put it directly into the loop, or into an 'if'"
            )
        if node.condition is not None:
            self.expressions.check(node.condition)

    def choose(self, node: nodes.Choose) -> None:
        self._placed(node.span, "choose", ())
        self._capture(next(captures_of((node,))))
        for option in node.options:
            self._within("choose", option.body)

    def beam(self, node: nodes.Beam) -> None:
        self._placed(node.span, "beam", _NO_BEAM_INSIDE)
        width = self._whole("n", node.width, 1, 64)
        keep = self._whole("keep", node.keep, 1, 64)
        if isinstance(width, int) and isinstance(keep, int) and node.keep is not None and keep > width:
            self._fail(node.keep.span, f"keep={keep} is more than n={width}")
        for name, value in (("length_penalty", node.length_penalty), ("fixed_weight", node.fixed_weight)):
            self._is_number(name, value)
        if not any(captures_of(node.body)):
            self._fail(node.span, "there is no hole in this 'beam'", help="it searches over the holes of its body")
        self._within("beam", node.body)
        for capture in captures_of((node,)):  # with `keep` they are lists once it is over
            if self.captures[capture.name].span == capture.span:
                self.captures[capture.name] = capture

    def check_(self, node: nodes.Check) -> None:
        self.expressions.check(node.condition)
        if node.message is not None:
            self.expressions.check(node.message)

    def refused(self, node: nodes.Sample | nodes.Fork | nodes.Await | nodes.Include) -> NoReturn:
        name = type(node).__name__.lower()
        self._fail(node.span, f"'{name}' is not supported yet")

    # The tests of the file.

    def file_test(self, test: FileTest) -> None:
        try:
            bind_inputs(self.file.front.inputs, test.inputs)
        except InputError as error:
            self._fail(test.span, f"the test '{test.name}' cannot run: {error}")
        for part, names in (("script", test.script), ("reject", test.reject)):
            for name in names:
                if name not in self.captures:
                    help = suggest(name, self.captures, "captures")
                    self._fail(test.span, f"the test '{test.name}' names no capture in '{part}': '{name}'", help=help)

    # What several nodes need.

    def _within(self, tag: str, body: Iterable[Node], frame: dict[str, Binding] | None = None) -> None:
        if not TAGS[tag].runs:
            raise AssertionError(tag)
        self._inside.append(tag)
        if frame is None:
            self.body(body)
        else:
            with self.names.inside(frame):
                self.body(body)
        self._inside.pop()

    def _looped(self, tag: str, body: tuple[Node, ...]) -> None:
        """A body that runs again: what it captures is known from its start on."""
        before = self.expressions.in_loop
        self.expressions.in_loop = before | {c.name for c in captures_of(body)}
        self._within(tag, body)
        self.expressions.in_loop = before

    def _placed(self, span: Span, tag: str, forbidden: tuple[str, ...]) -> None:
        outer = next((t for t in self._inside if t in (*forbidden, *_HOLE_FREE)), None)
        if not TAGS[tag].runs:
            self._fail(span, f"'{tag}' is not supported yet")
        if outer is not None:
            self._fail(span, f"'{tag}' cannot stand in '{outer}'")

    def _capture(self, capture: CaptureDeclaration) -> None:
        self._new_name(capture.name, capture.span, "capture")
        self.names.bind(capture.name, Binding("capture", capture.span))
        self.captures.setdefault(capture.name, capture)

    def _variable(self, name: str, span: Span) -> Binding:
        self._new_name(name, span, "variable")
        return Binding("variable", span)

    def _new_name(self, name: str, span: Span, kind: BindingKind) -> None:
        """Raise if `name` cannot be bound as a `kind`."""
        reason = refusal(name)
        if reason:
            self._fail(span, f"a {kind} cannot be called '{name}'", label=reason)
        existing = self.names.find(name)
        if existing is None or existing.kind == kind or (existing.kind == "input" and kind == "variable"):
            return
        where = f", on line {self.source.position(existing.span.start)[0]}" if existing.span else ""
        an = "an" if existing.kind == "input" else "a"
        message = f"the {kind} '{name}' hides {an} {existing.kind}"
        self._fail(span, message, f"'{name}' is {an} {existing.kind}{where}", "give it another name")

    def _whole(self, name: str, expression: Expr | None, minimum: int, maximum: int = 1_000) -> Any:
        """The value of an integer argument of a tag, if it is known now."""
        if expression is None:
            return None
        self.expressions.check(expression)
        value = self.expressions.constant(expression)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not ExpressionChecker.ABSENT and not (is_whole and minimum <= value <= maximum):
            self._fail(expression.span, f"'{name}' is an integer from {minimum} to {maximum}, not {value!r}")
        return value

    def _is_number(self, name: str, expression: Expr | None) -> None:
        if expression is None:
            return
        self.expressions.check(expression)
        value = self.expressions.constant(expression)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not ExpressionChecker.ABSENT and not is_number:
            self._fail(expression.span, f"'{name}' is a number, not {value!r}")

    def _is_text(self, name: str, expression: Expr) -> None:
        self.expressions.check(expression)
        value = self.expressions.constant(expression)
        if value is not ExpressionChecker.ABSENT and not isinstance(value, str):
            self._fail(expression.span, f"'{name}' is a text, not {value!r}", help="put it in quotes")

    def _fail(self, span: Span, message: str, label: str = "", help: str = "") -> NoReturn:
        raise syntax_error(self.source, span, message, label, help)


_CHECK: Mapping[type, Callable[[_Checker, Any], None]] = {
    nodes.Text: _Checker.text,
    nodes.Output: _Checker.output,
    nodes.Hole: _Checker.hole,
    nodes.If: _Checker.if_,
    nodes.For: _Checker.for_,
    nodes.Set: _Checker.set_,
    nodes.SetBlock: _Checker.set_block,
    nodes.FilterBlock: _Checker.filter_block,
    nodes.With: _Checker.with_,
    nodes.Macro: _Checker.macro,
    nodes.Role: _Checker.role,
    nodes.Hidden: _Checker.hidden,
    nodes.Repeat: _Checker.repeat,
    nodes.Loop: _Checker.loop,
    nodes.Break: _Checker.break_,
    nodes.Choose: _Checker.choose,
    nodes.Beam: _Checker.beam,
    nodes.Check: _Checker.check_,
    nodes.Sample: _Checker.refused,
    nodes.Fork: _Checker.refused,
    nodes.Await: _Checker.refused,
    nodes.Include: _Checker.refused,
}
