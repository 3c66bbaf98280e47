"""Intersection, complement and difference of regular constraints.

They are one expression each, made operands first and without recursion: compositions may be deep.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from guided.constraints.constraint import Expression

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Complement", "Intersection"]


class _Combination(Expression):
    """An expression of the expressions of its parts."""

    def __init__(self, operands: Sequence[Expression]) -> None:
        self.operands: tuple[Expression, ...] = tuple(operands)

    @property
    def parts(self) -> Sequence[Expression]:
        return self.operands

    @property
    def identity(self) -> Hashable:
        return ()

    @abstractmethod
    def combine(self, builder: _native.Builder, operands: Sequence[int]) -> int:
        """The expression, from those of the operands."""

    def expression(self, builder: _native.Builder) -> int:
        pending: list[tuple[Expression, bool]] = [(self, False)]
        done: list[int] = []
        while pending:
            constraint, are_operands_done = pending.pop()
            if not isinstance(constraint, _Combination):
                done.append(constraint.expression(builder))
            elif are_operands_done:
                start = len(done) - len(constraint.operands)
                done[start:] = [constraint.combine(builder, done[start:])]
            else:
                pending.append((constraint, True))
                pending.extend((operand, False) for operand in reversed(constraint.operands))
        return done[0]


class Intersection(_Combination):
    """Texts that fit every operand."""

    def __init__(self, *operands: Expression) -> None:
        flat: list[Expression] = []
        for operand in operands:
            flat.extend(operand.operands if isinstance(operand, Intersection) else (operand,))
        super().__init__(flat)

    def combine(self, builder: _native.Builder, operands: Sequence[int]) -> int:
        return builder.intersect(operands)

    def __repr__(self) -> str:
        return " & ".join(map(repr, self.operands))


class Complement(_Combination):
    """Texts that do not fit the operand."""

    def __init__(self, operand: Expression) -> None:
        super().__init__((operand,))

    @property
    def operand(self) -> Expression:
        """What the texts do not fit."""
        return self.operands[0]

    def combine(self, builder: _native.Builder, operands: Sequence[int]) -> int:
        return builder.complement(operands[0])

    def __repr__(self) -> str:
        inner = repr(self.operand)
        return f"~({inner})" if isinstance(self.operand, Intersection) else f"~{inner}"
