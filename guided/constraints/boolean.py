"""Intersection and complement of regular constraints."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from guided.constraints.constraint import Expression

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Complement", "Intersection"]


class Intersection(Expression):
    """Texts that fit every operand."""

    def __init__(self, *operands: Expression) -> None:
        flat: list[Expression] = []
        for operand in operands:
            flat.extend(operand.operands if isinstance(operand, Intersection) else (operand,))
        self.operands: tuple[Expression, ...] = tuple(flat)

    @property
    def identity(self) -> Hashable:
        return self.operands

    def expression(self, builder: _native.Builder) -> int:
        return builder.intersect([operand.expression(builder) for operand in self.operands])

    def __repr__(self) -> str:
        return " & ".join(map(repr, self.operands))


class Complement(Expression):
    """Texts that do not fit the operand."""

    def __init__(self, operand: Expression) -> None:
        self.operand = operand

    @property
    def identity(self) -> Hashable:
        return self.operand

    def expression(self, builder: _native.Builder) -> int:
        return builder.complement(self.operand.expression(builder))

    def __repr__(self) -> str:
        return f"~{self.operand!r}"
