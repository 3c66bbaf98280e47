"""One function per tag: what stands in it and what closes it."""

from __future__ import annotations

from typing import Any

from guided.lang import nodes
from guided.lang.body import BodyParser, Statement
from guided.lang.nodes import BLOCK_TEXT, Expr, Node, RoleName
from guided.lang.problems import syntax_error
from guided.lang.tags import TAGS
from guided.lang.tokens import Token
from guided.source import Span

__all__ = ["STATEMENTS"]


def _if(p: BodyParser, tag: Token) -> Node:
    branches: list[nodes.Branch] = []
    otherwise: tuple[Node, ...] = ()
    opening, word = tag, tag
    while word.value in ("if", "elif"):
        test = p.expressions.expression()
        span = p.end_of_tag(word)
        body, ending = p.block(opening, "elif", "else", "endif")
        branches.append(nodes.Branch(test, body, span))
        word = ending
    if word.value == "else":
        p.end_of_block(word)
        otherwise, word = p.block(opening, "endif")
    p.end_of_block(word)
    return nodes.If(tuple(branches), otherwise, branches[0].span)


def _for(p: BodyParser, tag: Token) -> Node:
    targets = _targets(p)
    if not p.stream.take_name("in"):
        p.stream.fail("expected 'in' after the names of 'for'", "write {% for item in items %}")
    iterable = _maybe_tuple(p, p.expressions.without_condition())
    condition = p.expressions.expression() if p.stream.take_name("if") else None
    if p.stream.current.is_name("recursive"):
        p.stream.fail("there are no recursive loops", "use a macro that calls itself")
    span = p.end_of_tag(tag)
    body, word = p.block(tag, "else", "endfor")
    otherwise: tuple[Node, ...] = ()
    if word.value == "else":
        p.end_of_block(word)
        otherwise, word = p.block(tag, "endfor")
    p.end_of_block(word)
    return nodes.For(targets, iterable, condition, body, otherwise, span)


def _set(p: BodyParser, tag: Token) -> Node:
    targets = _targets(p)
    attribute = None
    if len(targets) == 1 and p.stream.take_operator("."):
        attribute = str(p.stream.expect_name("a name after '.'").value)
    if p.stream.take_operator("="):
        value = _maybe_tuple(p, p.expressions.expression())
        return nodes.Set(targets, attribute, value, p.end_of_tag(tag))
    if len(targets) > 1 or attribute:
        p.stream.fail("expected '='", "write {% set name = value %}")
    value = _block_filters(p, nodes.Name(BLOCK_TEXT, p.stream.previous.span))
    span = p.end_of_tag(tag)
    body, word = p.block(tag, "endset")
    p.end_of_block(word)
    return nodes.SetBlock(targets[0], value, body, span)


def _filter(p: BodyParser, tag: Token) -> Node:
    value = p.expressions.filter(nodes.Name(BLOCK_TEXT, tag.span))
    value = _block_filters(p, value)
    span = p.end_of_tag(tag)
    body, word = p.block(tag, "endfilter")
    p.end_of_block(word)
    return nodes.FilterBlock(value, body, span)


def _with(p: BodyParser, tag: Token) -> Node:
    values, bindings = p.expressions.arguments("%}")
    if values or not bindings:
        span = values[0].span if values else tag.span
        raise syntax_error(p.stream.source, span, "'with' binds names", help="write {% with name = value %}")
    span = p.opening(tag)
    body, word = p.block(tag, "endwith")
    p.end_of_block(word)
    return nodes.With(bindings, body, span)


def _macro(p: BodyParser, tag: Token) -> Node:
    name = p.stream.expect_name("the name of the macro")
    p.stream.expect_operator("(", "write {% macro name(parameter, ...) %}")
    parameters: list[nodes.Parameter] = []
    while not p.stream.take_operator(")"):
        if parameters:
            p.stream.expect_operator(",")
        parameter = p.stream.expect_name("the name of a parameter")
        default = p.expressions.expression() if p.stream.take_operator("=") else None
        if default is None and parameters and parameters[-1].default is not None:
            p.stream.fail("a parameter without a default after one with a default", span=parameter.span)
        parameters.append(nodes.Parameter(str(parameter.value), default, parameter.span))
    span = p.end_of_tag(tag)
    body, word = p.block(tag, "endmacro")
    p.end_of_block(word)
    return nodes.Macro(str(name.value), tuple(parameters), body, span, name.span)


def _include(p: BodyParser, tag: Token) -> Node:
    path = p.stream.expect_string("the path", 'write {% include "file.guided" %}')
    return nodes.Include(str(path.value), p.end_of_tag(tag))


def _role(p: BodyParser, tag: Token) -> Node:
    span = p.end_of_tag(tag)
    body, word = p.block(tag, f"end{tag.value}")
    p.end_of_block(word)
    role: Any = tag.value
    return nodes.Role(role, body, span)


def _hidden(p: BodyParser, tag: Token) -> Node:
    span = p.end_of_tag(tag)
    body, word = p.block(tag, "endhidden")
    p.end_of_block(word)
    return nodes.Hidden(body, span)


def _repeat(p: BodyParser, tag: Token) -> Node:
    given = p.tag_arguments(tag, ("name",), ("min", "max", "sep"))
    span = p.opening(tag)
    name = _literal_name(p, tag, given.get("name"), span)
    if "max" not in given:
        help = "every repetition is bounded: write max=5"
        raise syntax_error(p.stream.source, span, "'repeat' needs max=", help=help)
    minimum: Expr = given["min"].value if "min" in given else nodes.Const(0, span)
    separator = given["sep"].value if "sep" in given else None
    body, word = p.block(tag, "endrepeat")
    p.end_of_block(word)
    return nodes.Repeat(str(name.value), minimum, given["max"].value, separator, body, span, name.span)


def _loop(p: BodyParser, tag: Token) -> Node:
    given = p.tag_arguments(tag, (), ("max",))
    span = p.opening(tag)
    if "max" not in given:
        raise syntax_error(p.stream.source, span, "'loop' needs max=", help="every loop is bounded: write max=8")
    body, word = p.block(tag, "exhausted", "endloop")
    exhausted: tuple[Node, ...] = ()
    if word.value == "exhausted":
        p.end_of_block(word)
        exhausted, word = p.block(tag, "endloop")
    p.end_of_block(word)
    return nodes.Loop(given["max"].value, body, exhausted, span)


def _break(p: BodyParser, tag: Token) -> Node:
    condition = p.expressions.expression() if p.stream.take_name("if") else None
    return nodes.Break(condition, p.end_of_tag(tag))


def _choose(p: BodyParser, tag: Token) -> Node:
    given = p.tag_arguments(tag, ("name",), ())
    span = p.opening(tag)
    name = _literal_name(p, tag, given.get("name"), span)
    options = _named_bodies(p, tag, "option", "endchoose")
    if not options:
        raise syntax_error(p.stream.source, span, "this 'choose' has no option", help='write {% option "name" %} in it')
    return nodes.Choose(str(name.value), options, span, name.span)


def _fork(p: BodyParser, tag: Token) -> Node:
    span = p.end_of_tag(tag)
    branches = _named_bodies(p, tag, "branch", "join")
    if not branches:
        raise syntax_error(p.stream.source, span, "this 'fork' has no branch", help='write {% branch "name" %} in it')
    return nodes.Fork(branches, span)


def _beam(p: BodyParser, tag: Token) -> Node:
    given = p.tag_arguments(tag, (), ("n", "keep", "length_penalty", "fixed_weight"))
    span = p.opening(tag)
    if "n" not in given:
        raise syntax_error(p.stream.source, span, "'beam' needs n=", help="write how many texts to follow: n=4")
    keep, penalty, weight = (given[k].value if k in given else None for k in ("keep", "length_penalty", "fixed_weight"))
    body, word = p.block(tag, "endbeam")
    p.end_of_block(word)
    return nodes.Beam(given["n"].value, keep, penalty, weight, body, span)


def _sample(p: BodyParser, tag: Token) -> Node:
    given = p.tag_arguments(tag, (), ("n", "pick"))
    span = p.opening(tag)
    if "n" not in given:
        raise syntax_error(p.stream.source, span, "'sample' needs n=", help="write how many texts to sample: n=5")
    body, word = p.block(tag, "endsample")
    p.end_of_block(word)
    return nodes.Sample(given["n"].value, given["pick"].value if "pick" in given else None, body, span)


def _check(p: BodyParser, tag: Token) -> Node:
    given = p.tag_arguments(tag, ("condition", "message"), ())
    span = p.opening(tag)
    if "condition" not in given:
        help = 'write {% check age > 0, "the age is positive" %}'
        raise syntax_error(p.stream.source, span, "'check' needs a condition", help=help)
    return nodes.Check(given["condition"].value, given["message"].value if "message" in given else None, span)


def _await(p: BodyParser, tag: Token) -> Node:
    name = p.stream.expect_name("the name of what the host gives")
    return nodes.Await(str(name.value), p.end_of_tag(tag))


def _targets(p: BodyParser) -> tuple[str, ...]:
    """The names that a `for` or `set` binds."""
    parenthesis = p.stream.take_operator("(")
    names = [str(p.stream.expect_name("a name").value)]
    while p.stream.take_operator(","):
        names.append(str(p.stream.expect_name("a name").value))
    if parenthesis:
        p.stream.expect_operator(")")
    return tuple(names)


def _maybe_tuple(p: BodyParser, first: Expr) -> Expr:
    items = [first]
    while p.stream.take_operator(","):
        items.append(p.expressions.without_condition())
    if len(items) == 1:
        return first
    return nodes.TupleExpr(tuple(items), items[0].span.to(items[-1].span))


def _block_filters(p: BodyParser, value: Expr) -> Expr:
    while p.stream.take_operator("|"):
        value = p.expressions.filter(value)
    return value


def _literal_name(p: BodyParser, tag: Token, argument: nodes.Argument | None, span: Span) -> nodes.Const:
    if argument is None:
        help = f'name what it captures: {{% {tag.value} "items" ... %}}'
        raise syntax_error(p.stream.source, span, f"this '{tag.value}' has no name", help=help)
    if isinstance(argument.value, nodes.Const) and isinstance(argument.value.value, str):
        return argument.value
    message = f"the name of a '{tag.value}' is a string in quotes"
    raise syntax_error(p.stream.source, argument.value.span, message, help=f'write {{% {tag.value} "items" ... %}}')


def _named_bodies(p: BodyParser, tag: Token, part: str, end: str) -> tuple[nodes.NamedBody, ...]:
    """The options of a `choose` or the branches of a `fork`; only blanks may stand before the first."""
    before, word = p.block(tag, part, end)
    for node in before:
        if not (isinstance(node, nodes.Text) and not node.value.strip()):
            message = f"only '{part}' may stand directly in '{tag.value}'"
            help = f"put it before the '{tag.value}', or into an {{% {part} \"name\" %}}"
            raise syntax_error(p.stream.source, _visible(node), message, help=help)
    bodies: list[nodes.NamedBody] = []
    while word.value == part:
        name = p.stream.expect_string(f"the name of the {part}", f'write {{% {part} "name" %}}')
        span = p.end_of_tag(word)
        if any(b.name == name.value for b in bodies):
            raise syntax_error(p.stream.source, name.span, f"two of the {part}s are called '{name.value}'")
        body, ending = p.block(tag, part, end)
        bodies.append(nodes.NamedBody(str(name.value), body, span, name.span))
        word = ending
    p.end_of_block(word)
    return tuple(bodies)


def _visible(node: Node) -> Span:
    """The span of a node without the blanks that a text starts with."""
    if not isinstance(node, nodes.Text):
        return node.span
    return Span(node.span.start + len(node.value) - len(node.value.lstrip()), node.span.end)


_ROLES: tuple[RoleName, ...] = ("system", "user", "assistant", "tool")

STATEMENTS: dict[str, Statement] = {
    "if": _if,
    "for": _for,
    "set": _set,
    "filter": _filter,
    "with": _with,
    "macro": _macro,
    "include": _include,
    "hidden": _hidden,
    "repeat": _repeat,
    "loop": _loop,
    "break": _break,
    "choose": _choose,
    "fork": _fork,
    "beam": _beam,
    "sample": _sample,
    "check": _check,
    "await": _await,
    **dict.fromkeys(_ROLES, _role),
}

assert set(STATEMENTS) | {"raw"} == set(TAGS)
