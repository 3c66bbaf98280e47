"""Template text to tokens, each with its exact span.

Delimiters and white space are Jinja's with `trim_blocks`, `lstrip_blocks` and `keep_trailing_newline`: the newline
after `%}` or `#}` goes, and so do the blanks before `{%` or `{#` at the start of a line; `-` beside a delimiter strips
all white space on that side, `+` keeps it. Text tokens are slices of the source, so their spans are exact too.
"""

from __future__ import annotations

import re

from guided.lang.problems import syntax_error
from guided.lang.strings import STRING_START, decode_string, end_of_string
from guided.lang.tokens import Token
from guided.source import Source, Span

__all__ = ["tokenize"]

_OPEN = re.compile(r"\{[{%#][-+]?")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})")
_END_RAW = re.compile(r"\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)")
_COMMENT_END = re.compile(r"\+#\}|-#\}\s*|#\}\n?")
_OUTPUT_END = re.compile(r"-\}\}\s*|\}\}")
_TAG_END = re.compile(r"\+%\}|-%\}\s*|%\}\n?")
_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"[^\W\d]\w*")
_FLOAT = re.compile(r"\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?[eE][+-]?\d+|\d+(?:_\d+)*\.\d+(?:_\d+)*")
_INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|\d+(?:_\d+)*")
_OPERATOR = re.compile(r"\*\*|//|==|!=|<=|>=|[-+*/%~<>=.:|,()\[\]{}]")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_FOREIGN = {
    "&": "write 'and'",
    "!": "write 'not'",
    "?": "write 'a if condition else b'",
    ";": "separate with ','",
    "^": "write '**' for a power",
    "`": "quote with \" or '",
    "“": "quote with \" or '",
    "”": "quote with \" or '",
    "\\": 'a backslash can only stand in a string; for a regex write r"..."',
}
_MAX_DIGITS = 300


def tokenize(source: Source, start: int = 0) -> list[Token]:
    """All tokens of the template text from `start` on; the last one is `end`. The text has no carriage returns."""
    return _Lexer(source, start).run()


class _Lexer:
    def __init__(self, source: Source, start: int) -> None:
        self.source = source
        self.text = source.text
        self.start = start
        self.at = start
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        while (opening := _OPEN.search(self.text, self.at)) is not None:
            self.literal(opening.start(), opening.group())
            if opening.group()[1] == "#":
                self.comment(opening)
            elif raw := _RAW.match(self.text, opening.start()):
                self.raw(raw)
            else:
                self.tag(opening)
        self.add_text(self.at, len(self.text))
        self.tokens.append(Token("end", "", Span(len(self.text), len(self.text))))
        return self.tokens

    def literal(self, end: int, opening: str) -> None:
        """The text before a delimiter that starts at `end`."""
        start, text = self.at, self.text
        if opening.endswith("-"):
            end = start + len(text[start:end].rstrip())
        elif not opening.endswith("+") and opening[1] != "{":
            line = text.rfind("\n", start, end) + 1 or start
            is_line_start = line > start or line == self.start or text[line - 1] == "\n"
            if is_line_start and not text[line:end].strip():
                end = line
        self.add_text(start, end)

    def add_text(self, start: int, end: int) -> None:
        if end > start:
            self.tokens.append(Token("text", self.text[start:end], Span(start, end)))

    def comment(self, opening: re.Match[str]) -> None:
        closing = _COMMENT_END.search(self.text, opening.end())
        if closing is None:
            span = Span(opening.start(), opening.start() + 2)
            raise syntax_error(self.source, span, "this comment is never closed", help="write #} where it ends")
        self.at = closing.end()

    def raw(self, opening: re.Match[str]) -> None:
        self.at = opening.end()
        closing = _END_RAW.search(self.text, self.at)
        if closing is None:
            span = Span(opening.start(), self.at)
            raise syntax_error(self.source, span, "'raw' is never closed", help="write {% endraw %} where it ends")
        self.literal(closing.start(), "{%" + closing.group(1))
        self.at = closing.end()

    def tag(self, opening: re.Match[str]) -> None:
        """`{{ ... }}` or `{% ... %}`, up to the closing delimiter."""
        is_output = opening.group()[1] == "{"
        delimiter = Span(opening.start(), opening.start() + 2)
        self.tokens.append(Token("output_begin" if is_output else "tag_begin", opening.group(), delimiter))
        self.at = opening.end()
        ending = _OUTPUT_END if is_output else _TAG_END
        brackets: list[Token] = []
        while True:
            if space := _SPACE.match(self.text, self.at):
                self.at = space.end()
            if self.at >= len(self.text):
                raise self.never_closed(delimiter, brackets)
            if not brackets and (closing := ending.match(self.text, self.at)):
                at = self.at + (self.text[self.at] in "-+")
                self.tokens.append(Token("output_end" if is_output else "tag_end", "", Span(at, at + 2)))
                self.at = closing.end()
                return
            self.word(delimiter, brackets)

    def word(self, delimiter: Span, brackets: list[Token]) -> None:
        """One token inside a tag."""
        text, start = self.text, self.at
        if STRING_START.match(text, start):
            self.at = end_of_string(self.source, start)
            span = Span(start, self.at)
            self.tokens.append(Token("string", decode_string(self.source, span), span))
        elif text[start].isdecimal():
            self.number()
        elif name := _NAME.match(text, start):
            self.at = name.end()
            self.tokens.append(Token("name", name.group(), Span(start, self.at)))
        else:
            self.operator(delimiter, brackets)

    def number(self) -> None:
        text, start = self.text, self.at
        after_dot = text[start - 1] == "."  # items.0.name
        is_float = None if after_dot else _FLOAT.match(text, start)
        match = is_float or _INTEGER.match(text, start)
        assert match is not None or not text[start].isascii()
        self.at = match.end() if match else start + 1
        span, digits = Span(start, self.at), (match.group() if match else "").replace("_", "")
        if (trailing := _NAME.match(text, self.at)) or not digits.isascii() or not digits:
            span = Span(start, trailing.end() if trailing else self.at)
            message = f"'{text[start : span.end]}' is not a number"
            raise syntax_error(self.source, span, message, help="names start with a letter or '_'")
        if len(digits) > _MAX_DIGITS:
            raise syntax_error(self.source, span, f"a number of more than {_MAX_DIGITS} digits")
        if not is_float and len(digits) > 1 and digits[0] == "0" and digits.strip("0") and digits[1].isdecimal():
            raise syntax_error(self.source, span, "a number cannot start with 0", help=f"write {digits.lstrip('0')}")
        value = float(digits) if is_float else int(digits, 0 if digits[1:2].isalpha() else 10)
        self.tokens.append(Token("number", value, span))

    def operator(self, delimiter: Span, brackets: list[Token]) -> None:
        text, start = self.text, self.at
        self.refuse_delimiter(delimiter, brackets)
        match = _OPERATOR.match(text, start)
        if match is None or text.startswith("||", start):
            help = "write 'or'" if match else _FOREIGN.get(text[start], "")
            raise self.within(delimiter, f"unexpected character '{text[start]}'", Span(start, start + 1), help)
        self.at = match.end()
        token = Token("operator", match.group(), Span(start, self.at))
        self.tokens.append(token)
        if token.value in _CLOSER:
            brackets.append(token)
        elif token.value in _CLOSER.values():
            self.close(token, brackets, delimiter)

    def close(self, token: Token, brackets: list[Token], delimiter: Span) -> None:
        opened = self.text[delimiter.start : delimiter.end]
        if not brackets:
            closing = "}}" if opened == "{{" else "%}"
            help = f"close the tag with '{closing}'" if token.value == "}" else ""
            raise syntax_error(self.source, token.span, f"'{token.value}' closes nothing", help=help)
        opener = brackets.pop()
        expected = _CLOSER[str(opener.value)]
        if expected != token.value:
            line, column = self.source.position(opener.span.start)
            message = f"'{token.value}' where '{expected}' is due"
            label = f"'{opener.value}' was opened at {line}:{column}"
            raise syntax_error(self.source, token.span, message, label)

    def refuse_delimiter(self, delimiter: Span, brackets: list[Token]) -> None:
        """Raise where a delimiter shows that the tag or a bracket was not closed before it."""
        here = self.text[self.at : self.at + 2]
        opened = self.text[delimiter.start : delimiter.end]
        closes = here in ("}}", "%}") and not (brackets and brackets[-1].value == "{")
        if here in ("{{", "{%", "{#") or (closes and brackets):
            raise self.never_closed(delimiter, brackets, Span(self.at, self.at + 2))
        if closes:
            expected = "}}" if opened == "{{" else "%}"
            message = f"'{opened}' is closed by '{here}'"
            raise syntax_error(self.source, Span(self.at, self.at + 2), message, help=f"write '{expected}'")

    def never_closed(self, delimiter: Span, brackets: list[Token], before: Span | None = None) -> Exception:
        """The error for the innermost thing that is open."""
        where = ""
        if before is not None:
            line, column = self.source.position(before.start)
            where = f" before '{self.text[before.start : before.end]}' at {line}:{column}"
        if brackets:
            opener = brackets[-1]
            message = f"'{opener.value}' is never closed"
            return syntax_error(
                self.source, opener.span, message, help=f"write '{_CLOSER[str(opener.value)]}'{where or ' in this tag'}"
            )
        opened = self.text[delimiter.start : delimiter.end]
        help = f"write '{'}}' if opened == '{{' else '%}'}'{where}; for the text itself write {{{{ \"{opened}\" }}}}"
        return syntax_error(self.source, delimiter, f"'{opened}' is never closed", help=help)

    def within(self, delimiter: Span, message: str, span: Span, help: str) -> Exception:
        """An error in a tag, told with where the tag began if that was on another line."""
        line = self.source.position(delimiter.start)[0]
        label = "" if line == self.source.position(span.start)[0] else f"in the tag opened on line {line}"
        return syntax_error(self.source, span, message, label, help)
