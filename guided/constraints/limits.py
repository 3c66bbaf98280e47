"""How much work compiling and matching one constraint may take.

Limits count work, not seconds, so that the same constraint is refused or accepted on every machine.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["DEFAULT_LIMITS", "Limits"]

_MOST = {"max_split": 16, "max_witnesses": 16, "max_counted_items": 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one compiled constraint; beyond one of them `ConstraintTooComplex` is raised and names it.

    >>> Limits(max_alternatives=10_000).max_alternatives
    10000
    """

    # Automata. What has been made is kept, so these bound memory too, and may be met while a text is under way.
    max_expressions: int = 2_000_000  # regular expressions made while compiling and matching
    max_states: int = 1_000_000  # automaton states made while compiling and matching
    max_pattern_search: int = 20_000  # states explored to see whether patterns beside each other can match, about
    max_readings: int = 4_096  # readings of one text kept side by side, where the text so far does not decide

    max_grown_bytes: int = (
        64 << 20
    )  # what texts may add to one compiled grammar before new texts get a fresh one; no error

    # Schemas, before any automaton is made.
    max_schema_nodes: int = 200_000  # sub-schemas and constant values after references are resolved

    # Combinations of schemas. All of these are met when a schema is compiled, if at all (see `may_exceed`).
    max_goals: int = 20_000  # kinds of values that a schema tells apart, where it has choices
    max_alternatives: int = 4_096  # conjunctions that the choices about one value multiply to
    max_choices: int = 100_000  # steps taken to find them
    max_split: int = 8  # members of one anyOf beside unevaluated*; at most 16
    max_key_kinds: int = 256  # languages of keys that patternProperties and propertyNames tell apart in one object
    max_witnesses: int = 6  # keys without a name of their own that must exist with a value of some kind; at most 16
    max_counted_items: int = 6  # contains conditions about one array; at most 16
    max_plan_work: int = 50_000  # ways to make one object or array, tried one by one
    max_unique_items: int = 1_000  # minItems beside uniqueItems
    max_required_items: int = 100_000  # minItems
    max_required_keys: int = 1_000  # minProperties, beyond the keys that are required by name
    max_unordered_keys: int = 2_000  # keys of one object that are required and may come in any order
    max_shortest_bytes: int = 1 << 20  # of the shortest text of a schema

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value, most = getattr(self, name), _MOST.get(name, 1 << 32)
            if not isinstance(value, int) or not 1 <= value <= most:
                raise ConstraintError(f"Limits({name}=...) must be a whole number from 1 to {most}, not {value!r}")

    def new_builder(self) -> _native.Builder:
        """A native builder that keeps to these limits."""
        native = _core()
        limits = {} if self is DEFAULT_LIMITS else {name: getattr(self, name) for name in native.default_limits()}
        builder: _native.Builder = native.Builder(**limits)
        return builder

    @property
    def key(self) -> Limits | None:
        """Equal for equal limits; None for the usual ones, which takes no time to hash."""
        return None if self is DEFAULT_LIMITS or self == DEFAULT_LIMITS else self


@functools.cache
def _core() -> Any:
    from guided import _native

    return _native


DEFAULT_LIMITS = Limits()
