"""Runs on a screen: `live` shows a stream as it comes, `page` is a run as a web page of its own.

How a finished run looks in a notebook is `guided.program.run_html`; every text is escaped there. Without IPython
`live` prints. Importing this module imports neither IPython nor anything else that is heavy.
"""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from guided.program import Event, Piece, RunFinished, TextAppended, run_html

__all__ = ["live", "page"]

T = TypeVar("T")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font-family: system-ui, sans-serif; }}
h1 {{ font-size: 1.2rem; }}
p {{ font-size: .85rem; opacity: .75; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
<p>Grey: fixed text. Green: chosen by the model. Amber: chosen by the model across the start of a hole. Blue: the only
way to go on, so the model was not asked. Rest on a token to see its hole and its probability.</p>
</body>
</html>
"""


def page(pieces: Iterable[Piece], *, title: str, error: str | None = None) -> str:
    """A run as a whole HTML page that needs nothing else."""
    body = run_html(pieces) + ("" if error is None else f"<pre>{html.escape(error)}</pre>")
    return _PAGE.format(title=html.escape(title), body=body)


def live(events: Generator[Event, None, T], *, every_seconds: float = 0.05) -> T:
    """Show a stream of `template.stream(...)` or `model.stream(...)` as it comes; returns its result.

    In a notebook the output is drawn anew at most every `every_seconds`; elsewhere the text is printed.
    """
    screen = _Screen(every_seconds) if _in_notebook() else _Printer()
    try:
        while True:
            screen.show(next(events))
    except StopIteration as end:
        result: T = end.value
    finally:
        screen.close()
    return result


def _in_notebook() -> bool:
    """Whether a notebook kernel runs this code; IPython is looked for, not imported."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class _Printer:
    """Prints text as it comes."""

    def show(self, event: Event) -> None:
        if isinstance(event, TextAppended) and not event.is_hidden:
            print(event.text, end="", flush=True)

    def close(self) -> None:
        print()


class _Screen:
    """Redraws one notebook output."""

    def __init__(self, every_seconds: float) -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self._pieces: list[Piece] = []
        self._error = ""
        self._every = every_seconds
        self._next = 0.0
        self._handle: Any = display(HTML(""), display_id=True)

    def show(self, event: Event) -> None:
        if isinstance(event, TextAppended):
            self._pieces.append(Piece(event.text, event.provenance, event.hole, (), event.is_hidden))
        elif isinstance(event, RunFinished) and event.error is not None:
            self._error = f"<pre>{html.escape(event.error)}</pre>"
        if time.monotonic() >= self._next:
            self._draw()

    def close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._next = time.monotonic() + self._every
        self._handle.update(self._html(run_html(self._pieces) + self._error))
