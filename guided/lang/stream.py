"""A cursor over tokens: what comes next, what must come next, and the error where it does not."""

from __future__ import annotations

from typing import NoReturn

from guided.lang.problems import syntax_error
from guided.lang.tokens import Token, TokenKind, describe
from guided.source import Source, Span

__all__ = ["TokenStream"]


class TokenStream:
    """Tokens read from left to right; the last token is `end` and is never passed."""

    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self.source = source
        self._tokens = tokens
        self._at = 0

    @property
    def current(self) -> Token:
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        """The token after the current one."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    @property
    def previous(self) -> Token:
        """The token that was last taken."""
        return self._tokens[self._at - 1]

    def take(self) -> Token:
        """The current token, which is passed."""
        token = self.current
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def take_operator(self, *operators: str) -> Token | None:
        return self.take() if self.current.is_operator(*operators) else None

    def take_name(self, *names: str) -> Token | None:
        return self.take() if self.current.is_name(*names) else None

    def expect_operator(self, operator: str, help: str = "") -> Token:
        return self.take_operator(operator) or self.fail(f"expected '{operator}', found {describe(self.current)}", help)

    def expect_name(self, what: str, help: str = "") -> Token:
        if self.current.kind == "name":
            return self.take()
        return self.fail(f"expected {what}, found {describe(self.current)}", help)

    def expect_string(self, what: str, help: str = "") -> Token:
        if self.current.kind == "string":
            return self.take()
        return self.fail(f"expected {what} as a string, found {describe(self.current)}", help)

    def expect_end(self, kind: TokenKind, help: str = "") -> Token:
        """The closing delimiter of a tag."""
        if self.current.kind == kind:
            return self.take()
        closing = "}}" if kind == "output_end" else "%}"
        return self.fail(f"expected '{closing}', found {describe(self.current)}", help)

    def fail(self, message: str, help: str = "", span: Span | None = None) -> NoReturn:
        """Raise at the current token."""
        raise syntax_error(self.source, span or self.current.span, message, help=help)
