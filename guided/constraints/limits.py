"""How much work compiling and matching one constraint may take.

Limits count work, not seconds, so that the same constraint is refused or accepted on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one compiled constraint; beyond one of them `ConstraintTooComplex` is raised."""

    max_expressions: int = 2_000_000  # regular expressions made while compiling and matching
    max_states: int = 1_000_000  # automaton states made while compiling and matching
    max_schema_nodes: int = 200_000  # sub-schemas and constant values after references are resolved
    max_nesting: int = 10_000  # how deep a schema may be nested
