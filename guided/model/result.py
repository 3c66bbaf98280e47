"""What a generation gave back: text, typed value, tokens, why it stopped, and what went wrong if something did."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from guided.constraints import Constraint
from guided.errors import GuidedError
from guided.program import Healing, HoleToken, Piece, run_html
from guided.runtime.engine import EngineStats

__all__ = ["FinishReason", "Result"]

FinishReason: TypeAlias = Literal["stop", "length", "closed", "cancelled", "error"]
"""`stop`: the text was complete; `length`: cut at `max_tokens`; `closed`: finished early, and valid, inside it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """One generated text.

    `tokens` are those that overlap the text. `logprob` is log p of the text, None unless asked for. `stats` counts the
    work of the call that made it, and of no other (for a batch: of the whole batch). `samples` are all results of
    `n > 1`. `trace` has every token that was decided, also those that only spell the end of the prompt again.
    `healing` says what became of the cut at the end of the prompt: "healed", "none", "off" or "inexact"
    (docs/healing.md); None where the text ended in an error. `is_canonical` is None unless `canonical=True` was given:
    False where the constraint left, at some step, no token that the tokenizer itself would have written.
    """

    text: str
    tokens: tuple[int, ...] = ()
    finish_reason: FinishReason = "stop"
    error: GuidedError | None = None
    logprob: float | None = None
    stats: EngineStats = field(default_factory=EngineStats)
    constraint: Constraint | None = None
    samples: tuple[Result, ...] = ()
    prompt: str = ""
    trace: tuple[HoleToken, ...] = ()
    healing: Healing | None = None
    is_canonical: bool | None = None

    @property
    def value(self) -> Any:
        """The text as the constraint's type: a dict for a schema, the object for a pydantic model, `int` for int.

        Raises `error` if there is one.
        """
        if self.error is not None:
            raise self.error
        return self.text if self.constraint is None else self.constraint.parse(self.text)

    @property
    def log_allowed_mass(self) -> float | None:
        """log of the probability that the mask left to the model, summed over steps; None unless log p was asked for.

        Far below 0 where the model wanted something else than the constraint.
        """
        masses = [token.log_allowed_mass for token in self.trace if token.log_allowed_mass is not None]
        return sum(masses) if self.logprob is not None else None

    def __repr__(self) -> str:
        error = "" if self.error is None else f", error={type(self.error).__name__}"
        return f"Result({self.text!r}, {self.finish_reason!r}, {len(self.tokens)} tokens{error})"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        made = run_html((Piece(self.prompt, "input"), Piece(self.text, "model", "text", self.trace)))
        return made + ("" if self.error is None else f"<pre>{html.escape(str(self.error))}</pre>")
