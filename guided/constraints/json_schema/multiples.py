"""Numbers that are, or are not, a multiple of a decimal, as automata over their spelling.

With m = p / 10^q, a plain decimal is a multiple when its digits, the point moved q places, leave no remainder by p, and
no digit but 0 follows: the automaton carries the remainder. With an exponent e and k decimals, the mantissa's digits D
count: D * 10^(e - k + q) must be divisible by p, so the remainder says from which exponent on it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from guided.constraints.json_schema.digits import Digits
from guided.errors import ConstraintTooComplex

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Multiples"]

_MOST_STATES = 50_000
_DECIMALS = 16  # json.dumps writes at most 17 significant digits with an exponent,
_LEAST_LARGE = 16  # from this exponent on,
_LARGEST_SMALL = -5  # and from this one down
_LARGEST_EXPONENT = 999


@dataclass(frozen=True, slots=True)
class _Divisor:
    """m = p / 10^q."""

    p: int
    q: int

    @classmethod
    def of(cls, value: Decimal) -> _Divisor:
        """With p not divisible by 10, so q may be negative."""
        _, digits, exponent = value.as_tuple()
        text = "".join(map(str, digits)).lstrip("0")
        trimmed = text.rstrip("0")
        _check_size(int(trimmed) if len(trimmed) < 20 else _MOST_STATES + 1)
        return cls(int(trimmed), len(trimmed) - len(text) - int(exponent))

    def exceeds(self, exponent: int) -> bool:
        """Whether no number with this exponent or a smaller one is a multiple, but 0."""
        return self.q < -exponent

    def among(self, low: int, high: int) -> _Divisor:
        """A divisor of the same numbers, of those with these exponents, and with fewer remainders.

        D * 10^(low - k + q) has some factors of 10 whatever D is, and they need not be counted.
        """
        if self.exceeds(high):
            return _Divisor(1, -high - 1)
        given = max(0, low - _DECIMALS + self.q)
        return _Divisor(self.p // math.gcd(self.p, 10**given), self.q - given)


class Multiples:
    """Expressions in one builder."""

    def __init__(self, builder: _native.Builder) -> None:
        self._builder = builder
        self._digits = Digits(builder)

    def of(self, value: Decimal, *, is_small: bool) -> int:
        """Spellings of multiples; `is_small`: none of 1e16 or more is asked for."""
        return self._spelled(value, True, is_small)

    def refused_by(self, value: Decimal, *, is_small: bool) -> int:
        """Spellings of all other numbers."""
        return self._spelled(value, False, is_small)

    def _spelled(self, value: Decimal, is_wanted: bool, is_small: bool) -> int:
        divisor = _Divisor.of(value)
        options = [self._plain(divisor, is_wanted)]
        if not is_small:
            options.append(self._with_exponents(divisor, is_wanted, _LEAST_LARGE, _LARGEST_EXPONENT))
        if not is_wanted or not divisor.exceeds(_LARGEST_SMALL):
            options.append(self._with_exponents(divisor, is_wanted, -_LARGEST_EXPONENT, _LARGEST_SMALL))
        sign = self._digits.optional(self._digits.text("-"))
        return self._digits.concat(sign, self._digits.alternate(options))

    def _plain(self, divisor: _Divisor, is_wanted: bool) -> int:
        """Plain decimals."""
        places, zeros = max(0, divisor.q), max(0, -divisor.q)
        _check_size(divisor.p * (places + zeros + 2))
        automaton = self._builder.plain_multiples(divisor.p, places, zeros, is_wanted)
        bounded = self._digits.concat(self._digits.whole(), self._digits.any_fraction())
        return self._builder.intersect([automaton, bounded])

    def _with_exponents(self, divisor: _Divisor, is_wanted: bool, low: int, high: int) -> int:
        """Normalised mantissas, ending in no needless 0, and exponents in a range: what json.dumps writes."""
        d, same = self._digits, divisor.among(low, high)
        _check_size(same.p * (_DECIMALS + 1) * 2)
        options = []
        for first, mantissa in self._builder.mantissas_by_exponent(same.p, same.q, _DECIMALS, low, high):
            exponents = d.exponent(first, high) if is_wanted else d.exponent(low, first - 1)
            if (first <= high) if is_wanted else (first > low):
                options.append(d.concat(mantissa, exponents))
        return d.alternate(options)


def _check_size(states: int) -> None:
    if states > _MOST_STATES:
        raise ConstraintTooComplex("the remainders of multipleOf", _MOST_STATES)
