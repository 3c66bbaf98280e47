"""Which spellings of a JSON number have a value that the schema accepts.

A number is compared as it is spelled, digit by digit, so bounds are exact decimals: 5.7 <= x is a finite automaton over
the text. Plain spellings take up to 40 digits on each side of the point. Under bounds an exponent needs a normalised
mantissa (one digit, not 0, before the point), because then the exponents are compared first: what `json.dumps` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Literal

from guided.constraints.json_schema.digits import Digits
from guided.errors import ConstraintTooComplex

if TYPE_CHECKING:
    from guided import _native

__all__ = ["NumberSpellings", "NumericRange"]

_LARGEST_EXPONENT = 999
_MOST_DECIMALS = 40
_MOST_PLAIN_DIGITS = 400  # a constant with more digits is spelled with an exponent only
_FIRST_INTEGRAL_EXPONENT = 16  # json.dumps writes integral floats with an exponent from here, and at most 16 decimals

_LARGE = Decimal(10) ** _FIRST_INTEGRAL_EXPONENT

Side = Literal["above", "below"]
_SideRule = Callable[[Decimal, Side, bool], int]


@dataclass(frozen=True, slots=True)
class NumericRange:
    """What `minimum` and its siblings say together, and whether the value must be an integer."""

    low: Decimal | None = None
    high: Decimal | None = None
    is_low_open: bool = False
    is_high_open: bool = False
    is_integer: bool = False

    @property
    def is_everything(self) -> bool:
        return self.low is None and self.high is None and not self.is_integer

    @property
    def is_small(self) -> bool:
        """Whether every number in it is below 1e16, where json.dumps writes no exponent for whole ones."""
        return self.low is not None and self.high is not None and self.low > -_LARGE and self.high < _LARGE

    def holds(self, value: Decimal) -> bool:
        """Whether `value` is in the range."""
        if self.low is not None and (value < self.low or (self.is_low_open and value == self.low)):
            return False
        if self.high is not None and (value > self.high or (self.is_high_open and value == self.high)):
            return False
        return not self.is_integer or value == value.to_integral_value(context=_EXACT)

    def magnitudes(self, *, is_negative: bool) -> _Magnitudes | None:
        """The absolute values of one sign; None where there are none. Zero has both signs."""
        if is_negative:
            flipped = NumericRange(
                None if self.high is None else self.high.copy_negate(),  # exact; a minus sign rounds
                None if self.low is None else self.low.copy_negate(),
                self.is_high_open,
                self.is_low_open,
                self.is_integer,
            )
            return flipped.magnitudes(is_negative=False)
        if self.high is not None and (self.high < 0 or (self.high == 0 and self.is_high_open)):
            return None
        low, is_low_open = (
            (self.low, self.is_low_open) if self.low is not None and self.low >= 0 else (Decimal(0), False)
        )
        return _Magnitudes(low, is_low_open, self.high, self.is_high_open).rounded(self.is_integer)


@dataclass(frozen=True, slots=True)
class _Magnitudes:
    """A range of absolute values; `high` None is without end."""

    low: Decimal
    is_low_open: bool
    high: Decimal | None
    is_high_open: bool

    @property
    def is_everything(self) -> bool:
        return self.low == 0 and not self.is_low_open and self.high is None

    def rounded(self, is_integer: bool) -> _Magnitudes | None:
        """The same range with closed integer bounds, where only integers count; None if it is empty."""
        low, high = self.low, self.high
        if not is_integer:
            is_empty = high is not None and (high < low or (high == low and (self.is_low_open or self.is_high_open)))
            return None if is_empty else self
        _check_size(low, high)
        above = low.to_integral_value(ROUND_CEILING, context=_EXACT)
        above = _EXACT.add(above, int(self.is_low_open and above == low))
        if high is None:
            return _Magnitudes(above, False, None, False)
        below = high.to_integral_value(ROUND_FLOOR, context=_EXACT)
        below = _EXACT.subtract(below, int(self.is_high_open and below == high))
        return _Magnitudes(above, False, below, False) if above <= below else None


_EXACT = Context(prec=4000)


class NumberSpellings:
    """Expressions over spelled numbers, in one builder."""

    def __init__(self, builder: _native.Builder, *, has_integral_floats: bool = True) -> None:
        """`has_integral_floats`: whether 1.0 is an integer, as it is from draft 6 on."""
        self._builder = builder
        self._digits = Digits(builder)
        self._has_integral_floats = has_integral_floats

    def refused_by(self, numbers: NumericRange) -> int:
        """Spellings of every number that is not in the range; what `within` is under a negation."""
        d = self._digits
        options = []
        if numbers.low is not None:
            options.append(self.within(NumericRange(high=numbers.low, is_high_open=not numbers.is_low_open)))
        if numbers.high is not None:
            options.append(self.within(NumericRange(low=numbers.high, is_low_open=not numbers.is_high_open)))
        if numbers.is_integer:
            decimals = d.concat(d.text("."), d.zeros(0), d.nonzero(), d.any_digits(0, _MOST_DECIMALS))
            small = d.concat(d.nonzero(), d.any_fraction(), d.exponent(-_LARGEST_EXPONENT, -1))
            fractions = d.alternate([d.concat(d.whole(), decimals), small])
            if not self._has_integral_floats:
                fractions = d.alternate([d.concat(d.whole(), d.any_fraction(least=1)), small])
            options.append(d.concat(d.optional(d.text("-")), fractions))
        return d.alternate(options)

    def other_than(self, values: Sequence[Decimal]) -> int:
        """Spellings of every number but these."""
        everything = self.within(NumericRange())
        if not values:
            return everything
        return self._builder.intersect([everything, self._builder.complement(self.one_of(values))])

    def one_of(self, values: Sequence[Decimal]) -> int:
        """Spellings of any of these values."""
        return self._digits.alternate([self._equal_to(v) for v in values])

    def _equal_to(self, value: Decimal) -> int:
        """Spellings of one value: plain, with more zeros, and with a normalised mantissa and an exponent."""
        d = self._digits
        _, digits, _ = value.as_tuple()
        sign = d.text("-") if value < 0 else d.text("")
        if not any(digits):
            return d.concat(d.optional(d.text("-")), d.text("0"), d.zeros_after_point())
        whole, fraction, exponent = _decompose(value)
        options = []
        if -_MOST_PLAIN_DIGITS <= exponent <= _MOST_PLAIN_DIGITS:
            options.append(self._plain_equal(*_plain_parts(value)))
        options.append(d.concat(d.text(whole), d.fraction_equal(fraction), d.exponent(exponent, exponent)))
        return d.concat(sign, d.alternate(options))

    def _plain_equal(self, whole: str, fraction: str) -> int:
        return self._digits.concat(self._digits.text(whole), self._digits.fraction_equal(fraction))

    def within(self, numbers: NumericRange) -> int:
        """Every spelling of a number in the range."""
        d = self._digits
        options = []
        for is_negative in (False, True):
            magnitudes = numbers.magnitudes(is_negative=is_negative)
            if magnitudes is None:
                continue
            _check_size(magnitudes.low, magnitudes.high)
            spelled = self._integers(magnitudes) if numbers.is_integer else self._numbers(magnitudes)
            options.append(d.concat(d.text("-"), spelled) if is_negative else spelled)
        return d.alternate(options)

    def _numbers(self, magnitudes: _Magnitudes) -> int:
        d = self._digits
        plain = self._bounded(magnitudes, self._plain_side, d.concat(d.whole(), d.any_fraction()))
        return d.alternate([plain, self._with_exponent(magnitudes, d.any_fraction())])

    def _integers(self, magnitudes: _Magnitudes) -> int:
        d = self._digits
        tail = d.zeros_after_point() if self._has_integral_floats else d.text("")
        whole = self._bounded(magnitudes, self._whole_side, d.whole())
        options = [d.concat(whole, tail)]
        high = magnitudes.high
        if self._has_integral_floats and (high is None or high.adjusted() >= _FIRST_INTEGRAL_EXPONENT):
            decimals = d.optional(d.concat(d.text("."), d.any_digits(1, _FIRST_INTEGRAL_EXPONENT)))
            integral = d.concat(d.nonzero(), decimals, d.exponent(_FIRST_INTEGRAL_EXPONENT, _LARGEST_EXPONENT))
            if magnitudes.is_everything:
                options.append(integral)
            else:
                options.append(self._builder.intersect([integral, self._with_exponent(magnitudes, d.any_fraction())]))
        return d.alternate(options)

    def _bounded(self, magnitudes: _Magnitudes, side: _SideRule, everything: int) -> int:
        parts = []
        if magnitudes.low > 0 or magnitudes.is_low_open:
            parts.append(side(magnitudes.low, "above", not magnitudes.is_low_open))
        if magnitudes.high is not None:
            parts.append(side(magnitudes.high, "below", not magnitudes.is_high_open))
        if not parts:
            return everything
        return parts[0] if len(parts) == 1 else self._builder.intersect(parts)

    def _with_exponent(self, magnitudes: _Magnitudes, fraction: int) -> int:
        d = self._digits
        everything = d.concat(d.nonzero(), fraction, d.exponent(-_LARGEST_EXPONENT, _LARGEST_EXPONENT))
        return self._bounded(magnitudes, self._exponent_side, everything)

    def _whole_side(self, bound: Decimal, side: Side, is_closed: bool) -> int:
        """Whole numbers on one side of a whole bound."""
        whole, _ = _plain_parts(bound)
        options = [self._other_whole(whole, side)]
        if is_closed:
            options.append(self._digits.text(whole))
        return self._digits.alternate(options)

    def _plain_side(self, bound: Decimal, side: Side, is_closed: bool) -> int:
        """Plain decimals on one side of a bound: the whole part decides, or else the fraction."""
        d = self._digits
        whole, fraction = _plain_parts(bound)
        beyond = d.concat(self._other_whole(whole, side), d.any_fraction())
        return d.alternate([beyond, d.concat(d.text(whole), d.fraction_side(fraction, side, is_closed))])

    def _other_whole(self, whole: str, side: Side) -> int:
        """Whole parts that are more, or less, than `whole`."""
        d = self._digits
        size = len(whole)
        options = [d.same_length_side(whole, side)]
        if side == "above":
            options.append(d.whole_of_length(size + 1, max(40, size + 20)))
        elif size > 1:
            options.append(d.whole_of_length(1, size - 1))
        return d.alternate(options)

    def _exponent_side(self, bound: Decimal, side: Side, is_closed: bool) -> int:
        """Numbers with a normalised mantissa: the exponent decides, or else the mantissa."""
        d = self._digits
        if bound == 0:
            everything = d.concat(d.nonzero(), d.any_fraction(), d.exponent(-_LARGEST_EXPONENT, _LARGEST_EXPONENT))
            return everything if side == "above" else self._builder.empty()
        first, fraction, exponent = _decompose(bound)
        exponents = (
            d.exponent(exponent + 1, _LARGEST_EXPONENT)
            if side == "above"
            else d.exponent(-_LARGEST_EXPONENT, exponent - 1)
        )
        same = d.alternate(
            [
                d.concat(d.first_digit_side(first, side), d.any_fraction()),
                d.concat(d.text(first), d.fraction_side(fraction, side, is_closed)),
            ]
        )
        return d.alternate(
            [d.concat(d.nonzero(), d.any_fraction(), exponents), d.concat(same, d.exponent(exponent, exponent))]
        )


def _check_size(*bounds: Decimal | None) -> None:
    for bound in bounds:
        if bound is not None and len(bound.as_tuple().digits) > _MOST_PLAIN_DIGITS:
            raise ConstraintTooComplex("the digits of a bound", _MOST_PLAIN_DIGITS)
        if bound is not None and bound != 0 and abs(bound.adjusted()) >= _LARGEST_EXPONENT - 20:
            raise ConstraintTooComplex(f"a bound of magnitude 1e{bound.adjusted()}", _LARGEST_EXPONENT - 20)


def _plain_parts(value: Decimal) -> tuple[str, str]:
    """Digits before and after the point, without needless zeros.

    >>> _plain_parts(Decimal("12.50"))
    ('12', '5')
    """
    whole, _, fraction = format(value.copy_abs(), "f").partition(".")
    return whole.lstrip("0") or "0", fraction.rstrip("0")


def _decompose(value: Decimal) -> tuple[str, str, int]:
    """First digit, further digits and exponent of a normalised value.

    >>> _decompose(Decimal("-1250"))
    ('1', '25', 3)
    """
    digits = "".join(map(str, value.as_tuple().digits)).lstrip("0")
    return digits[0], digits[1:].rstrip("0"), value.adjusted()
