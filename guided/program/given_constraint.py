"""A constraint as a caller may give it: a guided constraint, or a Python type that stands for one."""

from __future__ import annotations

from typing import Any

from guided.constraints import Constraint
from guided.errors import InputError

__all__ = ["as_constraint"]

_HINTS: dict[type, str] = {
    str: "guided.Regex(...) for a pattern, guided.Choice([...]) for fixed texts",
    dict: "guided.JsonSchema(...) for a JSON Schema",
    list: "guided.Choice([...]) for a choice of texts",
    tuple: "guided.Choice([...]) for a choice of texts",
    set: "guided.Choice([...]) for a choice of texts",
}


def as_constraint(value: Any) -> Constraint | None:
    """The constraint itself, or that of a Python type (`int`, a pydantic model, `list[str]`)."""
    if value is None or isinstance(value, Constraint):
        return value
    if isinstance(value, type) or hasattr(value, "__origin__") or type(value).__module__ in ("typing", "types"):
        from guided.constraints import constraint

        return constraint(value)
    hint = _HINTS.get(type(value), "a guided constraint such as guided.Regex, guided.Choice or guided.JsonSchema")
    raise InputError(f"constraint is a guided constraint or a Python type, not {type(value).__name__}: use {hint}")
