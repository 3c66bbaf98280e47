"""A run as a small piece of HTML for notebooks: every text is escaped, nothing is loaded from anywhere."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

from guided.program.state import Piece
from guided.program.trace import Segment, segments

__all__ = ["run_html"]

_STYLE = {
    "fixed": "color:#888",
    "control": "color:#b58900;font-size:85%",
    "forced": "color:#268bd2",
    "sampled": "background:#e6f4ea;color:#0b5d1e",
    "healed": "background:#fdf0d5;color:#7a4b00",
}


def run_html(pieces: Iterable[Piece]) -> str:
    """A whole run: fixed text grey, forced text blue, sampled tokens green, healed ones amber."""
    return _page(segments(pieces))


def _page(parts: Iterable[Segment]) -> str:
    body = "".join(_span(part) for part in parts if part.text)
    return f'<pre class="guided-trace" style="white-space:pre-wrap;margin:0">{body}</pre>'


def _span(part: Segment) -> str:
    style = _STYLE[part.kind] + (";opacity:.6;font-style:italic" if part.is_hidden else "")
    return f'<span style="{style}" title="{html.escape(_title(part))}">{html.escape(part.text)}</span>'


def _title(part: Segment) -> str:
    words = [part.kind if part.hole is None else f"{part.hole}: {part.kind}"]
    if part.kind == "fixed":
        words = [part.provenance]
    if part.token is not None:
        words.append(f"token {part.token}")
    if part.logprob is not None:
        words.append(f"p {math.exp(part.logprob):.3g}")
    return ", ".join(words) + (", hidden" if part.is_hidden else "")
