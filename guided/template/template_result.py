"""What a run of a template gave: typed captures, the text, who wrote each piece, the error that ended it early."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.errors import GuidedError, InputError
from guided.program import Capture, Healing, RunResult, run_html
from guided.runtime.engine import EngineStats
from guided.template.files import write_whole
from guided.template.record import run_record
from guided.template.trace import Trace

__all__ = ["TemplateResult"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TemplateResult:
    """`result["age"]` is the typed value of the hole `age`.

    `error` is what ended the run early, if anything did; captures and text up to there are kept. `stats` counts the
    work of the call that made it (for `map`: of all its rows).
    """

    run: RunResult
    name: str
    inputs: Mapping[str, Any]
    seed: int = 0
    greedy: bool = False
    source: str = ""
    stats: EngineStats = field(default_factory=EngineStats)

    def __getitem__(self, name: str) -> Any:
        """The typed value of a capture. One that was not reached raises the error that ended the run."""
        if name not in self.run.values:
            if self.error is not None:
                raise self.error
            raise KeyError(f"no capture {name!r}; the captures are: {', '.join(self.run.values) or 'none'}")
        return self.run.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.run.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.run.values)

    def __repr__(self) -> str:
        values = [f"{name}={value!r}" for name, value in self.run.values.items()]
        error = [] if self.error is None else [f"error={type(self.error).__name__}"]
        return f"TemplateResult({', '.join([*values, *error])})"

    def __str__(self) -> str:
        return self.text

    @property
    def captures(self) -> dict[str, Any]:
        """All typed values by name."""
        return dict(self.run.values)

    @property
    def text(self) -> str:
        """The whole text, without hidden parts."""
        return self.run.text

    @property
    def error(self) -> GuidedError | None:
        return self.run.error

    @property
    def trace(self) -> Trace:
        """The pieces of the text, with who wrote them and the tokens."""
        return Trace(self.run.pieces)

    def logprob(self, name: str) -> float:
        """log p of what was written at a hole, before the mask.

        A `select` always has it; a `gen` has it if the template was run with `logprobs=True`.
        """
        found = self._capture(name).logprob
        if found is None:
            raise InputError(f"log p of {name!r} was not recorded: run the template with logprobs=True")
        return found

    def distribution(self, name: str) -> dict[str, float]:
        """The probability of each option of a `select` with `dist=true`; they sum to 1."""
        found = self._capture(name).distribution
        if found is None:
            raise InputError(f"{name!r} has no distribution: it is kept for select({name!r}, ..., dist=true)")
        return dict(found)

    def healing(self, name: str) -> Healing:
        """What became of the cut before the hole `name`: "healed", "none", "off" or "inexact" (docs/healing.md)."""
        return self._capture(name).healing

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run as JSON lines: what was run, each piece with its tokens, each capture, how it ended."""
        record = run_record(
            self.run, name=self.name, source=self.source, inputs=self.inputs, seed=self.seed, greedy=self.greedy
        )
        write_whole(Path(path), "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in record))

    def _capture(self, name: str) -> Capture:
        if name not in self.run.captures:
            self[name]  # raises what says best why it is not there
        return self.run.captures[name]

    def _repr_html_(self) -> str:
        return run_html(self.run.pieces) + ("" if self.error is None else f"<pre>{html.escape(str(self.error))}</pre>")
