"""The words of a template: what the lexer makes and the parser reads.

`text` is literal text after trimming; `output_begin`/`output_end` are `{{ }}`, `tag_begin`/`tag_end` are `{% %}`;
`name`, `number`, `string` and `operator` stand inside of them; `end` is last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from guided.source import Span

__all__ = ["Token", "TokenKind", "describe"]

TokenKind: TypeAlias = Literal[
    "text", "output_begin", "output_end", "tag_begin", "tag_end", "name", "number", "string", "operator", "end"
]


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `value` is the name, the operator, the text, or the decoded number or string."""

    kind: TokenKind
    value: str | int | float
    span: Span

    def is_operator(self, *operators: str) -> bool:
        """Whether it is one of these operators."""
        return self.kind == "operator" and self.value in operators

    def is_name(self, *names: str) -> bool:
        """Whether it is one of these names."""
        return self.kind == "name" and self.value in names


def describe(token: Token) -> str:
    """A token as error messages call it."""
    match token.kind:
        case "output_end":
            return "'}}'"
        case "tag_end":
            return "'%}'"
        case "end":
            return "the end of the template"
        case "string":
            return "a string"
        case "number":
            return f"the number {token.value}"
        case "text" | "output_begin" | "tag_begin":
            return "text"
        case _:
            return f"'{token.value}'"
