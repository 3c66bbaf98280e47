"""What a run consists of: steps, as plain values that go to JSON and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from guided.agents.budget import Limit

__all__ = ["Action", "Observation", "Step"]


@dataclass(frozen=True, slots=True)
class Action:
    """A call: the tool's name, its arguments, and the JSON text that the model wrote for them."""

    tool: str
    arguments: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What came back: as it stands in the transcript. `is_error`: the tool refused, failed, or was not approved."""

    text: str
    is_error: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the model, with the observation that followed a call.

    Either `action` or `answer` (as text) is there. `text` is the turn as written. `narrowed`: the limit because of
    which only the answer was offered. `masked`: calls (tool and canonical arguments) that were not offered because
    they had been repeated.
    """

    index: int
    thought: str
    action: Action | None
    observation: Observation | None
    answer: str | None
    text: str
    tokens: int
    max_tokens: int | None = None
    narrowed: Limit | None = None
    masked: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Step:
        """The inverse of `to_dict`."""
        action, observation = values["action"], values["observation"]
        return Step(
            **{
                **values,
                "action": None if action is None else Action(**action),
                "observation": None if observation is None else Observation(**observation),
                "masked": tuple((tool, arguments) for tool, arguments in values["masked"]),
            }
        )
