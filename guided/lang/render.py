"""The text of a body without holes: macros, `set` blocks, `filter` blocks, and templates that ask nothing of a model.

What each node does to the scope is written here once, in `assign`, `unpack` and `loop_frames`, which `guided.program`
uses too. A `Budget` bounds the work: nodes rendered, characters made, macros inside of macros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guided.errors import TemplateRuntimeError
from guided.lang import nodes
from guided.lang.evaluate import evaluate, evaluate_text
from guided.lang.nodes import BLOCK_TEXT, Node
from guided.lang.problems import runtime_error
from guided.lang.scope import Scope
from guided.lang.values import MAX_TEXT, Function, Namespace, Undefined, ValueProblem, items_of, loop_info
from guided.source import Source, Span

__all__ = ["Budget", "assign", "block_text", "check_failure", "loop_frames", "make_macro", "render"]

MAX_STEPS = 300_000
MAX_MACRO_DEPTH = 12


@dataclass(slots=True)
class Budget:
    """What is left to spend in one run: a step is a node rendered or a round of a loop."""

    steps: int = MAX_STEPS
    characters: int = MAX_TEXT
    macros: int = MAX_MACRO_DEPTH


def render(body: Sequence[Node], scope: Scope, source: Source, budget: Budget | None = None) -> str:
    """The text of `body`; raises `TemplateRuntimeError`. The checker has refused holes where this is used."""
    renderer = _Renderer(source, scope, budget or Budget())
    renderer.body(body)
    return "".join(renderer.parts)


def block_text(
    node: nodes.SetBlock | nodes.FilterBlock, scope: Scope, source: Source, budget: Budget | None = None
) -> str:
    """What a `set` block binds, or a `filter` block prints."""
    text = render(node.body, scope, source, budget)
    return evaluate_text(node.value, scope.push({BLOCK_TEXT: text}), source)


def assign(node: nodes.Set, scope: Scope, source: Source) -> Scope:
    """The scope after `{% set %}`."""
    value = evaluate(node.value, scope, source)
    if node.attribute is not None:
        name = node.targets[0]
        namespace = scope.get(name)
        if not isinstance(namespace, Namespace):
            help = f"write {{% set {name} = namespace({node.attribute}=...) %}} before"
            raise runtime_error(source, node.span, f"'{name}' is not a namespace", help=help)
        return scope.rebind(name, namespace.updated(node.attribute, value))
    for name, part in _unpack(node.targets, value, node.span, source).items():
        scope = scope.bind(name, part)
    return scope


def loop_frames(node: nodes.For, scope: Scope, source: Source) -> list[dict[str, Any]]:
    """The frame of each round of a `for` loop: its targets and `loop`."""
    value = evaluate(node.iterable, scope, source)
    try:
        items = items_of(value)
    except ValueProblem as problem:
        raise runtime_error(source, node.iterable.span, str(problem), help=problem.help) from problem
    span = node.iterable.span
    if node.condition is not None:
        items = [
            item
            for item in items
            if evaluate(node.condition, scope.push(_unpack(node.targets, item, span, source)), source)
        ]
    return [
        {**_unpack(node.targets, item, span, source), "loop": loop_info(items, index)}
        for index, item in enumerate(items)
    ]


def make_macro(node: nodes.Macro, scope: Scope, source: Source, budget: Budget | None = None) -> Function:
    """The function that a macro defines; it sees the names as they are here, and itself."""
    spending = budget or Budget()
    defaults = {p.name: evaluate(p.default, scope, source) for p in node.parameters if p.default is not None}

    def call(*positional: Any, **named: Any) -> str:
        frame = {**defaults, **_macro_arguments(node, positional, named)}
        missing = [p.name for p in node.parameters if p.name not in frame]
        frame |= {name: Undefined(f"the macro '{node.name}' was called without '{name}'") for name in missing}
        if spending.macros <= 0:
            raise ValueProblem(f"macros call each other more than {MAX_MACRO_DEPTH} deep")
        spending.macros -= 1
        try:
            return render(node.body, scope.push({**frame, node.name: function}), source, spending)
        finally:
            spending.macros += 1

    function = Function(node.name, call)
    return function


def check_failure(node: nodes.Check, scope: Mapping[str, Any], source: Source) -> TemplateRuntimeError | None:
    """The error of a `{% check %}` whose condition is false, or None."""
    if evaluate(node.condition, scope, source):
        return None
    message = "this check failed" if node.message is None else evaluate_text(node.message, scope, source)
    return runtime_error(source, node.condition.span, message)


def _macro_arguments(node: nodes.Macro, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    names = [p.name for p in node.parameters]
    if len(positional) > len(names):
        raise ValueProblem(f"the macro '{node.name}' takes {len(names)} arguments, {len(positional)} were given")
    for name in named:
        if name not in names or name in names[: len(positional)]:
            reason = "twice" if name in names else "but it is no parameter"
            raise ValueProblem(f"'{name}' is given to the macro '{node.name}' {reason}")
    return {**dict(zip(names, positional, strict=False)), **named}


def _unpack(targets: tuple[str, ...], value: Any, span: Span, source: Source) -> dict[str, Any]:
    """`value` under the one name, or its items under several."""
    if len(targets) == 1:
        return {targets[0]: value}
    if not isinstance(value, list | tuple):
        raise runtime_error(source, span, f"this cannot be unpacked into {len(targets)} names")
    if len(value) != len(targets):
        raise runtime_error(source, span, f"{len(value)} values cannot be unpacked into {len(targets)} names")
    return dict(zip(targets, value, strict=True))


class _Renderer:
    def __init__(self, source: Source, scope: Scope, budget: Budget) -> None:
        self.source = source
        self.scope = scope
        self.budget = budget
        self.parts: list[str] = []

    def body(self, body: Sequence[Node]) -> None:
        for node in body:
            self.spend(1, node.span)
            _RENDER[type(node)](self, node)

    def spend(self, steps: int, span: Span) -> None:
        self.budget.steps -= steps
        if self.budget.steps < 0:
            raise runtime_error(self.source, span, f"rendering took more than {MAX_STEPS} steps")

    def add(self, text: str, span: Span) -> None:
        self.budget.characters -= len(text)
        if self.budget.characters < 0:
            raise runtime_error(self.source, span, f"the text became longer than {MAX_TEXT} characters")
        self.parts.append(text)

    def text(self, node: nodes.Text) -> None:
        self.add(node.value, node.span)

    def output(self, node: nodes.Output) -> None:
        self.add(evaluate_text(node.value, self.scope, self.source), node.span)

    def if_(self, node: nodes.If) -> None:
        for branch in node.branches:
            if evaluate(branch.test, self.scope, self.source):
                self.body(branch.body)
                return
        self.body(node.otherwise)

    def for_(self, node: nodes.For) -> None:
        frames = loop_frames(node, self.scope, self.source)
        self.spend(len(frames), node.span)
        for frame in frames:
            self.inside(frame, node.body)
        if not frames:
            self.body(node.otherwise)

    def inside(self, frame: Mapping[str, Any], body: Sequence[Node]) -> None:
        self.scope = self.scope.push(frame)
        self.body(body)
        self.scope = self.scope.pop()

    def set_(self, node: nodes.Set) -> None:
        self.scope = assign(node, self.scope, self.source)

    def set_block(self, node: nodes.SetBlock) -> None:
        self.scope = self.scope.bind(node.target, block_text(node, self.scope, self.source, self.budget))

    def filter_block(self, node: nodes.FilterBlock) -> None:
        self.add(block_text(node, self.scope, self.source, self.budget), node.span)

    def with_(self, node: nodes.With) -> None:
        frame = {b.name: evaluate(b.value, self.scope, self.source) for b in node.bindings}
        self.inside(frame, node.body)

    def macro(self, node: nodes.Macro) -> None:
        self.scope = self.scope.bind(node.name, make_macro(node, self.scope, self.source, self.budget))

    def check(self, node: nodes.Check) -> None:
        failure = check_failure(node, self.scope, self.source)
        if failure is not None:
            raise failure


_RENDER: dict[type, Callable[[_Renderer, Any], None]] = {
    nodes.Text: _Renderer.text,
    nodes.Output: _Renderer.output,
    nodes.If: _Renderer.if_,
    nodes.For: _Renderer.for_,
    nodes.Set: _Renderer.set_,
    nodes.SetBlock: _Renderer.set_block,
    nodes.FilterBlock: _Renderer.filter_block,
    nodes.With: _Renderer.with_,
    nodes.Macro: _Renderer.macro,
    nodes.Check: _Renderer.check,
}
