"""One exit for errors with a place, and the search for the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from guided.errors import TemplateRuntimeError, TemplateSyntaxError
from guided.source import Diagnostic, Source, Span

__all__ = ["listed", "nearest", "runtime_error", "suggest", "syntax_error"]

_LONGEST = 400


def syntax_error(source: Source, span: Span, message: str, label: str = "", help: str = "") -> TemplateSyntaxError:
    """The error to raise where a template cannot be compiled."""
    return TemplateSyntaxError(Diagnostic(source, span, _clipped(message), _clipped(label), _clipped(help)))


def runtime_error(source: Source, span: Span, message: str, label: str = "", help: str = "") -> TemplateRuntimeError:
    """The error to raise where running a template failed."""
    return TemplateRuntimeError(Diagnostic(source, span, _clipped(message), _clipped(label), _clipped(help)))


def _clipped(text: str) -> str:
    """`text`, short enough to read: it may quote what a user wrote."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most likely misspells.

    >>> nearest("lenght", ["length", "join"])
    'length'
    """
    names = list(known)
    folded = [n for n in names if n.lower() == name.lower()]
    close = folded or difflib.get_close_matches(name, names, 1, 0.6)
    return close[0] if close else None


def suggest(name: str, known: Iterable[str], what: str) -> str:
    """Help for an unknown name: the nearest one, or all of them where they are few.

    >>> suggest("lenght", ["length", "join"], "filters")
    "did you mean 'length'?"
    """
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean '{near}'?"
    if not names:
        return f"there are no {what} here"
    return f"the {what} are {listed(names)}" if len(names) <= 30 else ""


def listed(names: Iterable[str]) -> str:
    """Names as a phrase: `a, b and c`."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
