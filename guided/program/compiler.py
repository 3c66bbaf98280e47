"""From a template's nodes to a flat list of ops.

Blocks become jumps: each node kind has one method that emits its ops and patches the indices that it left open. What
an expression reads is noted here once, so that a run can tell how far the text after a hole is determined.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from guided.lang import nodes
from guided.lang.declarations import TemplateFile
from guided.lang.nodes import Node
from guided.program import ops
from guided.program.events import Provenance
from guided.program.names import Reads, reads_of, walk

__all__ = ["compile_ops"]


def compile_ops(file: TemplateFile) -> tuple[ops.Op, ...]:
    """The ops of a checked template."""
    compiler = _Compiler(file)
    compiler.body(file.body)
    compiler.ops.append(ops.End())
    return tuple(compiler.ops)


class _Compiler:
    def __init__(self, file: TemplateFile) -> None:
        self.ops: list[ops.Op] = []
        self.breaks: list[list[int]] = []  # per open loop: the `Break`s that jump out of it
        self.inputs = frozenset(file.front.inputs)
        self.tools = frozenset(file.front.tools) | frozenset(file.front.functions)
        self.captures = frozenset(_captures(file.body))

    def body(self, body: Iterable[Node]) -> None:
        for node in body:
            _COMPILE[type(node)](self, node)

    def emit(self, op: ops.Op) -> int:
        self.ops.append(op)
        return len(self.ops) - 1

    def patch(self, index: int, **changes: int) -> None:
        self.ops[index] = dataclasses.replace(self.ops[index], **changes)  # type: ignore[arg-type]

    @property
    def here(self) -> int:
        return len(self.ops)

    def provenance(self, reads: Reads) -> Provenance:
        """Who wrote what an expression prints: the most foreign of those it reads."""
        if reads.names & self.captures:
            return "model"
        if reads.calls and reads.names & (self.tools | {"tools"}):
            return "tool"
        if reads.names & self.inputs:
            return "input"
        return "template"

    # One method per node.

    def text(self, node: nodes.Text) -> None:
        if node.value:
            self.emit(ops.Text(node.value, node.span))

    def output(self, node: nodes.Output | nodes.FilterBlock) -> None:
        reads = reads_of(node)
        self.emit(ops.Out(node, reads, self.provenance(reads), node.span))

    def hole(self, node: nodes.Hole) -> None:
        self.emit(ops.Hole(node, reads_of(node.arguments), node.span))

    def assign(self, node: nodes.Set | nodes.SetBlock | nodes.Macro) -> None:
        self.emit(ops.Assign(node, reads_of(node), node.span))

    def if_(self, node: nodes.If) -> None:
        ends = []
        for branch in node.branches:
            test = self.emit(ops.Branch(branch.test, reads_of(branch.test), 0, branch.span))
            self.body(branch.body)
            ends.append(self.emit(ops.Jump(0)))
            self.patch(test, otherwise=self.here)
        self.body(node.otherwise)
        for end in ends:
            self.patch(end, target=self.here)

    def for_(self, node: nodes.For) -> None:
        start = self.emit(ops.IterStart(node, reads_of(node.iterable, node.condition), 0, node.span))
        body = self.here
        self.body(node.body)
        self.emit(ops.IterNext(body))
        end = self.emit(ops.Jump(0))
        self.patch(start, empty=self.here)
        self.body(node.otherwise)
        self.patch(end, target=self.here)

    def with_(self, node: nodes.With) -> None:
        self.emit(ops.ScopeStart(node, reads_of(node.bindings), node.span))
        self.body(node.body)
        self.emit(ops.ScopeEnd())

    def loop(self, node: nodes.Loop) -> None:
        start = self.emit(ops.LoopStart(node.maximum, reads_of(node.maximum), 0, node.span))
        body = self.here
        self.breaks.append([])
        self.body(node.body)
        self.emit(ops.LoopNext(body))
        self.patch(start, exhausted=self.here)
        left = self.breaks.pop()
        self.body(node.exhausted)
        for index in left:
            self.patch(index, target=self.here)

    def break_(self, node: nodes.Break) -> None:
        self.breaks[-1].append(self.emit(ops.Break(node.condition, reads_of(node.condition), 0, node.span)))

    def repeat(self, node: nodes.Repeat) -> None:
        reads = reads_of(node.minimum, node.maximum, node.separator)
        start = self.emit(ops.RepeatStart(node, reads, 0, node.span))
        body = self.here
        self.body(node.body)
        self.emit(ops.RepeatNext(body, node.span))
        self.patch(start, end=self.here)

    def choose(self, node: nodes.Choose) -> None:
        choose = self.emit(ops.Choose(node.name, (), node.span))
        targets, ends = [], []
        for option in node.options:
            targets.append((option.name, self.here))
            self.body(option.body)
            ends.append(self.emit(ops.Jump(0)))
        self.ops[choose] = ops.Choose(node.name, tuple(targets), node.span)
        for end in ends:
            self.patch(end, target=self.here)

    def role(self, node: nodes.Role) -> None:
        self.emit(ops.RoleStart(node.role, node.span))
        self.body(node.body)
        self.emit(ops.RoleEnd(node.span))

    def hidden(self, node: nodes.Hidden) -> None:
        self.emit(ops.HideStart())
        self.body(node.body)
        self.emit(ops.HideEnd())

    def beam(self, node: nodes.Beam) -> None:
        start = self.emit(ops.BeamStart(node, 0, node.span))
        self.body(node.body)
        self.patch(start, end=self.emit(ops.BeamEnd()))

    def check(self, node: nodes.Check) -> None:
        self.emit(ops.Check(node, reads_of(node), node.span))


def _captures(body: Iterable[Node]) -> Iterable[str]:
    """The names that the model gives a value to."""
    for node in walk(*body):
        if isinstance(node, nodes.Hole | nodes.Repeat | nodes.Choose):
            yield node.name
        if isinstance(node, nodes.Hole) and isinstance(append := node.argument("append"), nodes.Const):
            yield str(append.value)


_COMPILE: dict[type, Callable[[_Compiler, Any], None]] = {
    nodes.Text: _Compiler.text,
    nodes.Output: _Compiler.output,
    nodes.FilterBlock: _Compiler.output,
    nodes.Hole: _Compiler.hole,
    nodes.Set: _Compiler.assign,
    nodes.SetBlock: _Compiler.assign,
    nodes.Macro: _Compiler.assign,
    nodes.If: _Compiler.if_,
    nodes.For: _Compiler.for_,
    nodes.With: _Compiler.with_,
    nodes.Loop: _Compiler.loop,
    nodes.Break: _Compiler.break_,
    nodes.Repeat: _Compiler.repeat,
    nodes.Choose: _Compiler.choose,
    nodes.Role: _Compiler.role,
    nodes.Hidden: _Compiler.hidden,
    nodes.Beam: _Compiler.beam,
    nodes.Check: _Compiler.check,
}
