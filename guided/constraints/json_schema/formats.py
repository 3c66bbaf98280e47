"""String formats that are regular languages, as expressions over the value of the string.

`date` knows leap years. Times follow RFC 3339 with an upper bound on fraction digits; a leap second (60) is accepted
where the time is 23:59:60 in UTC: what that asks of minutes and of hours are two short lists, and their intersection is
exact. Years start at 0001, as `datetime` has it.

To build one takes milliseconds, so all of them lie beside this file, written by tools/generate.py, and are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from guided.constraints.characters import EVERYTHING
from guided.constraints.expression_cache import shared_expression
from guided.constraints.json_schema.internet_formats import HOST_LABELS, internet_pattern
from guided.constraints.json_schema.regex_format import regex_format
from guided.constraints.regex import lower_program, parse_pattern

if TYPE_CHECKING:
    from guided import _native

__all__ = ["DATE", "KNOWN_FORMATS", "PARTIAL_FORMATS", "REFUSED_FORMATS", "UUID", "built_format", "format_expression"]

# What the standard names, in any draft; all others are annotations whatever the options say.
KNOWN_FORMATS = frozenset(
    {
        *("date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6"),
        *("uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer"),
        *("relative-json-pointer", "regex"),
    }
)

_IDNA = "IDNA limits its length as Punycode and asks for a normal form, which no automaton of sane size can"
PARTIAL_FORMATS = {"regex": "a part of all patterns, which docs/schema.md describes"}
REFUSED_FORMATS = {
    "idn-hostname": _IDNA,
    "idn-email": f"its domain is an idn-hostname: {_IDNA}",
}

_WRITTEN = Path(__file__).with_name("automata")
_MOST_STATES = 2000  # of a format as one automaton
_LONGEST_HOST = 253  # 255 octets as labels with their lengths (RFC 1035, 3.1)
_HOUR = "(?:[01][0-9]|2[0-3])"
_MINUTE = "[0-5][0-9]"
_FRACTION = r"(?:\.[0-9]{1,9})?"


_CENTURY = "(?:0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = f"(?:[0-9]{{2}}{_CENTURY}|(?:{_CENTURY})00)"
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def format_expression(builder: _native.Builder, name: str) -> int:
    """The values of a format that is known and not refused."""
    return builder.read((_WRITTEN / f"{name}.txt").read_text(encoding="ascii"))


def built_format(builder: _native.Builder, name: str) -> int:
    """The same, from its definition."""
    if name == "regex":
        return regex_format(builder)
    if name == "time":
        return _time(builder)
    if name == "date-time":
        return builder.concat([_lowered(builder, f"{DATE}[Tt]"), shared_expression(builder, "format time", _time)])
    return _hostname(builder) if name == "hostname" else _lowered(builder, _pattern(name))


def _pattern(name: str) -> str:
    if name == "date":
        return DATE
    if name == "uuid":
        return UUID
    if name == "json-pointer":
        return "(?s)(?:/(?:[^/~]|~[01])*)*"
    if name == "relative-json-pointer":
        return "(?s)(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^/~]|~[01])*)*)"
    return _duration() if name == "duration" else internet_pattern(name)


def _part(builder: _native.Builder, pattern: str) -> int:
    return lower_program(builder, parse_pattern(pattern))


def _lowered(builder: _native.Builder, pattern: str) -> int:
    """As an automaton: its derivatives are looked up."""
    return builder.tabulated(_part(builder, pattern), _MOST_STATES)


def _hostname(builder: _native.Builder) -> int:
    """RFC 1123, 2.1: letters, digits and hyphens, at most 253 characters, and never of the form of an IPv4 address."""
    numeric = builder.complement(_lowered(builder, r"[0-9]+(?:\.[0-9]+){3}"))
    length = builder.repeat(builder.chars(EVERYTHING), 1, _LONGEST_HOST)
    return builder.intersect([_lowered(builder, HOST_LABELS), length, numeric])


def _time(builder: _native.Builder) -> int:
    usual = f"{_HOUR}:{_MINUTE}:{_MINUTE}{_FRACTION}(?:[zZ]|[+-]{_HOUR}:{_MINUTE})|23:59:60{_FRACTION}[zZ]"
    return builder.alternate([_lowered(builder, usual), _leap_seconds(builder)])


def _leap_seconds(builder: _native.Builder) -> int:
    """23:59:60 UTC as it reads in every offset: what minutes allow, and what hours allow.

    Ahead of UTC by o, local time is 23:59 + o; behind it, 23:59 - o; hours carry where the minute is 59.
    """
    second = _part(builder, f":60{_FRACTION}")
    any_hour, any_minute, early = (_part(builder, p) for p in (_HOUR, _MINUTE, "[0-4][0-9]|5[0-8]"))
    text, concat = builder.literal, builder.concat
    minutes, hours = [], []
    for m in range(60):
        ahead = concat([text("+"), any_hour, text(f":{(m + 1) % 60:02}")])
        behind = concat([text("-"), any_hour, text(f":{59 - m:02}")])
        minutes.append(concat([any_hour, text(f":{m:02}"), second, builder.alternate([ahead, behind])]))
    for h in range(24):
        behind = concat([text(f"-{23 - h:02}:"), any_minute])
        same = concat([text(f"+{h:02}:"), any_minute])
        carried = concat([text(f"+{(h + 1) % 24:02}:"), any_minute])
        hours.append(concat([text(f"{h:02}:"), early, second, builder.alternate([same, behind])]))
        hours.append(concat([text(f"{h:02}:59"), second, builder.alternate([carried, behind])]))
    both = (builder.tabulated(builder.alternate(way), _MOST_STATES) for way in (minutes, hours))
    return builder.intersect(list(both))


def _duration() -> str:
    """ISO 8601 as RFC 3339, appendix A, writes it."""
    n = "[0-9]{1,9}"
    clock = f"T(?:{n}H(?:{n}M(?:{n}S)?)?|{n}M(?:{n}S)?|{n}S)"
    days = f"{n}D(?:{clock})?"
    months = f"{n}M(?:{n}D)?(?:{clock})?"
    years = f"{n}Y(?:{n}M(?:{n}D)?)?(?:{clock})?"
    return f"P(?:{n}W|{years}|{months}|{days}|{clock})"
