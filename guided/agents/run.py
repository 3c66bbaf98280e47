"""What a run of an agent gave back: the answer, the steps, why it ended, what it cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from guided.agents.budget import Limit
from guided.agents.steps import Step
from guided.errors import GenerationError, GuidedError, InputError

__all__ = ["AgentStats", "FinishReason", "ReactRun"]

FinishReason = Literal["answer", "error"] | Limit
FORMAT = 1


@dataclass(frozen=True, slots=True)
class AgentStats:
    """Costs of a run. `tokens` were written by the model, forced ones included; `seconds` is the wall clock.

    The last four are the engine's counters over the run.
    """

    steps: int = 0
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    tool_seconds: dict[str, float] = field(default_factory=dict)
    forward_calls: int = 0
    tokens_computed: int = 0
    tokens_reused: int = 0
    tokens_forced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactRun:
    """A finished run.

    finish_reason: "answer" (the model chose to answer), the limit that narrowed the last turn to the answer ("steps",
    "tool_calls", "tokens", "seconds", "context", "repeats"), or "error". `trace` is what happened in order, as plain
    JSON values; `text` is the whole transcript.
    """

    question: str
    prompt: str
    steps: tuple[Step, ...]
    finish_reason: FinishReason
    seed: int
    stats: AgentStats
    trace: tuple[dict[str, Any], ...]
    error: GuidedError | None = None
    value: Any = None

    @property
    def answer(self) -> Any:
        """The answer in its type; raises `error` if there is one."""
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def answer_text(self) -> str | None:
        """The answer as the model wrote it."""
        return self.steps[-1].answer if self.steps else None

    @property
    def text(self) -> str:
        """The prompt, the turns and the observations, as the model saw them."""
        parts = [self.prompt]
        for step in self.steps:
            parts.append(step.text)
            if step.observation is not None:
                parts.append(f"Observation: {step.observation.text}\n")
        return "".join(parts)

    def to_json(self) -> str:
        """The transcript as one JSON document: enough for `ReactAgent.replay`."""
        document = {
            "guided_react_run": FORMAT,
            "question": self.question,
            "seed": self.seed,
            "finish_reason": self.finish_reason,
            "error": None if self.error is None else f"{type(self.error).__name__}: {self.error}",
            "answer": self.answer_text,
            "prompt": self.prompt,
            "steps": [step.to_dict() for step in self.steps],
            "stats": {name: getattr(self.stats, name) for name in AgentStats.__slots__},
            "trace": list(self.trace),
        }
        return json.dumps(document)  # ASCII: a tool may have returned half a surrogate pair

    @staticmethod
    def from_json(text: str) -> ReactRun:
        """Read `to_json`'s document; `value` is the answer's text, `error` a `GenerationError` with the same
        message."""
        try:
            document = json.loads(text)
            if document["guided_react_run"] != FORMAT:
                raise InputError(f"a transcript of format {document['guided_react_run']}; this version reads {FORMAT}")
            return ReactRun(
                question=document["question"],
                prompt=document["prompt"],
                steps=tuple(Step.from_dict(step) for step in document["steps"]),
                finish_reason=document["finish_reason"],
                seed=document["seed"],
                stats=AgentStats(**document["stats"]),
                trace=tuple(document["trace"]),
                error=None if document["error"] is None else GenerationError(document["error"]),
                value=document["answer"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"this is not a transcript of a ReactRun: {type(error).__name__}: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write `to_json` to a file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")
