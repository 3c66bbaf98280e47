"""How runs look in a notebook and on a page: what the model wrote stands out, a tooltip tells each token's log p.

Every text is escaped. Colours are translucent, so that they can be read on light and on dark. `live` shows a stream
as it comes; without IPython it prints. Importing this module imports neither IPython nor anything else heavy.
"""

from __future__ import annotations

import html
import math
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeVar

from guided.program import Event, Piece, RunFinished, TextAppended
from guided.runtime.hole import HoleToken

__all__ = ["fragment", "live", "page"]

T = TypeVar("T")

_HUES = (210, 30, 130, 280, 350, 170, 55, 240)
_BOX = (
    "white-space:pre-wrap;overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:.9em;line-height:1.5;"
    "padding:.6em .8em;border:1px solid rgba(128,128,128,.35);border-radius:6px"
)
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
</style>
</head>
<body>
<h1>{title}</h1>
{body}
<p style="opacity:.7;font-size:.85em">What the model wrote is coloured, one colour per hole;
rest on a token for its log p. Underlined: decided by the constraint, without asking the model.</p>
</body>
</html>
"""


def fragment(pieces: Sequence[Piece], *, error: str | None = None) -> str:
    """A run as one `<div>`."""
    hues = _hues(pieces)
    spans = "".join(_piece(piece, hues) for piece in pieces)
    return f'<div class="guided" style="{_BOX}">{spans}{_error(error)}</div>'


def page(pieces: Sequence[Piece], *, title: str, error: str | None = None) -> str:
    """A run as a whole HTML page that needs nothing else."""
    return _PAGE.format(title=html.escape(title), body=fragment(pieces, error=error))


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


# Pieces.


def _hues(pieces: Sequence[Piece]) -> dict[str, int]:
    """A colour per hole, in order of appearance."""
    names = dict.fromkeys(piece.hole for piece in pieces if piece.provenance == "model" and piece.hole is not None)
    return {name: _HUES[number % len(_HUES)] for number, name in enumerate(names)}


def _piece(piece: Piece, hues: dict[str, int]) -> str:
    if piece.provenance != "model":
        dim = "opacity:.45;font-style:italic" if piece.is_hidden or piece.provenance == "control" else "opacity:.75"
        return f'<span style="{dim}">{_escaped(piece.text)}</span>'
    hue = hues.get(piece.hole or "", _HUES[0])
    name = html.escape(piece.hole or "", quote=True)
    background = f"background:hsla({hue},80%,50%,.22);border-radius:3px"
    faint = ";opacity:.6" if piece.is_hidden else ""
    tokens = "".join(_token(text, token) for text, token in _split(piece))
    return f'<span style="{background}{faint}" title="{name}">{tokens}</span>'


def _token(text: str, token: HoleToken | None) -> str:
    if token is None:
        return _escaped(text)
    forced = token.kind == "forced"
    facts = [token.kind, repr(token.data)[1:], f"id {token.id}"]
    if token.logprob is not None and math.isfinite(token.logprob):
        facts.append(f"log p {token.logprob:.3f}, p {math.exp(token.logprob):.1%}")
    style = ' style="text-decoration:underline dotted"' if forced else ""
    return f'<span title="{html.escape("; ".join(facts), quote=True)}"{style}>{_escaped(text)}</span>'


def _split(piece: Piece) -> Iterator[tuple[str, HoleToken | None]]:
    """The text of a piece by its tokens; a token that overlaps the fixed text before it shows its own part only.

    A character whose bytes are in several tokens goes to the last of them. Without tokens, or where they do not spell
    the text, it is one part.
    """
    data = piece.text.encode("utf-8", "surrogatepass")
    spelled = b"".join(token.data for token in piece.tokens)
    skipped = _offset(spelled, data, sum(len(token.data) for token in piece.tokens if not token.is_inside))
    if skipped is None:
        yield piece.text, None
        return
    at, shown = -skipped, 0
    for token in piece.tokens:
        at += len(token.data)
        end = min(at, len(data))
        while shown < end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1  # in the middle of a character
        if end > shown:
            yield data[shown:end].decode("utf-8", "replace"), token
            shown = end
    if shown < len(data):
        yield data[shown:].decode("utf-8", "replace"), None


def _offset(spelled: bytes, data: bytes, least: int) -> int | None:
    """Where in the bytes of the tokens the text begins, or None; the tokens may end before the text does."""
    for offset in range(least, len(spelled)):
        rest = spelled[offset:]
        if rest.startswith(data) or data.startswith(rest):
            return offset
    return None


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _error(error: str | None) -> str:
    if error is None:
        return ""
    return (
        f'<div style="margin-top:.6em;border-left:3px solid hsl(0,75%,50%);padding-left:.6em">{_escaped(error)}</div>'
    )


# Live.


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
        self._error: str | None = None
        self._every = every_seconds
        self._next = 0.0
        self._handle: Any = display(HTML(fragment(())), display_id=True)

    def show(self, event: Event) -> None:
        if isinstance(event, TextAppended):
            self._append(event)
        elif isinstance(event, RunFinished):
            self._error = event.error
        if time.monotonic() >= self._next:
            self._draw()

    def close(self) -> None:
        self._draw()

    def _append(self, event: TextAppended) -> None:
        """Text of one hole grows the last piece."""
        last = self._pieces[-1] if self._pieces else None
        if last is not None and (last.provenance, last.hole) == (event.provenance, event.hole):
            self._pieces[-1] = Piece(last.text + event.text, event.provenance, event.hole, (), event.is_hidden)
        else:
            self._pieces.append(Piece(event.text, event.provenance, event.hole, (), event.is_hidden))

    def _draw(self) -> None:
        self._next = time.monotonic() + self._every
        self._handle.update(self._html(fragment(self._pieces, error=self._error)))
