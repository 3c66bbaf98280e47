"""What the native lowering of a schema asks of Python: patterns, formats, spellings of numbers, and foreign references.

Expressions are asked for once per process, as long as they are kept, and made in builders of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from guided.constraints.characters import EVERYTHING
from guided.constraints.expression_cache import kept_expressions
from guided.constraints.json_schema.beyond import Beyond, Target
from guided.constraints.json_schema.formats import KNOWN_FORMATS, REFUSED_FORMATS, format_expression
from guided.constraints.json_schema.multiples import Multiples
from guided.constraints.json_schema.numbers import NumberSpellings, NumericRange
from guided.constraints.regex import lower_program, parse_pattern
from guided.errors import ConstraintTooComplex, InvalidRegex, InvalidSchema, UnsupportedSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["Outside"]

_CONSTANT = re.compile(r"(\^?)([A-Za-z0-9_ :;,\"'@#%&=~`<>!/-]+)(\$?)")  # nothing in it but its ends is special
_LARGEST_EXPONENT = 10_000  # of numbers that are divided by each other


class Outside:
    """Answers for one schema; `beyond`: where its references lead that leave the document."""

    __slots__ = ("_beyond", "_refuses_unknown_formats", "expressions", "has_integral_floats")

    def __init__(self, draft: int, beyond: Beyond | None, *, refuses_unknown_formats: bool) -> None:
        self.expressions = kept_expressions()
        self.has_integral_floats = draft > 4  # whether 1.0 is an integer
        self._beyond = beyond
        self._refuses_unknown_formats = refuses_unknown_formats

    def pattern(self, builder: _native.Builder, pattern: str) -> int:
        """Texts in which an ECMA-262 pattern is found."""
        if constant := _CONSTANT.fullmatch(pattern):
            return self._containing(builder, *constant.groups())
        return lower_program(builder, parse_pattern(pattern, "ecma"), search=True)

    def _containing(self, builder: _native.Builder, start: str, text: str, end: str) -> int:
        """Texts that hold this one, or begin or end with it: every fifth pattern, ten times as fast as reading it."""
        anything = builder.repeat(builder.chars(EVERYTHING), 0, None)
        ends = [[] if anchor else [anything] for anchor in (start, end)]
        return builder.concat([*ends[0], builder.literal(text), *ends[1]])

    def format(self, builder: _native.Builder, name: str) -> int | None:
        """Texts of a format; None where it is an annotation."""
        if name in REFUSED_FORMATS:
            reason = f"the format {name!r} cannot be enforced exactly ({REFUSED_FORMATS[name]})"
            raise UnsupportedSchema("", "format", f"{reason}; formats='annotate' ignores it")
        if name in KNOWN_FORMATS:
            return format_expression(builder, name)
        if self._refuses_unknown_formats:
            raise UnsupportedSchema("", "format", f"there is no format {name!r} in the standard")
        return None

    def range(
        self,
        builder: _native.Builder,
        low: str,
        high: str,
        is_low_open: bool,
        is_high_open: bool,
        is_integer: bool,
        is_refused: bool,
    ) -> int:
        """Spellings of the numbers between bounds, "" being none, or of all others."""
        least, most = Decimal(low) if low else None, Decimal(high) if high else None
        numbers = NumericRange(least, most, is_low_open, is_high_open, is_integer)
        spellings = self._numbers(builder)
        return spellings.refused_by(numbers) if is_refused else spellings.within(numbers)

    def multiples(self, builder: _native.Builder, divisor: str, is_small: bool, is_refused: bool) -> int:
        """Spellings of the multiples of a number, or of all others; `is_small`: none of 1e16 or more is asked for."""
        multiples, value = Multiples(builder), Decimal(divisor)
        return (multiples.refused_by if is_refused else multiples.of)(value, is_small=is_small)

    def listed(self, builder: _native.Builder, numbers: Sequence[str], is_refused: bool) -> int:
        """Spellings of any of these numbers, or of all others."""
        spellings, values = self._numbers(builder), [Decimal(number) for number in numbers]
        return spellings.other_than(values) if is_refused else spellings.one_of(values)

    def is_multiple(self, number: str, divisor: str) -> bool:
        """Whether one number is so many times the other."""
        for value in map(Decimal, (number, divisor)):
            if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
                raise ConstraintTooComplex("the exponents of a number and its multipleOf", _LARGEST_EXPONENT)
        return (Fraction(number) / Fraction(divisor)).denominator == 1

    def placed(self, problem: Exception, pointer: str) -> Exception:
        """The error that says where in the schema the problem is."""
        if isinstance(problem, UnsupportedSchema):
            return UnsupportedSchema(pointer, problem.keyword, problem.reason)
        if not isinstance(problem, InvalidRegex):
            return problem
        reason = f"{problem.reason} (position {problem.position} of {problem.pattern[:200]!r})"
        if "supported" in problem.reason:
            return UnsupportedSchema(pointer, "pattern", reason)
        return InvalidSchema(pointer, f"pattern is not an ECMA-262 regular expression: {reason}")

    def root(self) -> Target:
        """The document itself."""
        assert self._beyond is not None
        return self._beyond.root()

    def enter(self, schema: int, pointer: str, base: int, scope: int) -> Target:
        """The same schema with the base URI that its own identifier sets."""
        assert self._beyond is not None
        return self._beyond.enter(schema, pointer, base, scope)

    def follow(self, schema: int, keyword: str, pointer: str, base: int, scope: int) -> Target:
        """What the reference of a schema points at, which stands at `pointer`."""
        assert self._beyond is not None
        return self._beyond.follow(schema, keyword, pointer, base, scope)

    def _numbers(self, builder: _native.Builder) -> NumberSpellings:
        return NumberSpellings(builder, has_integral_floats=self.has_integral_floats)
