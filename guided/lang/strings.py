"""String literals: what they mean, and which source character each character of the value came from.

A raw literal `r"..."` keeps every backslash. In the others the escapes of Python are known and any other backslash
is an error: in Jinja `"\\d"` silently means something else than in a regex.
"""

from __future__ import annotations

import re

from guided.lang.problems import syntax_error
from guided.source import Source, Span

__all__ = ["STRING_START", "decode_string", "end_of_string", "string_offset"]

STRING_START = re.compile(r"[rR]?[\"']")

_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "0": "\0"}
_SIMPLE |= {"a": "\a", "b": "\b", "f": "\f", "v": "\v", "\n": ""}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def end_of_string(source: Source, start: int) -> int:
    """The offset after the literal that starts at `start`."""
    text = source.text
    quote_at = start + (text[start] in "rR")
    quote, at = text[quote_at], quote_at + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    raise syntax_error(
        source, Span(start, quote_at + 1), "this string is never closed", help=f"write {quote} where the string ends"
    )


def decode_string(source: Source, span: Span) -> str:
    """The value of one literal."""
    return "".join(piece for piece, _ in _pieces(source, span))


def string_offset(source: Source, span: Span, index: int) -> int:
    """The source offset of character `index` of the value of the literal (or adjacent literals) at `span`."""
    at, count = span.start, 0
    while at < span.end:
        start = STRING_START.match(source.text, at)
        if start is None:
            at += 1
            continue
        end = end_of_string(source, at)
        for piece, offset in _pieces(source, Span(at, end)):
            if count + len(piece) > index:
                return offset
            count += len(piece)
        at = end
    return max(span.start, span.end - 1)


def _pieces(source: Source, span: Span) -> list[tuple[str, int]]:
    """Each character or escape of one literal: its value and its offset."""
    text = source.text
    is_raw = text[span.start] in "rR"
    at, end = span.start + 1 + is_raw, span.end - 1
    pieces = []
    while at < end:
        if is_raw or text[at] != "\\":
            pieces.append((text[at], at))
            at += 1
        else:
            value, length = _escape(source, at, end)
            pieces.append((value, at))
            at += length
    return pieces


def _escape(source: Source, at: int, end: int) -> tuple[str, int]:
    """The value and the length of the escape at `at`."""
    letter = source.text[at + 1]
    if letter in _SIMPLE:
        return _SIMPLE[letter], 2
    if letter in _HEX_DIGITS:
        length = _HEX_DIGITS[letter]
        digits = source.text[at + 2 : min(at + 2 + length, end)]
        if not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
            message = f"'\\{letter}' needs {length} hexadecimal digits"
            raise syntax_error(source, Span(at, at + 2 + len(digits)), message)
        if (code := int(digits, 16)) <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return chr(code), 2 + length
        raise syntax_error(source, Span(at, at + 2 + length), "there is no such character")
    message = f"unknown escape '\\{letter}' in a string"
    help = f'write r"..." to keep backslashes as they are, as in a regex, or \\\\{letter}'
    raise syntax_error(source, Span(at, at + 2), message, help=help)
