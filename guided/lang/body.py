"""The body of a template: text, `{{ }}` and the tags, each handed to its own function.

A statement's span is its opening tag, a hole's span is its call: what an error should underline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from guided.lang import nodes
from guided.lang.expressions import HOLE_NAMES, ExpressionParser
from guided.lang.holes import GEN, SELECT
from guided.lang.nodes import Argument, Expr, Node
from guided.lang.problems import suggest, syntax_error
from guided.lang.stream import TokenStream
from guided.lang.tags import JINJA_ONLY, TAGS, closers
from guided.lang.tokens import Token
from guided.source import Span

__all__ = ["BodyParser", "Statement"]

MAX_BLOCK_DEPTH = 30
"""How deep blocks may nest."""

_CLOSERS = closers()
_POSITIONAL = {"gen": ("name",), "select": ("name", "options")}
_KEYWORDS = {"gen": GEN, "select": SELECT}


class BodyParser:
    """Reads a template's body; `statements` has one function per tag."""

    def __init__(self, stream: TokenStream, statements: Mapping[str, Statement]) -> None:
        self.stream = stream
        self.expressions = ExpressionParser(stream)
        self._statements = statements
        self._open: list[_OpenBlock] = []

    def template(self) -> tuple[Node, ...]:
        """The whole body, to the end of the source."""
        body: list[Node] = []
        while self.stream.current.kind != "end":
            body += self._piece()
        return tuple(body)

    def block(self, tag: Token, *ends: str) -> tuple[tuple[Node, ...], Token]:
        """Nodes up to a tag named in `ends`, and its name; what follows the name is the caller's to read."""
        opening = self.opening(tag)
        if len(self._open) >= MAX_BLOCK_DEPTH:
            raise syntax_error(self.stream.source, opening, f"blocks are nested deeper than {MAX_BLOCK_DEPTH}")
        self._open.append(_OpenBlock(str(tag.value), opening))
        body: list[Node] = []
        while not (self.stream.current.kind == "tag_begin" and self.stream.following.is_name(*ends)):
            if self.stream.current.kind == "end":
                end = TAGS[str(tag.value)].end
                message = f"'{tag.value}' is never closed"
                raise syntax_error(self.stream.source, opening, message, help=f"write {{% {end} %}} where it ends")
            body += self._piece()
        self.stream.take()
        self._open.pop()
        return tuple(body), self.stream.take()

    def opening(self, tag: Token) -> Span:
        """The span of the tag whose name is `tag`, up to what was last taken."""
        start = self.stream.source.text.rindex("{%", 0, tag.span.start)
        return Span(start, self.stream.previous.span.end)

    def end_of_tag(self, tag: Token) -> Span:
        """Pass `%}`; the span of the whole tag."""
        self.stream.expect_end("tag_end")
        return self.opening(tag)

    def end_of_block(self, tag: Token) -> None:
        """Pass the `%}` of a closing tag such as `endfor`; it carries nothing else."""
        self.stream.expect_end("tag_end", f"{{% {tag.value} %}} takes nothing else")

    def tag_arguments(self, tag: Token, positional: tuple[str, ...], keywords: tuple[str, ...]) -> dict[str, Argument]:
        """The arguments of a tag by name, up to and with its `%}`."""
        values, named = self.expressions.arguments("%}")
        return self._by_name(f"'{tag.value}'", positional, (*positional, *keywords), values, named)

    def hole_or_output(self) -> Node:
        """What stands between `{{` and `}}`."""
        begin = self.stream.take()
        token = self.stream.current
        if token.is_name(*HOLE_NAMES) and self.stream.following.is_operator("("):
            hole = self._hole()
            if self.stream.current.kind != "output_end":
                help = f"close with }}}} and use {{{{ {hole.name} }}}} after it, as in {{{{ {hole.name} | trim }}}}"
                self.stream.fail("a hole stands alone in {{ }}", help)
            self.stream.take()
            return hole
        if token.kind == "output_end":
            self.stream.fail("there is nothing to print", "write an expression between {{ and }}", begin.span)
        value = self.expressions.expression()
        if self.stream.current.is_operator(","):
            self.stream.fail("expected '}}', found ','", "to print several values, join them with ~")
        end = self.stream.expect_end("output_end")
        return nodes.Output(value, begin.span.to(end.span))

    def _piece(self) -> list[Node]:
        token = self.stream.current
        if token.kind == "text":
            self.stream.take()
            return [nodes.Text(str(token.value), token.span)]
        if token.kind == "output_begin":
            return [self.hole_or_output()]
        self.stream.take()
        return [self._statement()]

    def _statement(self) -> Node:
        name = self.stream.expect_name("the name of a tag")
        statement = self._statements.get(str(name.value))
        if statement is None:
            raise self._unknown_tag(name)
        return statement(self, name)

    def _unknown_tag(self, name: Token) -> Exception:
        word = str(name.value)
        source = self.stream.source
        if word == "raw":
            return syntax_error(source, name.span, "'raw' takes nothing else", help="write {% raw %}")
        if word in _CLOSERS:
            return self._closes_nothing(name)
        if word in JINJA_ONLY:
            return syntax_error(source, name.span, f"there is no tag '{word}' here", help=JINJA_ONLY[word])
        return syntax_error(source, name.span, f"unknown tag '{word}'", help=suggest(word, [*TAGS, *_CLOSERS], "tags"))

    def _closes_nothing(self, name: Token) -> Exception:
        word, source = str(name.value), self.stream.source
        line = source.position(name.span.start)[0]
        wanted = _CLOSERS[word]
        opener = f"{'an' if wanted[0] in 'aeiou' else 'a'} '{wanted}'"
        message = f"'{word}' closes nothing" if word == TAGS[wanted].end else f"'{word}' is not inside of '{wanted}'"
        if not self._open:
            return syntax_error(source, name.span, message, "no block is open here", f"open {opener} before it")
        block = self._open[-1]
        label = f"the open block here is '{block.name}', opened on line {source.position(block.span.start)[0]}"
        help = f"write {{% {TAGS[block.name].end} %}}, or open {opener} before line {line}"
        return syntax_error(source, name.span, message, label, help)

    def _hole(self) -> nodes.Hole:
        token = self.stream.take()
        self.stream.take()
        kind: Literal["gen", "select"] = "gen" if token.value == "gen" else "select"
        values, named = self.expressions.arguments(")")
        span = token.span.to(self.stream.previous.span)
        accepted = ("name", *_KEYWORDS[kind])
        arguments = self._by_name(f"'{kind}'", _POSITIONAL[kind], accepted, values, named)
        name = arguments.pop("name", None)
        if name is None:
            help = f'name what it captures: {kind}("answer")'
            raise syntax_error(self.stream.source, span, f"this '{kind}' has no name", help=help)
        if not isinstance(name.value, nodes.Const) or not isinstance(name.value.value, str):
            message = f"the name of a '{kind}' is a string in quotes"
            raise syntax_error(self.stream.source, name.value.span, message, help=f'write {kind}("answer", ...)')
        values_by_name = tuple(_as_list(a) if a.name == "where" else a for a in arguments.values())
        return nodes.Hole(kind, name.value.value, values_by_name, span, name.value.span)

    def _by_name(
        self,
        what: str,
        positional: tuple[str, ...],
        accepted: tuple[str, ...],
        values: tuple[Expr, ...],
        named: tuple[Argument, ...],
    ) -> dict[str, Argument]:
        """Arguments by name, where every one is accepted and given once."""
        source = self.stream.source
        if len(values) > len(positional):
            count = f"{len(positional)} argument{'s' * (len(positional) != 1)} without a name"
            message = f"{what} takes {count if positional else 'only arguments with a name'}"
            raise syntax_error(source, values[len(positional)].span, message, help="write name=value")
        out = {n: Argument(n, v, v.span, v.span) for n, v in zip(positional, values, strict=False)}
        for argument in named:
            if argument.name not in accepted:
                message = f"{what} takes no argument '{argument.name}'"
                raise syntax_error(
                    source, argument.name_span, message, help=suggest(argument.name, accepted, "arguments")
                )
            if argument.name in out:
                raise syntax_error(source, argument.name_span, f"'{argument.name}' is given twice")
            out[argument.name] = argument
        return out


def _as_list(argument: Argument) -> Argument:
    if isinstance(argument.value, nodes.ListExpr):
        return argument
    value = nodes.ListExpr((argument.value,), argument.value.span)
    return Argument(argument.name, value, argument.span, argument.name_span)


@dataclass(frozen=True, slots=True)
class _OpenBlock:
    name: str
    span: Span


Statement: TypeAlias = Callable[[BodyParser, Token], Node]
"""Reads one tag, from after its name to the end of the block that it opens."""
