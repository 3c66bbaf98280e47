"""Filters that make text or numbers out of one value. Jinja's meanings, unless the text says otherwise."""

from __future__ import annotations

import re
import textwrap
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Literal

from guided.lang.values import ValueProblem, bounded, items_of, to_json, to_text

__all__ = ["TEXT_FILTERS"]

_WORD_START = re.compile(r"([-\s({\[<]+)")
_WORD = re.compile(r"\w+")


def _tojson(
    value: Any,
    indent: int | None = None,
    ensure_ascii: bool = False,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """JSON as chat templates write it: `json.dumps` without escapes for HTML."""
    if isinstance(indent, int):
        bounded(indent, limit=100)
    pair = tuple(separators) if separators else None
    return to_json(value, indent=indent, ensure_ascii=ensure_ascii, separators=pair, sort_keys=sort_keys)


def _text(value: Any, max_chars: int | None = None) -> str:
    """A value as a reader wants it: texts as they are, anything else as JSON; cut at `max_chars` with `...`."""
    text = value if isinstance(value, str) else to_json(value)
    if max_chars is None or len(text) <= max_chars:
        return text
    return text[: max(0, max_chars - 3)] + "..."[:max_chars]


def _title(value: Any) -> str:
    return "".join(part[0].upper() + part[1:].lower() for part in _WORD_START.split(to_text(value)) if part)


def _trim(value: Any, chars: str | None = None) -> str:
    return to_text(value).strip(chars)


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text, old, new = to_text(value), to_text(old), to_text(new)
    number = text.count(old) if count is None else min(max(count, 0), text.count(old))
    bounded(len(text) + number * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _center(value: Any, width: int = 80) -> str:
    bounded(width)
    return to_text(value).center(width)


def _indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    text = to_text(value)
    if isinstance(width, int):
        bounded(width)
    margin = width if isinstance(width, str) else " " * width
    lines = (text + "\n").splitlines()
    bounded(len(text) + len(margin) * len(lines))
    indented = [margin + line if line or blank else line for line in lines[1:]]
    return (margin if first else "") + "\n".join([lines[0], *indented])


def _truncate(value: Any, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5) -> str:
    text = to_text(value)
    if length < len(end):
        raise ValueProblem(f"truncate needs a length of at least {len(end)}, that of its end")
    if len(text) <= length + leeway:
        return text
    cut = text[: length - len(end)]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


def _wordwrap(value: Any, width: int = 79, break_long_words: bool = True, wrapstring: str = "\n") -> str:
    lines = [
        textwrap.wrap(line, width, expand_tabs=False, replace_whitespace=False, break_long_words=break_long_words)
        for line in to_text(value).splitlines()
    ]
    bounded(sum(len(part) + len(wrapstring) for line in lines for part in line))
    return wrapstring.join(wrapstring.join(parts) for parts in lines)


def _urlencode(value: Any) -> str:
    if isinstance(value, str) or not isinstance(value, Mapping | list | tuple):
        return urllib.parse.quote(to_text(value), safe="/")
    pairs = value.items() if isinstance(value, Mapping) else value
    return "&".join(f"{urllib.parse.quote_plus(to_text(k))}={urllib.parse.quote_plus(to_text(v))}" for k, v in pairs)


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    try:
        return int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        try:
            return int(float(value))
        except (TypeError, ValueError, OverflowError):
            return default


def _float(value: Any, default: Any = 0.0) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return default


def _round(value: float, precision: int = 0, method: Literal["common", "ceil", "floor"] = "common") -> float:
    import math

    if method not in ("common", "ceil", "floor"):
        raise ValueProblem(f"round knows no method '{method}'", "the methods are common, ceil and floor")
    if method == "common":
        return round(value, precision)
    factor: float = 10**precision
    return (math.ceil if method == "ceil" else math.floor)(value * factor) / factor


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(items_of(value))


TEXT_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(value),
    "capitalize": lambda value: to_text(value).capitalize(),
    "center": _center,
    "count": _length,
    "float": _float,
    "indent": _indent,
    "int": _int,
    "length": _length,
    "lower": lambda value: to_text(value).lower(),
    "replace": _replace,
    "round": _round,
    "safe": lambda value: value,
    "string": to_text,
    "text": _text,
    "title": _title,
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _truncate,
    "upper": lambda value: to_text(value).upper(),
    "urlencode": _urlencode,
    "wordcount": lambda value: len(_WORD.findall(to_text(value))),
    "wordwrap": _wordwrap,
}
