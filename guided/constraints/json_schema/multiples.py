"""Numbers that are, or are not, a multiple of a decimal, as automata over their spelling.

With m = p / 10^q, a plain decimal is a multiple when its digits, the point moved q places, leave no remainder by p, and
no digit but 0 follows: the automaton carries the remainder. With an exponent e and k decimals, the mantissa's digits D
count: D * 10^(e - k + q) must be divisible by p, so the remainder says from which exponent on it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

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


class _State(NamedTuple):
    """Where an automaton stands: the remainder so far, and the digits behind the point."""

    kind: str  # start, zero, whole, point, part, fine
    remainder: int = 0
    places: int = 0
    is_padded: bool = False  # the last digit is a 0 behind the point


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

    def first_exponent(self, remainder: int, decimals: int) -> int | None:
        """From which exponent on a mantissa with this remainder by p is a multiple; None: never."""
        shift = 0
        while remainder % self.p:
            remainder = remainder * 10 % self.p
            shift += 1
            if shift > self.p.bit_length():
                return None
        return decimals - self.q + shift


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
        if not is_wanted or divisor.q > -_LARGEST_SMALL - 1:
            options.append(self._with_exponents(divisor, is_wanted, -_LARGEST_EXPONENT, _LARGEST_SMALL))
        sign = self._digits.optional(self._digits.text("-"))
        return self._digits.concat(sign, self._digits.alternate(options))

    def _plain(self, divisor: _Divisor, is_wanted: bool) -> int:
        """Plain decimals, with a sink for those whose digits go on beyond the places of m."""
        p, places, zeros = divisor.p, max(0, divisor.q), max(0, -divisor.q)
        _check_size(p * (places + zeros + 2))

        def accepts(state: _State) -> bool:
            if state.kind in ("start", "point"):
                return False
            if state.kind in ("zero", "fine"):
                return (state.kind == "zero") == is_wanted
            missing = places - state.places if state.kind == "part" else places
            is_round = state.kind == "part" or state.places == zeros
            return (is_round and state.remainder * 10**missing % p == 0) == is_wanted

        states = _plain_states(p, places, zeros)
        automaton = self._builder.automaton(states.table, [i for i, s in enumerate(states.order) if accepts(s)])
        bounded = self._digits.concat(self._digits.whole(), self._digits.any_fraction())
        return self._builder.intersect([automaton, bounded])

    def _with_exponents(self, divisor: _Divisor, is_wanted: bool, low: int, high: int) -> int:
        """Normalised mantissas, ending in no needless 0, and exponents in a range: what json.dumps writes."""
        d, p = self._digits, divisor.p
        _check_size(p * (_DECIMALS + 1) * 2)
        mantissas = _mantissas(p)
        ends: dict[int, list[int]] = {}  # from which exponent on it is a multiple: states
        for number, state in enumerate(mantissas.order):
            if state.kind == "whole" or (state.kind == "part" and not state.is_padded):
                first = divisor.first_exponent(state.remainder, state.places)
                first = high + 1 if first is None else min(max(first, low), high + 1)
                ends.setdefault(first, []).append(number)
        options = []
        for first, accepting in ends.items():
            exponents = d.exponent(first, high) if is_wanted else d.exponent(low, first - 1)
            if (first <= high) if is_wanted else (first > low):
                options.append(d.concat(self._builder.automaton(mantissas.table, accepting), exponents))
        return d.alternate(options)


class _Explored(NamedTuple):
    """The states of an automaton in the order they were reached, and the numbered edges of each."""

    order: list[_State]
    table: list[list[tuple[int, int, int]]]


_MOST_KEPT = 8  # automata of divisors: what is wanted and what is refused are the same but for their ends


@functools.lru_cache(_MOST_KEPT)
def _plain_states(p: int, places: int, zeros: int) -> _Explored:
    return _explored(lambda state: _plain_edges(state, p, places, zeros))


@functools.lru_cache(_MOST_KEPT)
def _mantissas(p: int) -> _Explored:
    return _explored(lambda state: _mantissa_edges(state, p))


def _explored(edges: Callable[[_State], list[tuple[str, _State]]]) -> _Explored:
    order = [_State("start")]
    number = {order[0]: 0}
    table: list[list[tuple[int, int, int]]] = []
    while len(table) < len(order):
        row: list[tuple[int, int, int]] = []
        for char, target in edges(order[len(table)]):
            if target not in number:
                number[target] = len(order)
                order.append(target)
            row.append((ord(char), ord(char), number[target]))
        table.append(row)
    return _Explored(order, table)


def _plain_edges(state: _State, p: int, places: int, zeros: int) -> list[tuple[str, _State]]:
    """Of a whole number the remainder leaves out up to `zeros` zeros at its end; their number is in `places`."""
    kind, remainder, done, _ = state
    if kind == "start":
        return [("0", _State("zero")), *((d, _State("whole", int(d) % p)) for d in "123456789")]
    if kind == "zero":
        return [(".", _State("point"))]
    if kind == "fine":
        return [(d, state) for d in "0123456789"]
    if kind == "whole":
        more = [(d, _State("whole", (remainder * 10 ** (done + 1) + int(d)) % p)) for d in "123456789"]
        last = _State("whole", remainder, done + 1) if done < zeros else _State("whole", remainder * 10 % p, zeros)
        return [("0", last), *more, (".", _State("point", remainder) if done == zeros else _State("fine"))]
    if done < places:
        return _next_digits(state, p, "part", done + 1)
    return [("0", _State("part", remainder, done)), *((d, _State("fine")) for d in "123456789")]


def _mantissa_edges(state: _State, p: int) -> list[tuple[str, _State]]:
    if state.kind == "start":
        return [(d, _State("whole", int(d) % p)) for d in "123456789"]
    if state.kind == "whole":
        return [(".", _State("point", state.remainder))]
    if state.places == _DECIMALS:
        return []
    return [(d, s._replace(is_padded=d == "0")) for d, s in _next_digits(state, p, "part", state.places + 1)]


def _next_digits(state: _State, p: int, kind: str, places: int) -> list[tuple[str, _State]]:
    return [(d, _State(kind, (state.remainder * 10 + int(d)) % p, places)) for d in "0123456789"]


def _check_size(states: int) -> None:
    if states > _MOST_STATES:
        raise ConstraintTooComplex("the remainders of multipleOf", _MOST_STATES)
