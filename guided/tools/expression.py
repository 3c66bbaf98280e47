"""Arithmetic without `eval`: `evaluate("12 + 30 * 4")`.

Dijkstra's shunting-yard over + - * / // % ** and parentheses, with Python's precedence and rounding. Values are
`Fraction`s, so 0.1 + 0.2 is 0.3. Length, digits and exponents are bounded before any work is done: no expression
takes more than milliseconds.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from guided.errors import ToolError

__all__ = ["evaluate", "to_text"]

MAX_CHARS = 1000
MAX_BITS = 4096  # of numerator and denominator of every value on the way
MAX_DIGITS = 12  # significant ones, of results that have no finite decimal spelling

TOKEN = re.compile(r"(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3}(?!\d))?)|(?P<operator>\*\*|//|[-+*/%()])")
SPELLINGS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "negate": 3, "keep": 3, "**": 4}
PREFIX = {"-": "negate", "+": "keep"}
FROM_RIGHT = frozenset({"**", "negate", "keep"})


def evaluate(expression: str) -> Fraction:
    """The exact value of an arithmetic expression; `ToolError` with a caret where it is not one.

    >>> evaluate("2 ** 10 - 24"), evaluate("(1 + 2) / 4"), evaluate("-7 // 2")
    (Fraction(1000, 1), Fraction(3, 4), Fraction(-4, 1))
    """
    if len(expression) > MAX_CHARS:
        raise ToolError(f"the expression has {len(expression)} characters; at most {MAX_CHARS} are read")
    values: list[Fraction] = []
    waiting: list[tuple[str, int]] = []  # operators and open parentheses, with their places
    expects_value = True
    end = len(expression)
    for text, place in _tokens(expression):
        if text[0].isdigit() or text[0] == ".":
            if not expects_value:
                raise _error(expression, place, "an operator is missing before this number")
            values.append(_number(expression, text, place))
            expects_value = False
        elif text == "(":
            if not expects_value:
                raise _error(expression, place, "an operator is missing before this parenthesis")
            waiting.append((text, place))
        elif expects_value:
            if text not in PREFIX:
                raise _error(expression, place, f"a number is missing before {text!r}")
            waiting.append((PREFIX[text], place))
        elif text == ")":
            _close(expression, values, waiting, place)
        else:
            _apply_waiting(expression, values, waiting, text)
            waiting.append((text, place))
            expects_value = True
    if expects_value:
        raise _error(expression, end, "a number is missing at the end" if expression.strip() else "there is nothing")
    while waiting:
        _apply(expression, values, *waiting.pop())
    return values[0]


def _tokens(expression: str) -> Iterator[tuple[str, int]]:
    text, place = expression.translate(SPELLINGS), 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = TOKEN.match(text, place)
        if match is None or not match[0].isascii():
            hint = "write ** for powers" if text[place] == "^" else "only numbers, + - * / // % ** and parentheses"
            raise _error(expression, place, f"{text[place]!r} is not arithmetic: {hint}")
        yield match[0], place
        place = match.end()


def _number(expression: str, text: str, place: int) -> Fraction:
    value = Fraction(text)
    return _bounded(expression, value, place)


def _close(expression: str, values: list[Fraction], waiting: list[tuple[str, int]], place: int) -> None:
    while waiting and waiting[-1][0] != "(":
        _apply(expression, values, *waiting.pop())
    if not waiting:
        raise _error(expression, place, "this parenthesis closes nothing")
    waiting.pop()


def _apply_waiting(expression: str, values: list[Fraction], waiting: list[tuple[str, int]], coming: str) -> None:
    while waiting and waiting[-1][0] != "(":
        ahead, behind = PRECEDENCE[waiting[-1][0]], PRECEDENCE[coming]
        if ahead < behind or (ahead == behind and coming in FROM_RIGHT):
            return
        _apply(expression, values, *waiting.pop())


def _apply(expression: str, values: list[Fraction], name: str, place: int) -> None:
    if name == "(":
        raise _error(expression, place, "this parenthesis is never closed")
    right = values.pop()
    if name == "negate":
        values.append(-right)
    elif name == "keep":
        values.append(right)
    else:
        values.append(_bounded(expression, _binary(expression, name, values.pop(), right, place), place))


SIMPLE: dict[str, Callable[[Fraction, Fraction], Fraction | int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def _binary(expression: str, name: str, left: Fraction, right: Fraction, place: int) -> Fraction:
    if name == "**":
        return _power(expression, left, right, place)
    if name in ("/", "//", "%") and not right:
        raise _error(expression, place, "division by zero")
    return Fraction(SIMPLE[name](left, right))


def _power(expression: str, left: Fraction, right: Fraction, place: int) -> Fraction:
    if right.denominator != 1:
        raise _error(expression, place, "only whole exponents can be computed exactly")
    if not left and right < 0:
        raise _error(expression, place, "division by zero")
    bits = max(left.numerator.bit_length(), left.denominator.bit_length())
    if bits > 1 and abs(right.numerator) * (bits - 1) > MAX_BITS:
        raise _error(expression, place, "the result is too large")
    if bits <= 1:  # 0, 1 and -1: any exponent will do
        right = Fraction(right.numerator % 2 + 2) if left else Fraction(bool(right))
    return Fraction(left**right.numerator)


def _bounded(expression: str, value: Fraction, place: int) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise _error(expression, place, "the result is too large")
    return value


def _error(expression: str, place: int, reason: str) -> ToolError:
    start = max(0, place - 40)
    shown = " ".join(expression[start : place + 20].split("\n"))
    return ToolError(f"not computed: {reason}, at position {place + 1} of {shown!r}")


def to_text(value: Fraction) -> str:
    """The value in decimal: exact where that ends, else with 12 significant digits.

    >>> [to_text(Fraction(*pair)) for pair in [(168, 1), (-3, 8), (1, 3), (2, 3000000)]]
    ['168', '-0.375', '0.333333333333', '0.000000666666666667']
    """
    sign, value = ("-", -value) if value < 0 else ("", value)
    rest, places = value.denominator, 0
    while rest % 10 == 0:
        rest, places = rest // 10, places + 1
    for factor in (2, 5):
        while rest % factor == 0:
            rest, places = rest // factor, places + 1
    if rest != 1:  # no finite spelling
        whole = len(str(int(value))) if value >= 1 else 0
        leading = 0 if value >= 1 else _zeros_after_point(value)
        places = max(0, MAX_DIGITS - whole + leading)
    digits = str(round(value * 10**places)).rjust(places + 1, "0")
    if not places:
        return sign + digits
    decimals = digits[-places:].rstrip("0")
    return f"{sign}{digits[:-places]}.{decimals}" if decimals else sign + digits[:-places]


def _zeros_after_point(value: Fraction) -> int:
    zeros = 0
    while value * 10 < 1:
        value, zeros = value * 10, zeros + 1
    return zeros
