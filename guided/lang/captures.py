"""What a body captures: names, types and places, read off the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from guided.lang import nodes
from guided.lang.nodes import Node
from guided.source import Span

__all__ = ["CaptureDeclaration", "bodies_of", "captures_of"]


@dataclass(frozen=True, slots=True)
class CaptureDeclaration:
    """One name that a run captures: its type (`integer`, `string`, `string[]`, `object` ...) and where it is made."""

    name: str
    type: str
    span: Span


_TYPE_OF_HOLE = {"int": "integer", "number": "number", "bool": "boolean"}


def captures_of(body: Iterable[Node]) -> Iterator[CaptureDeclaration]:
    """Every capture made in `body`, in order; a name that is captured twice occurs twice."""
    for node in body:
        match node:
            case nodes.Hole():
                is_many = isinstance(count := node.argument("n"), nodes.Const) and count.value != 1
                type_ = f"{_hole_type(node)}[]" if is_many else _hole_type(node)
                yield CaptureDeclaration(node.name, type_, node.name_span)
                if isinstance(append := node.argument("append"), nodes.Const):
                    yield CaptureDeclaration(str(append.value), f"{_hole_type(node)}[]", append.span)
            case nodes.Repeat():
                inner = {c.name: c for c in captures_of(node.body)}
                type_ = next(iter(inner.values())).type if len(inner) == 1 else "object"
                yield CaptureDeclaration(node.name, f"{type_}[]", node.name_span)
            case nodes.Choose():
                yield CaptureDeclaration(node.name, "string", node.name_span)
            case nodes.Beam(keep=nodes.Const(value=count)) if count != 1:
                appended = set(_appended(node.body))  # go on as the best text has them
                for inside in captures_of(node.body):
                    yield inside if inside.name in appended else replace(inside, type=f"{inside.type}[]")
                continue
        for body_below in bodies_of(node):
            yield from captures_of(body_below)


def bodies_of(node: Node) -> tuple[tuple[Node, ...], ...]:
    """The bodies directly below a node, in order."""
    match node:
        case nodes.If():
            return (*(b.body for b in node.branches), node.otherwise)
        case nodes.For():
            return (node.body, node.otherwise)
        case nodes.Loop():
            return (node.body, node.exhausted)
        case nodes.Choose():
            return tuple(option.body for option in node.options)
        case nodes.Fork():
            return tuple(branch.body for branch in node.branches)
        case (
            nodes.SetBlock(body=body)
            | nodes.FilterBlock(body=body)
            | nodes.With(body=body)
            | nodes.Repeat(body=body)
            | nodes.Role(body=body)
            | nodes.Hidden(body=body)
            | nodes.Beam(body=body)
            | nodes.Sample(body=body)
            | nodes.Macro(body=body)
        ):
            return (body,)
    return ()


def _appended(body: Iterable[Node]) -> Iterator[str]:
    for node in body:
        if isinstance(node, nodes.Hole) and isinstance(append := node.argument("append"), nodes.Const):
            yield str(append.value)
        for body_below in bodies_of(node):
            yield from _appended(body_below)


def _hole_type(hole: nodes.Hole) -> str:
    if hole.kind == "gen" and hole.type_name is None and isinstance(schema := hole.argument("json"), nodes.DictExpr):
        for key, value in schema.items:
            if isinstance(key, nodes.Const) and key.value == "type" and isinstance(value, nodes.Const):
                return str(value.value)
    if hole.kind == "gen" and hole.type_name is None and hole.argument("json") is not None:
        return "any"
    return _TYPE_OF_HOLE.get(hole.type_name or "", "string")
