"""Expressions over digits: fixed texts, fractions, exponents, and what is above or below given digits.

Small building blocks of `numbers`; every repeat is bounded, so that a number always ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from guided.constraints.expression_cache import shared_expression

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Digits"]

_MOST_DIGITS = 40  # on each side of the point, beyond the digits of a bound

Side = Literal["above", "below"]


class Digits:
    """Expressions in one builder."""

    def __init__(self, builder: _native.Builder) -> None:
        self._builder = builder
        self._exponents: dict[tuple[int, int], int] = {}

    def text(self, text: str) -> int:
        return self._builder.literal(text) if text else self._builder.epsilon()

    def concat(self, *parts: int) -> int:
        return self._builder.concat(list(parts))

    def alternate(self, parts: list[int]) -> int:
        if not parts:
            return self._builder.empty()
        return parts[0] if len(parts) == 1 else self._builder.alternate(parts)

    def optional(self, part: int) -> int:
        return self._builder.repeat(part, 0, 1)

    def between(self, low: int, high: int) -> int:
        """One digit from `low` to `high`."""
        return self._builder.chars([(0x30 + low, 0x30 + high)]) if low <= high else self._builder.empty()

    def nonzero(self) -> int:
        return self.between(1, 9)

    def any_digits(self, minimum: int, maximum: int) -> int:
        return self._builder.repeat(self.between(0, 9), minimum, maximum)

    def zeros(self, minimum: int) -> int:
        return self._builder.repeat(self.between(0, 0), minimum, _MOST_DIGITS)

    def whole(self) -> int:
        """A whole number without leading zeros."""
        return self.whole_of_length(1, _MOST_DIGITS)

    def whole_of_length(self, low: int, high: int) -> int:
        """A whole number of `low` to `high` digits, without leading zeros."""
        longer = self.concat(self.nonzero(), self.any_digits(low - 1, high - 1))
        return self.alternate([self.text("0"), longer]) if low == 1 else longer

    def any_fraction(self, least: int = 0) -> int:
        """A point and digits, or nothing where `least` is 0."""
        fraction = self.concat(self.text("."), self.any_digits(1, _MOST_DIGITS))
        return fraction if least else self.optional(fraction)

    def zeros_after_point(self) -> int:
        """A fraction of zeros, or nothing."""
        return self.optional(self.concat(self.text("."), self.zeros(1)))

    def fraction_equal(self, digits: str) -> int:
        """A fraction of this value; `digits` ends in no zero."""
        return self.concat(self.text("." + digits), self.zeros(0)) if digits else self.zeros_after_point()

    def fraction_side(self, digits: str, side: Side, is_closed: bool) -> int:
        """Fractions above or below `digits` (which end in no zero), or equal to them where closed."""
        options = [self.fraction_equal(digits)] if is_closed else []
        for i, digit in enumerate(digits):
            other = self.between(int(digit) + 1, 9) if side == "above" else self.between(0, int(digit) - 1)
            options.append(self.concat(self.text("." + digits[:i]), other, self.any_digits(0, _MOST_DIGITS)))
            if side == "below":  # cut short, it is less
                options.append(self.text("." + digits[:i] if i else ""))
        if side == "above":
            more = self.concat(self.zeros(0), self.nonzero(), self.any_digits(0, _MOST_DIGITS))
            options.append(self.concat(self.text("." + digits), more))
        return self.alternate(options)

    def same_length_side(self, whole: str, side: Side) -> int:
        """Whole numbers of as many digits, above or below."""
        options = []
        for i, digit in enumerate(whole):
            least = 1 if i == 0 and len(whole) > 1 else 0
            other = self.between(int(digit) + 1, 9) if side == "above" else self.between(least, int(digit) - 1)
            rest = len(whole) - i - 1
            options.append(self.concat(self.text(whole[:i]), other, self.any_digits(rest, rest)))
        return self.alternate(options)

    def first_digit_side(self, digit: str, side: Side) -> int:
        """The first digit of a normalised mantissa, above or below."""
        return self.between(int(digit) + 1, 9) if side == "above" else self.between(1, int(digit) - 1)

    def exponent(self, low: int, high: int) -> int:
        """`e` and an exponent from `low` to `high`, of up to three digits (more if a bound has more)."""
        if low > high:
            return self._builder.empty()
        if (low, high) not in self._exponents:  # nearby bounds share them, and they are half the work
            key = f"exponent {low}..{high}"
            made = shared_expression(self._builder, key, lambda builder: Digits(builder)._exponent(low, high))
            self._exponents[low, high] = made
        return self._exponents[low, high]

    def _exponent(self, low: int, high: int) -> int:
        letter = self._builder.chars([(0x45, 0x45), (0x65, 0x65)])
        options = []
        if high >= 0:
            plus = self.optional(self.text("+"))
            options.append(self.concat(plus, self._padded_range(max(low, 0), high)))
        if low < 0 or low <= 0 <= high:
            options.append(self.concat(self.text("-"), self._padded_range(max(0, -high), -low)))
        return self.concat(letter, self.alternate(options))

    def _padded_range(self, low: int, high: int) -> int:
        """Numbers in a range of naturals, with or without leading zeros."""
        options = []
        for size in range(1, max(3, len(str(high))) + 1):
            top = min(high, 10**size - 1)
            if low <= top:
                options.append(self._fixed_range(str(low).zfill(size), str(top).zfill(size)))
        return self.alternate(options)

    def _fixed_range(self, low: str, high: str) -> int:
        """Texts of digits from `low` to `high`, all of one length."""
        shared = 0
        while shared < len(low) and low[shared] == high[shared]:
            shared += 1
        if shared == len(low):
            return self.text(low)
        head, rest = self.text(low[:shared]), len(low) - shared - 1
        options = [self.concat(self.between(int(low[shared]) + 1, int(high[shared]) - 1), self.any_digits(rest, rest))]
        for digits, side in ((low[shared:], "above"), (high[shared:], "below")):
            options.append(self.text(digits))
            for i in range(1, len(digits)):
                digit = int(digits[i])
                other = self.between(digit + 1, 9) if side == "above" else self.between(0, digit - 1)
                tail = len(digits) - i - 1
                options.append(self.concat(self.text(digits[:i]), other, self.any_digits(tail, tail)))
        return self.concat(head, self.alternate(options))
