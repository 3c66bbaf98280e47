"""What a template says, as data.

The parser makes these nodes, the checker reads them, `guided.program` compiles them. Every node is a frozen value
with the `span` of source characters that an error of it underlines: of a tag its opening `{% %}`, of a hole its call,
of anything else the whole. Body nodes produce text, expression nodes produce values; a `Hole` is a body node and
never occurs inside an expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from guided.source import Span

__all__ = [
    "BLOCK_TEXT",
    "Argument",
    "Attribute",
    "Await",
    "Beam",
    "Binary",
    "BoolOp",
    "Branch",
    "Break",
    "Call",
    "Check",
    "Choose",
    "Compare",
    "Concat",
    "Conditional",
    "Const",
    "DictExpr",
    "Expr",
    "Filter",
    "FilterBlock",
    "For",
    "Fork",
    "Hidden",
    "Hole",
    "If",
    "Include",
    "IsTest",
    "Item",
    "ListExpr",
    "Loop",
    "Macro",
    "Name",
    "NamedBody",
    "Node",
    "Output",
    "Parameter",
    "Repeat",
    "Role",
    "RoleName",
    "Sample",
    "Set",
    "SetBlock",
    "Slice",
    "Text",
    "TupleExpr",
    "Unary",
    "With",
]

BLOCK_TEXT = "<block>"
"""The name under which the value of a `SetBlock` or `FilterBlock` sees the text of its body."""

RoleName: TypeAlias = Literal["system", "user", "assistant", "tool"]

# Expressions: values.


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: None, bool, int, float or str."""

    value: bool | int | float | str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """A variable: an input, a capture, a `set` or loop variable, `defs`, `tools`, a declared function."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value.name`: a mapping key, a dataclass field, or a method of the allow-list."""

    value: Expr
    name: str
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Item:
    """`value[key]`."""

    value: Expr
    key: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Slice:
    """`value[start:stop:step]`."""

    value: Expr
    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Argument:
    """`name=value` in a call, filter, test, hole or tag."""

    name: str
    value: Expr
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`function(positional, keyword=...)`; the function is a declared name, a tool, or a method of the allow-list."""

    function: Expr
    positional: tuple[Expr, ...]
    keywords: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Filter:
    """`value | name(positional, keyword=...)`."""

    value: Expr
    name: str
    positional: tuple[Expr, ...]
    keywords: tuple[Argument, ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class IsTest:
    """`value is name(positional)`, or `is not`."""

    value: Expr
    name: str
    positional: tuple[Expr, ...]
    is_negated: bool
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """`not x`, `-x`, `+x`."""

    operator: Literal["not", "-", "+"]
    operand: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic of two operands."""

    operator: Literal["+", "-", "*", "/", "//", "%", "**"]
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Concat:
    """`a ~ b ~ c`: every part as text, joined."""

    parts: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """`first op operand op operand ...`, chained as in Python; the operators are == != < <= > >= in `not in`."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class BoolOp:
    """`a and b and c`, or the same with `or`; yields an operand, as in Python."""

    operator: Literal["and", "or"]
    operands: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    """`then if test else otherwise`; without `else` the value is undefined, which prints as nothing."""

    test: Expr
    then: Expr
    otherwise: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class ListExpr:
    """`[a, b]`."""

    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TupleExpr:
    """`(a, b)`."""

    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DictExpr:
    """`{key: value}`."""

    items: tuple[tuple[Expr, Expr], ...]
    span: Span


Expr: TypeAlias = (
    Const
    | Name
    | Attribute
    | Item
    | Slice
    | Call
    | Filter
    | IsTest
    | Unary
    | Binary
    | Concat
    | Compare
    | BoolOp
    | Conditional
    | ListExpr
    | TupleExpr
    | DictExpr
)

# Body: text, holes, and what is around them.


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text, after white-space trimming; `{% raw %}` ends up here too."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Output:
    """`{{ value }}`: the value as text."""

    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Hole:
    """`{{ gen(name, ...) }}` or `{{ select(name, options, ...) }}`: here the model writes.

    `options` and every other argument are in `arguments`, by name, each at most once. `where` is a list expression
    whose items see the text so far as `it`; `type` is a bare type name, kept as a `Name` or a string `Const`.
    """

    kind: Literal["gen", "select"]
    name: str
    arguments: tuple[Argument, ...]
    span: Span
    name_span: Span

    def argument(self, name: str) -> Expr | None:
        """The expression given for `name`, if any."""
        return next((a.value for a in self.arguments if a.name == name), None)

    @property
    def type_name(self) -> str | None:
        """The name given as `type=`, if any; the checker has seen that it is one of `guided.lang.holes.TYPES`."""
        match self.argument("type"):
            case Name(name=name) | Const(value=str(name)):
                return name
        return None


@dataclass(frozen=True, slots=True)
class Branch:
    """One `if` or `elif` with what it guards."""

    test: Expr
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class If:
    """`{% if %} {% elif %} {% else %} {% endif %}`."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class For:
    """`{% for targets in iterable if condition %} {% else %} {% endfor %}`; several targets unpack each item."""

    targets: tuple[str, ...]
    iterable: Expr
    condition: Expr | None
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Set:
    """`{% set a, b = value %}`; several targets unpack. With `attribute`, `{% set ns.attribute = value %}`."""

    targets: tuple[str, ...]
    attribute: str | None
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class SetBlock:
    """`{% set name | filter %} ... {% endset %}`: the text of a body without holes, through the filters.

    `value` is the filter chain applied to the name `BLOCK_TEXT`, or that name alone.
    """

    target: str
    value: Expr
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class FilterBlock:
    """`{% filter upper %} ... {% endfilter %}`: a body without holes, filtered; `value` as in `SetBlock`."""

    value: Expr
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class With:
    """`{% with a = x, b = y %} ... {% endwith %}`: names for this body alone."""

    bindings: tuple[Argument, ...]
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """`{% repeat name, min=, max=, sep= %}`: the body `min` to `max` times; going on is the model's choice.

    The capture `name` is a list with one entry per round: the value of the body's hole, or a mapping of its holes.
    """

    name: str
    minimum: Expr
    maximum: Expr
    separator: Expr | None
    body: tuple[Node, ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Loop:
    """`{% loop max= %} ... {% exhausted %} ... {% endloop %}`: bounded; `exhausted` runs where no `break` did."""

    maximum: Expr
    body: tuple[Node, ...]
    exhausted: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Break:
    """`{% break if condition %}` leaves the innermost `loop`."""

    condition: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class NamedBody:
    """One `option` of a `choose`, or one `branch` of a `fork`."""

    name: str
    body: tuple[Node, ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Choose:
    """`{% choose name %} {% option "a" %} ... {% endchoose %}`: the model takes one; the capture is its name."""

    name: str
    options: tuple[NamedBody, ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Role:
    """`{% user %} ... {% enduser %}` and its like: a message of the tokenizer's chat template."""

    role: RoleName
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Hidden:
    """`{% hidden %}`: leaves captures and no text."""

    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Beam:
    """`{% beam n=, keep=, length_penalty=, fixed_weight= %}`: one search over all holes of the body."""

    width: Expr
    keep: Expr | None
    length_penalty: Expr | None
    fixed_weight: Expr | None
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sample:
    """`{% sample n=, pick= %}`: the body several times, the best kept."""

    count: Expr
    pick: Expr | None
    body: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Fork:
    """`{% fork %} {% branch "a" %} ... {% join %}`: independent branches, run in one batch."""

    branches: tuple[NamedBody, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Check:
    """`{% check condition, "message" %}`."""

    condition: Expr
    message: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Await:
    """`{% await name %}`: suspends until the host gives the value."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a macro."""

    name: str
    default: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Macro:
    """`{% macro name(parameters) %}`: a function that yields the text of a body without holes."""

    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Node, ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Include:
    """`{% include "path" %}`."""

    path: str
    span: Span


Node: TypeAlias = (
    Text
    | Output
    | Hole
    | If
    | For
    | Set
    | SetBlock
    | FilterBlock
    | With
    | Repeat
    | Loop
    | Break
    | Choose
    | Role
    | Hidden
    | Beam
    | Sample
    | Fork
    | Check
    | Await
    | Macro
    | Include
)
