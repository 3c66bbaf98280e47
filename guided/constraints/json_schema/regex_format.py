r"""The format `regex`: patterns that ECMA-262 reads with and without its `u` flag, and Python's `re` as well.

Groups nest without end in ECMA-262, so all patterns are no regular language; this is a part of them, and everything in
it is a pattern. Groups nest to a depth; what needs memory without bound (names, back-references, ranges between any
two characters) is left out, as is what the readers disagree on: docs/schema.md lists it. Each level of groups is made
of the same expressions, so a deeper level costs a dozen nodes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from guided.constraints.characters import negate, union
from guided.constraints.regex import lower_program, parse_pattern

if TYPE_CHECKING:
    from guided import _native

__all__ = ["MOST_NESTED_GROUPS", "regex_format"]

MOST_NESTED_GROUPS = 5
_MOST_STATES = 10_000  # of a part as one automaton

_HEX = "[0-9a-fA-F]"
_UNIT = f"(?:[0-9A-CE-Fa-ce-f]{_HEX}|[dD][0-7])"  # how four digits begin that are no half of a surrogate pair
_LATER_UNIT = f"(?:0[1-9a-fA-F]|[1-9A-CE-Fa-ce-f]{_HEX}|[dD][0-7])"  # of a character behind Latin-1
_ESCAPE = rf"\\(?:[dDwWsStnvfr^$\\.*+?()\[\]{{}}|/]|x{_HEX}{{2}}|u{_UNIT}{_HEX}{{2}})"
_CHARACTER = r"[^^$\\*+?()\[\]{}|]"
_DOUBLED = "&~|"  # in classes; two of them mean something in other dialects
_SPECIAL = rf"]\[^\-{_DOUBLED}"  # in classes
_RANGE_STARTS = [chr(c) for c in (*range(0x20, 0x7F), *range(0xC0, 0x100)) if chr(c) not in _SPECIAL]


def regex_format(builder: _native.Builder) -> int:
    """Patterns with groups at most `MOST_NESTED_GROUPS` deep."""
    concat, repeat = builder.concat, builder.repeat
    group, look, close = _part(builder, r"\((?:\?:)?"), _part(builder, r"\(\?[=!]"), builder.literal(")")
    one = builder.alternate([_part(builder, f"{_CHARACTER}|{_ESCAPE}"), _class(builder)])
    quantifier = builder.tabulated(_part(builder, _quantifier()), _MOST_STATES)
    behind = concat([_part(builder, r"\(\?<[=!]"), repeat(one, 0, None), close])
    flat = [_part(builder, r"[|^$]|\\[bB]"), behind, concat([one, quantifier])]
    inside = repeat(builder.alternate(flat), 0, None)
    for _ in range(MOST_NESTED_GROUPS):
        nested = [concat([group, inside, close, quantifier]), concat([look, inside, close])]
        inside = repeat(builder.alternate([*flat, *nested]), 0, None)
    return inside


def _part(builder: _native.Builder, pattern: str) -> int:
    return lower_program(builder, parse_pattern(pattern))


def _quantifier() -> str:
    """One or none. Counts go up to 999; of two, the lower has at most two digits and is not above the other."""
    one_digit = "|".join(f"{d},[{d}-9]" for d in range(10))
    tens = "|".join(f"{d}[0-9],[{d + 1}-9][0-9]" for d in range(1, 9))
    units = "|".join(f"{d}{e},{d}[{e}-9]" for d in range(1, 10) for e in range(10))
    more_digits = "[0-9],[1-9][0-9]{1,2}|[1-9][0-9],[1-9][0-9]{2}"
    counts = f"(?:0|[1-9][0-9]{{0,2}}),?|{one_digit}|{tens}|{units}|{more_digits}"
    return rf"(?:(?:[*+?]|\{{(?:{counts})\}})\??)?"


def _class(builder: _native.Builder) -> int:
    r"""A class in brackets: never empty, a dash first, last or escaped, ranges that grow."""
    concat, repeat = builder.concat, builder.repeat
    starts = union([(ord(c), ord(c)) for c in _RANGE_STARTS])
    others = negate(union([*starts, *((ord(c), ord(c)) for c in _SPECIAL)]))
    ranges = builder.tabulated(builder.alternate(_ranges(builder)), _MOST_STATES)
    members = [builder.chars(others), _part(builder, rf"{_ESCAPE}|\\-"), ranges]
    below = [(low, min(high, ord("~"))) for low, high in starts if low < ord("~")]
    doubled = builder.alternate(
        [_part(builder, f"[{_DOUBLED}]"), concat([builder.chars(below), builder.literal("-~")])]
    )
    dash = repeat(builder.literal("-"), 0, 1)
    single = concat([repeat(doubled, 0, 1), builder.alternate(members)])
    some = builder.alternate([concat([repeat(single, 1, None), repeat(doubled, 0, 1)]), doubled])
    inside = builder.alternate([concat([dash, some, dash]), builder.literal("-")])
    return concat([_part(builder, r"\[\^?"), inside, builder.literal("]")])


def _ranges(builder: _native.Builder) -> list[int]:
    """Characters that may begin a range, alone or with its end; ranges between numbers of characters."""
    later = _part(builder, rf"\\u{_LATER_UNIT}{_HEX}{{2}}")
    ends = negate(union((ord(c), ord(c)) for c in _SPECIAL))
    out = []
    for start in _RANGE_STARTS:
        last = builder.chars([(max(low, ord(start)), high) for low, high in ends if high >= ord(start)])
        end = builder.concat([builder.literal("-"), builder.alternate([last, later])])
        out.append(builder.concat([builder.literal(start), builder.repeat(end, 0, 1)]))
    return [*out, _numbered(builder, "\\x", ""), _numbered(builder, "\\u00", ""), _numbered(builder, "\\u", _HEX * 2)]


def _numbered(builder: _native.Builder, prefix: str, tail: str) -> int:
    """`\\xHH-\\xHH` and the like, where the number grows; of four digits the first two, or from 00 the last two."""
    between = builder.concat([_part(builder, tail), builder.literal(f"-{prefix}")])
    end = _part(builder, tail)

    @functools.cache
    def digits(low: int, high: int) -> int:
        return builder.chars(union((ord(d), ord(d)) for v in range(low, high + 1) for d in (f"{v:x}", f"{v:X}")))

    # the last second digit behind each first one, so that no number is half of a surrogate pair
    most = [7 if tail and first == 13 else 15 for first in range(16)]
    ways = []
    from_zero = builder.literal(f"00-{prefix}")
    for first in range(16):
        same = digits(first, first)
        larger = [builder.concat([digits(h, h), digits(0, most[h])]) for h in range(first + 1, 16)]
        seconds = [builder.concat([digits(0, most[first]), between, builder.alternate(larger)])]
        for second in range(most[first] + 1):
            ends = [builder.concat([between, same, digits(second + bool(tail), most[first])])]
            if tail:
                ends.append(builder.concat([from_zero, same, digits(second, second)]))
            seconds.append(builder.concat([digits(second, second), builder.alternate(ends)]))
        ways.append(builder.concat([same, builder.alternate(seconds)]))
    return builder.concat([builder.literal(prefix), builder.alternate(ways), end])
