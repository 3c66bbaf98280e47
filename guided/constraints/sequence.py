"""Constraints made of others: one after the other, one of several, one several times."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from guided.constraints.constraint import Constraint
from guided.constraints.limits import Limits
from guided.constraints.text import LiteralText
from guided.errors import ConstraintError

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Alternatives", "Repeat", "Seq"]


def _as_constraint(part: Constraint | str) -> Constraint:
    if isinstance(part, Constraint):
        return part
    if isinstance(part, str):
        return LiteralText(part)
    raise ConstraintError(f"expected a constraint or a text, not {part!r}; guided.constraint() makes one of a type")


class Seq(Constraint):
    """One part after the other; a string is a fixed text."""

    def __init__(self, *parts: Constraint | str) -> None:
        flat: list[Constraint] = []
        for part in map(_as_constraint, parts):
            flat.extend(part.parts if isinstance(part, Seq) else (part,))
        self._parts = tuple(flat)

    @property
    def identity(self) -> Hashable:
        return None

    @property
    def parts(self) -> Sequence[Constraint]:
        return self._parts

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        return builder.sequence(list(parts))

    def __repr__(self) -> str:
        return f"Seq({', '.join(map(repr, self._parts))})"


class Alternatives(Constraint):
    """One of several constraints; what `|` makes."""

    def __init__(self, *parts: Constraint | str) -> None:
        if not parts:
            raise ConstraintError("Alternatives needs at least one constraint")
        flat: list[Constraint] = []
        for part in map(_as_constraint, parts):
            flat.extend(part.parts if isinstance(part, Alternatives) else (part,))
        self._parts = tuple(flat)

    @property
    def identity(self) -> Hashable:
        return None

    @property
    def parts(self) -> Sequence[Constraint]:
        return self._parts

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        return builder.choice(list(parts))

    def parse(self, text: str) -> Any:
        """The value by the first alternative that can read the text."""
        for part in self._parts:
            try:
                return part.parse(text)
            except ConstraintError:
                continue
        raise ConstraintError(f"{text!r} fits none of the {len(self._parts)} alternatives")

    def __repr__(self) -> str:
        return " | ".join(map(repr, self._parts))


class Repeat(Constraint):
    """A constraint `min` to `max` times (None: any number of times), with `sep` in between."""

    def __init__(
        self, part: Constraint | str, min: int = 0, max: int | None = None, sep: Constraint | str | None = None
    ) -> None:
        if min < 0 or (max is not None and max < min):
            raise ConstraintError(f"Repeat needs 0 <= min <= max, not min={min} and max={max}")
        self._bounds = (min, max)
        self._parts = (
            (_as_constraint(part),) if sep is None or sep == "" else (_as_constraint(part), _as_constraint(sep))
        )

    @property
    def identity(self) -> Hashable:
        return self._bounds

    @property
    def parts(self) -> Sequence[Constraint]:
        return self._parts

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        separator = parts[1] if len(parts) > 1 else None
        return builder.repetition(parts[0], *self._bounds, separator)

    def __repr__(self) -> str:
        return f"Repeat({', '.join(map(repr, self._parts))}, min={self._bounds[0]}, max={self._bounds[1]})"
