"""What a `ReactAgent` was told, checked once and handed down as one frozen record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from guided.agents.budget import Budget
from guided.constraints import Constraint
from guided.errors import InputError
from guided.tools import Tool

__all__ = ["AgentOptions", "Approve"]

Approve = Callable[[Tool, dict[str, Any]], bool | str]
"""Asked before each call: True lets it happen; False, or a text with the reason, refuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """See `ReactAgent` for what each one means."""

    tools: Mapping[str, Tool]
    answer: Constraint
    budget: Budget
    instructions: str
    temperature: float
    seed: int
    max_turn_tokens: int
    max_thought_chars: int
    max_observation_chars: int
    max_repeats: int
    approve: Approve | None

    def __post_init__(self) -> None:
        least = {
            "max_turn_tokens": 1,
            "max_thought_chars": 1,
            "max_observation_chars": 20,
            "max_repeats": 1,
            "seed": 0,
        }
        for name, minimum in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
                raise InputError(f"ReactAgent: {name} must be an integer of at least {minimum}, not {value!r}")
        if not self.temperature >= 0:
            raise InputError(f"ReactAgent: temperature must be 0 or more, not {self.temperature!r}")
