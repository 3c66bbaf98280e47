"""What a user asks of a text: the base class of every constraint, and the one door through which all are compiled.

A constraint is an immutable value: equal ones share one compiled grammar. `lower` describes it to the native builder,
parts first and without recursion, so that deep compositions are fine.
"""

from __future__ import annotations

import functools
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

from guided.constraints.compile_cache import compiled
from guided.constraints.limits import DEFAULT_LIMITS, Limits
from guided.errors import ConstraintError
from guided.vocab import Vocabulary

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Constraint", "Expression"]


class Constraint(ABC):
    """A set of texts, with a way to read one of them as a value."""

    _hash: int | None = None

    @property
    @abstractmethod
    def identity(self) -> Hashable:
        """What makes two constraints of one class equal, beside their parts."""

    @property
    def parts(self) -> Sequence[Constraint]:
        """The constraints that this one is made of."""
        return ()

    @abstractmethod
    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        """Describe this constraint, its parts being the grammar nodes `parts`; returns a grammar node."""

    def clash(self, limits: Limits) -> str | None:
        """Which parts of a constraint that nothing satisfies clash, in a few words; None where that is not known."""
        for part in self.parts:
            if words := part.clash(limits):
                return words
        return None

    def parse(self, text: str) -> Any:
        """The value that `text` spells; ConstraintError if it spells none."""
        return text

    def lower(self, builder: _native.Builder, limits: Limits = DEFAULT_LIMITS) -> int:
        """The grammar node of this constraint and all its parts in `builder`."""
        if not self.parts:
            return self.lower_with(builder, (), limits)
        pending: list[tuple[Constraint, bool]] = [(self, False)]
        nodes: list[int] = []
        while pending:
            constraint, are_parts_done = pending.pop()
            count = 0 if isinstance(constraint, Expression) else len(constraint.parts)
            if count and not are_parts_done:
                pending.append((constraint, True))
                pending.extend((part, False) for part in reversed(constraint.parts))
                continue
            lowered = nodes[len(nodes) - count :]
            del nodes[len(nodes) - count :]
            nodes.append(constraint.lower_with(builder, lowered, limits))
        return nodes[0]

    def compile(self, vocab: Vocabulary, limits: Limits = DEFAULT_LIMITS) -> Any:
        """The `guided.CompiledGrammar` of this constraint for `vocab`; equal ones are compiled once.

        Raises UnsatisfiableConstraint, ConstraintTooComplex or UnsupportedSchema, never later.
        """
        return _compiled_grammar()(compiled(self, vocab, limits), vocab, self, limits)

    def __or__(self, other: Constraint | str) -> Constraint:
        from guided.constraints.sequence import Alternatives

        return Alternatives(self, other)

    def __ror__(self, other: str) -> Constraint:
        from guided.constraints.sequence import Alternatives

        return Alternatives(other, self)

    def __and__(self, other: Constraint) -> Constraint:
        raise ConstraintError(f"cannot intersect {type(self).__name__} with {type(other).__name__}")

    def __sub__(self, other: Constraint) -> Constraint:
        raise ConstraintError(
            f"cannot take {type(other).__name__} from {type(self).__name__}: only regular constraints"
        )

    def __invert__(self) -> Constraint:
        raise ConstraintError(f"cannot complement {type(self).__name__}: only regular constraints have a complement")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constraint):
            return NotImplemented
        pending: list[tuple[Constraint, Constraint]] = [(self, other)]
        while pending:
            left, right = pending.pop()
            if left is right:
                continue
            if type(left) is not type(right) or hash(left) != hash(right) or left.identity != right.identity:
                return False
            if len(left.parts) != len(right.parts):
                return False
            pending.extend(zip(left.parts, right.parts, strict=True))
        return True

    def __hash__(self) -> int:
        if self._hash is None and not self.parts:
            self._hash = hash((type(self).__name__, self.identity))
        if self._hash is not None:
            return self._hash
        pending: list[Constraint] = [self]
        while self._hash is None:
            constraint = pending[-1]
            missing = [part for part in constraint.parts if part._hash is None]
            if missing:
                pending.extend(missing)
                continue
            parts = tuple(part._hash for part in constraint.parts)
            constraint._hash = hash((type(constraint).__name__, constraint.identity, parts))
            pending.pop()
        return self._hash


@functools.cache
def _compiled_grammar() -> Callable[..., Any]:
    made: Callable[..., Any] = importlib.import_module("guided.matcher").CompiledGrammar  # of a higher floor
    return made


class Expression(Constraint):
    """A constraint that is one regular expression over characters."""

    @abstractmethod
    def expression(self, builder: _native.Builder) -> int:
        """The expression in `builder`."""

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        return builder.lexeme(self.expression(builder))

    def __and__(self, other: Constraint) -> Constraint:
        from guided.constraints.boolean import Intersection

        return Intersection(self, other) if isinstance(other, Expression) else super().__and__(other)

    def __sub__(self, other: Constraint) -> Constraint:
        return self & ~other if isinstance(other, Expression) else super().__sub__(other)

    def __invert__(self) -> Constraint:
        from guided.constraints.boolean import Complement

        return self.operand if isinstance(self, Complement) else Complement(self)
