"""Rules that call each other only at one end, all at the last place or all at the first: they are regular.

`ws ::= [ \\t] ws | ""` is [ \\t]*. Such rules are linear equations over expressions, `X = A X + B`, and are solved as
those are: by elimination, with `X = A* B` where a rule calls itself (Arden, 1961).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guided.constraints.grammar.rules import Op, Ref, Rules
from guided.constraints.regex.nodes import Alternate, Chars, Concat, Literal, Repeat

if TYPE_CHECKING:
    from guided import _native

__all__ = ["solve_linear"]

_MOST_RULES = 8
"""Elimination can grow expressions exponentially; larger groups run as rules."""


@dataclass(frozen=True, slots=True)
class _Linear:
    """`constant`, or a text of a rule with its factor beside it; None: no text."""

    constant: int | None
    factors: Mapping[str, int] = field(default_factory=dict)


def solve_linear(
    builder: _native.Builder, rules: Rules, group: Sequence[str], known: Mapping[str, int]
) -> dict[str, int] | None:
    """The expressions of rules that call each other, those in `known` being regular; None if they are not linear."""
    if len(group) > _MOST_RULES:
        return None
    for calls_last in (True, False):
        algebra = _Algebra(builder, frozenset(group), known, calls_last)
        equations: dict[str, _Linear] = {}
        for name in group:
            equation = algebra.evaluate(rules[name].body)
            if equation is None:
                break
            equations[name] = equation
        else:
            return algebra.solve(equations)
    return None


class _Algebra:
    def __init__(
        self, builder: _native.Builder, group: frozenset[str], known: Mapping[str, int], calls_last: bool
    ) -> None:
        self._builder = builder
        self._group = group
        self._known = known
        self._calls_last = calls_last

    def evaluate(self, body: Sequence[Op]) -> _Linear | None:
        """The body as a linear form; None where a rule of the group is called in another place."""
        stack: list[_Linear] = []
        for op in body:
            match op:
                case Chars(ranges):
                    stack.append(_Linear(self._builder.chars(ranges) if ranges else None))
                case Literal(text):
                    stack.append(_Linear(self._builder.literal(text) if text else self._builder.epsilon()))
                case Ref(name):
                    is_own = name in self._group
                    stack.append(
                        _Linear(None, {name: self._builder.epsilon()}) if is_own else _Linear(self._known[name])
                    )
                case Concat(count):
                    parts = stack[-count:]
                    inner = parts[:-1] if self._calls_last else parts[1:]
                    if any(part.factors for part in inner):
                        return None
                    stack[-count:] = [self._product(inner, parts[-1] if self._calls_last else parts[0])]
                case Alternate(count):
                    stack[-count:] = [self._sum(stack[-count:])]
                case Repeat(minimum, maximum):
                    part = stack.pop()
                    if part.factors and maximum not in (0, 1):
                        return None
                    stack.append(self._repeat(part, minimum, maximum))
        return stack[0]

    def _repeat(self, part: _Linear, minimum: int, maximum: int | None) -> _Linear:
        epsilon = _Linear(self._builder.epsilon())
        if maximum == 0:
            return epsilon
        if part.factors:
            return part if minimum else self._sum([part, epsilon])
        if part.constant is None:
            return epsilon if minimum == 0 else part
        return _Linear(self._builder.repeat(part.constant, minimum, maximum))

    def _product(self, inner: Sequence[_Linear], outer: _Linear) -> _Linear:
        expressions = [part.constant for part in inner if part.constant is not None]
        if len(expressions) < len(inner):
            return _Linear(None)
        beside = self._builder.concat(expressions)
        constant = None if outer.constant is None else self._beside(beside, outer.constant)
        return _Linear(constant, {name: self._beside(beside, factor) for name, factor in outer.factors.items()})

    def _beside(self, inner: int, outer: int) -> int:
        """The product of a factor with what stands on the side of the call."""
        return self._builder.concat([inner, outer] if self._calls_last else [outer, inner])

    def _sum(self, parts: Sequence[_Linear]) -> _Linear:
        factors: dict[str, list[int]] = {}
        for part in parts:
            for name, factor in part.factors.items():
                factors.setdefault(name, []).append(factor)
        constants = [part.constant for part in parts if part.constant is not None]
        return _Linear(
            self._builder.alternate(constants) if constants else None,
            {name: self._builder.alternate(listed) for name, listed in factors.items()},
        )

    def solve(self, equations: dict[str, _Linear]) -> dict[str, int]:
        """Eliminate one rule after the other, then put in what is known, backwards."""
        names = list(equations)
        for position, name in enumerate(names):
            equations[name] = self._without_itself(name, equations[name])
            for later in names[position + 1 :]:
                equations[later] = self._substituted(equations[later], name, equations[name])
        for position in range(len(names) - 1, -1, -1):
            for earlier in names[:position]:
                equations[earlier] = self._substituted(equations[earlier], names[position], equations[names[position]])
        empty = self._builder.empty()
        return {name: empty if form.constant is None else form.constant for name, form in equations.items()}

    def _without_itself(self, name: str, form: _Linear) -> _Linear:
        if name not in form.factors:
            return form
        rounds = _Linear(self._builder.repeat(form.factors[name], 0, None))
        others = {other: factor for other, factor in form.factors.items() if other != name}
        return self._product([rounds], _Linear(form.constant, others))

    def _substituted(self, form: _Linear, name: str, value: _Linear) -> _Linear:
        if name not in form.factors:
            return form
        others = {other: factor for other, factor in form.factors.items() if other != name}
        return self._sum([_Linear(form.constant, others), self._product([_Linear(form.factors[name])], value)])
