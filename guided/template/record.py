"""A run as JSON lines: enough to read it without a model, and to run it again.

Line 1 is `run`: the template's text, inputs, seed. Then a `piece` per piece of text, in order, whose tokens are
`[id, bytes as Latin-1, kind, log p]`; then a `capture` per name; the last line is `end`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from guided.program import Capture, Piece, RunResult

__all__ = ["plain", "run_record"]

VERSION = 1


def run_record(
    run: RunResult, *, name: str, source: str, inputs: Mapping[str, Any], seed: int, greedy: bool
) -> Iterator[dict[str, Any]]:
    """The entries, one per line."""
    given = {"inputs": plain(inputs), "seed": seed, "greedy": greedy}
    yield {"type": "run", "guided": VERSION, "template": name, "source": source, **given}
    for piece in run.pieces:
        yield _piece(piece)
    for captured, capture in run.captures.items():
        yield _capture(captured, capture)
    yield {"type": "end", "error": None if run.error is None else str(run.error)}


def _piece(piece: Piece) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "piece", "text": piece.text, "by": piece.provenance}
    if piece.hole is not None:
        entry["hole"] = piece.hole
    if piece.is_hidden:
        entry["hidden"] = True
    if piece.tokens:
        entry["tokens"] = [[t.id, t.data.decode("latin-1"), t.kind, t.logprob] for t in piece.tokens]
    return entry


def _capture(name: str, capture: Capture) -> dict[str, Any]:
    return {
        "type": "capture",
        "name": name,
        "value": plain(capture.value),
        "text": capture.text,
        "finish_reason": capture.finish_reason,
        "logprob": capture.logprob,
        "healing": capture.healing,
        "distribution": None if capture.distribution is None else dict(capture.distribution),
    }


def plain(value: Any) -> Any:
    """A value as JSON has it: dates and objects as pydantic writes them, infinities as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)
