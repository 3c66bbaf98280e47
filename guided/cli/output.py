"""What a run prints: text as it is generated, JSON, progress.

On a terminal fixed text is dim and generated text is highlighted, and control characters are made visible, so that
no text of a model can steer the terminal. Anywhere else the bytes are the text.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, TextIO

from guided.template.record import plain

__all__ = ["Progress", "TextPrinter", "to_json"]

_VISIBLE = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"} | {127: "\u2421"}


class TextPrinter:
    """Prints pieces of text as they come; `generated` pieces stand out on a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._console = _console(self._stream)
        self._last = "\n"

    def write(self, text: str, *, generated: bool) -> None:
        """Print `text` and flush, so that a reader sees it now."""
        if not text:
            return
        self._last = text[-1]
        if self._console is None:
            self._stream.write(text)
        else:
            shown = text.translate(_VISIBLE)
            style = "bold green" if generated else "dim"
            self._console.out(shown, style=style, end="", highlight=False)
        self._stream.flush()

    def end_line(self) -> None:
        """Finish the last line, if it is not finished."""
        if self._last != "\n":
            self._stream.write("\n")
            self._stream.flush()
        self._last = "\n"


def _console(stream: TextIO) -> Any:
    """A rich console where it would show colours, else None."""
    if not stream.isatty():
        return None
    from rich.console import Console

    return Console(file=stream, soft_wrap=True)


def to_json(value: Any) -> str:
    """One JSON document on several lines; dates, pydantic objects and the like as pydantic would write them."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)


class Progress:
    """Says on standard error how far long work is: live on a terminal, else a line every few seconds."""

    def __init__(self, what: str, total: int | None = None, *, every_seconds: float = 5.0) -> None:
        self._total = total
        self._what = what
        self._live = sys.stderr.isatty()
        self._every = 0.1 if self._live else every_seconds
        self._next = time.monotonic() + self._every
        self._shown = False

    def update(self, done: int) -> None:
        """Tell that `done` of the work is finished."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        self._shown = True
        start, end = ("\r", "") if self._live else ("", "\n")
        count = str(done) if self._total is None else f"{done}/{self._total}"
        print(f"{start}{self._what}: {count}", end=end, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Clear the live line."""
        if self._shown and self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
