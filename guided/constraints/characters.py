"""Sets of characters as sorted ranges of code points, and the classes that regular expressions name.

Surrogates are in no set: a text is Unicode scalar values. Classes that Unicode defines are computed once, on first use,
from `unicodedata` and the `str` methods that Python's `re` itself asks (about a tenth of a second each).
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Callable, Iterable

__all__ = [
    "ECMA_NEWLINES",
    "EVERYTHING",
    "Ranges",
    "ascii_digits",
    "ascii_spaces",
    "ascii_words",
    "case_variants",
    "ecma_spaces",
    "fold_set",
    "negate",
    "one_char",
    "property_set",
    "unicode_digits",
    "unicode_spaces",
    "unicode_words",
    "union",
]

Ranges = tuple[tuple[int, int], ...]  # inclusive, ascending, neither touching nor overlapping

_LAST = sys.maxunicode
EVERYTHING: Ranges = ((0, 0xD7FF), (0xE000, _LAST))
ECMA_NEWLINES: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """All code points of all sets, surrogates left out.

    >>> union([(97, 99)], [(100, 101), (48, 57)])
    ((48, 57), (97, 101))
    """
    merged: list[tuple[int, int]] = []
    for low, high in sorted(r for ranges in sets for r in ranges):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    if all(high < 0xD800 or low > 0xDFFF for low, high in merged):
        return tuple(merged)
    cut = [(low, min(high, 0xD7FF)) for low, high in merged if low < 0xD800]
    cut += [(max(low, 0xE000), high) for low, high in merged if high > 0xDFFF]
    return tuple(cut)


@functools.lru_cache(256)
def negate(ranges: Ranges) -> Ranges:
    """Every other character."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if low > start:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= _LAST:
        gaps.append((start, _LAST))
    return union(gaps)


def one_char(code: int) -> Ranges:
    """The set of one code point."""
    return union([(code, code)])


def ascii_digits() -> Ranges:
    """`[0-9]`."""
    return ((0x30, 0x39),)


def ascii_words() -> Ranges:
    """`[0-9A-Za-z_]`."""
    return ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))


def ascii_spaces() -> Ranges:
    """The ASCII white space of Python's `\\s`."""
    return ((0x09, 0x0D), (0x20, 0x20))


@functools.cache
def ecma_spaces() -> Ranges:
    """`\\s` of ECMA-262: WhiteSpace and LineTerminator."""
    singles = (0xA0, 0x1680, 0x202F, 0x205F, 0x3000, 0xFEFF)
    return union([(0x09, 0x0D), (0x20, 0x20), (0x2000, 0x200A), (0x2028, 0x2029)], [(c, c) for c in singles])


@functools.cache
def unicode_digits() -> Ranges:
    """`\\d` of Python's `re` on `str`."""
    return _where(str.isdecimal)


@functools.cache
def unicode_words() -> Ranges:
    """`\\w` of Python's `re` on `str`."""
    return union(_where(str.isalnum), [(0x5F, 0x5F)])


@functools.cache
def unicode_spaces() -> Ranges:
    """`\\s` of Python's `re` on `str`."""
    return _where(str.isspace)


def _where(holds: Callable[[str], bool]) -> Ranges:
    return union(_runs(map(holds, map(chr, range(_LAST + 1)))))


def _runs(flags: Iterable[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    start = -1
    code = -1
    for code, flag in enumerate(flags):
        if flag:
            if start < 0:
                start = code
        elif start >= 0:
            runs.append((start, code - 1))
            start = -1
    return [*runs, (start, code)] if start >= 0 else runs


_LONG_CATEGORIES = {
    "Letter": "L",
    "Cased_Letter": "LC",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo",
    "Mark": "M",
    "Combining_Mark": "M",
    "Nonspacing_Mark": "Mn",
    "Spacing_Mark": "Mc",
    "Enclosing_Mark": "Me",
    "Number": "N",
    "Decimal_Number": "Nd",
    "digit": "Nd",
    "Letter_Number": "Nl",
    "Other_Number": "No",
    "Punctuation": "P",
    "punct": "P",
    "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd",
    "Open_Punctuation": "Ps",
    "Close_Punctuation": "Pe",
    "Initial_Punctuation": "Pi",
    "Final_Punctuation": "Pf",
    "Other_Punctuation": "Po",
    "Symbol": "S",
    "Math_Symbol": "Sm",
    "Currency_Symbol": "Sc",
    "Modifier_Symbol": "Sk",
    "Other_Symbol": "So",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp",
    "Other": "C",
    "Control": "Cc",
    "cntrl": "Cc",
    "Format": "Cf",
    "Private_Use": "Co",
    "Unassigned": "Cn",
}


_WHITE_SPACE = (
    *((0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
_ASCII_HEX = ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_BINARY_PROPERTIES: dict[str, Callable[[], Iterable[tuple[int, int]]]] = {
    **dict.fromkeys(("White_Space", "space"), lambda: _WHITE_SPACE),
    **dict.fromkeys(("ASCII_Hex_Digit", "AHex"), lambda: _ASCII_HEX),
    **dict.fromkeys(("Hex_Digit", "Hex"), lambda: [(c + d, e + d) for d in (0, 0xFEE0) for c, e in _ASCII_HEX]),
    **dict.fromkeys(("Uppercase", "Upper"), lambda: _where(str.isupper)),
    **dict.fromkeys(("Lowercase", "Lower"), lambda: _where(str.islower)),
}


@functools.cache
def property_set(name: str) -> Ranges | None:
    """The characters of `\\p{name}`: a general category or one of a few binary properties; None for what is not known.

    Python knows no scripts, and of the binary properties only those here.
    """
    if name.startswith(("General_Category=", "gc=")):
        name = name.partition("=")[2]
    elif name in _BINARY_PROPERTIES:
        return union(_BINARY_PROPERTIES[name]())
    if name == "Any":
        return EVERYTHING
    if name == "ASCII":
        return ((0, 0x7F),)
    if name == "Assigned":
        return negate(property_set("Cn") or ())
    category = _LONG_CATEGORIES.get(name, name)
    if category == "LC":
        return union(*(_categories()[c] for c in ("Lu", "Ll", "Lt")))
    found = [
        ranges
        for key, ranges in _categories().items()
        if key == category or (len(category) == 1 and key[0] == category)
    ]
    return union(*found) if found else None


@functools.cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """Runs of code points of each general category."""
    runs: dict[str, list[tuple[int, int]]] = {}
    start, current = 0, unicodedata.category("\0")
    for code, category in enumerate(map(unicodedata.category, map(chr, range(_LAST + 1)))):
        if category != current:
            runs.setdefault(current, []).append((start, code - 1))
            start, current = code, category
    runs.setdefault(current, []).append((start, _LAST))
    return runs


@functools.cache
def _lower_map() -> tuple[dict[int, int], dict[int, tuple[int, ...]]]:
    """Simple lower case of each cased character, and for each lower case the others with the same upper case.

    This is what Python's `re` compares when it ignores case.
    """
    lower: dict[int, int] = {}
    by_upper: dict[str, list[int]] = {}
    for code in range(_LAST + 1):
        char = chr(code)
        low = char.lower()
        if low != char:
            lower[code] = ord(low[0])
        elif (up := char.upper()) != char and len(up) == 1:
            by_upper.setdefault(up, []).append(code)
    alike: dict[int, tuple[int, ...]] = {}
    for codes in by_upper.values():
        if len(codes) > 1:
            alike |= {code: tuple(c for c in codes if c != code) for code in codes}
    return lower, alike


@functools.cache
def _raising_map() -> dict[int, list[int]]:
    """For each lower case, the characters that have it."""
    raising: dict[int, list[int]] = {}
    for code, low in _lower_map()[0].items():
        raising.setdefault(low, []).append(code)
    return raising


@functools.lru_cache(maxsize=4096)
def case_variants(code: int) -> Ranges:
    """The characters that equal this one when case is ignored, as Python's `re` does it."""
    return fold_set(one_char(code), ())


def fold_set(named: Ranges, classes: Ranges) -> Ranges:
    """The characters of a class when case is ignored: their lower case is named (up to case) or is in `classes`."""
    lower, alike = _lower_map()
    raising = _raising_map()
    lowered: list[tuple[int, int]] = []
    for low, high in named:
        lowered.extend(_lowered_range(low, high, lower))
    wanted = union(lowered)
    extra = [(c, c) for code, others in alike.items() if _holds(wanted, code) for c in others]
    wanted = union(wanted, extra, classes)
    kept = [(c, c) for c in _raising_targets(wanted, raising)]
    dropped = [(c, c) for c, low in lower.items() if _holds(wanted, c) and not _holds(wanted, low)]
    result = union(wanted, kept)
    return union(_minus(result, dropped)) if dropped else result


def _raising_targets(wanted: Ranges, raising: dict[int, list[int]]) -> list[int]:
    """Characters whose lower case is in `wanted`."""
    return [code for low, codes in raising.items() if _holds(wanted, low) for code in codes]


def _lowered_range(low: int, high: int, lower: dict[int, int]) -> list[tuple[int, int]]:
    if high - low > len(lower):
        codes = [c for c in lower if low <= c <= high]
    else:
        codes = [c for c in range(low, high + 1) if c in lower]
    moved = [(lower[c], lower[c]) for c in codes]
    return [*moved, *_minus([(low, high)], [(c, c) for c in codes])]


def _minus(ranges: Iterable[tuple[int, int]], removed: Iterable[tuple[int, int]]) -> Ranges:
    return negate(union(negate(union(ranges)), removed))


def _holds(ranges: Ranges, code: int) -> bool:
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < code:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= code
