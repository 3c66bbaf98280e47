"""String formats that are regular languages, as expressions over the value of the string.

`date` knows leap years. Times follow RFC 3339 with an upper bound on fraction digits; a leap second (60) is accepted
where the time is 23:59:60 in UTC, which is one offset on each side of UTC for every minute of the day. Years start at
0001, as `datetime` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guided.constraints.regex import lower_program, parse_pattern

if TYPE_CHECKING:
    from guided import _native

__all__ = ["DATE", "KNOWN_FORMATS", "UUID", "format_expression"]

# What the standard names, in any draft; all others are annotations whatever the options say.
KNOWN_FORMATS = frozenset(
    {
        *("date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6"),
        *("uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer"),
        *("relative-json-pointer", "regex"),
    }
)

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
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


def format_expression(builder: _native.Builder, name: str) -> int | None:
    """The values of a format; None where the format is not regular or not done."""
    if name in ("time", "date-time"):
        return _time(builder, before=f"{DATE}[Tt]" if name == "date-time" else "")
    pattern = _pattern(name)
    return None if pattern is None else _lowered(builder, pattern)


def _pattern(name: str) -> str | None:
    if name == "date":
        return DATE
    if name == "ipv4":
        return rf"{_OCTET}(?:\.{_OCTET}){{3}}"
    if name == "uuid":
        return UUID
    if name == "json-pointer":
        return "(?s)(?:/(?:[^/~]|~[01])*)*"
    if name == "relative-json-pointer":
        return "(?s)(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^/~]|~[01])*)*)"
    return _duration() if name == "duration" else None


def _lowered(builder: _native.Builder, pattern: str) -> int:
    return lower_program(builder, parse_pattern(pattern))


def _time(builder: _native.Builder, before: str) -> int:
    usual = f"{_HOUR}:{_MINUTE}:{_MINUTE}{_FRACTION}(?:[zZ]|[+-]{_HOUR}:{_MINUTE})|23:59:60{_FRACTION}[zZ]"
    time = builder.alternate([_lowered(builder, usual), _leap_seconds(builder)])
    return builder.concat([_lowered(builder, before), time]) if before else time


def _leap_seconds(builder: _native.Builder) -> int:
    """23:59:60 UTC as it reads in every offset: ahead of UTC by o, local time is 23:59 + o; behind it, 23:59 - o."""
    second = _lowered(builder, f":60{_FRACTION}")
    hours = []
    for hour in range(24):
        minutes = []
        for minute in range(60):
            ahead = (60 * hour + minute + 1) % 1440
            behind = 1439 - (60 * hour + minute)
            offsets = [f"+{ahead // 60:02}:{ahead % 60:02}", f"-{behind // 60:02}:{behind % 60:02}"]
            minutes.append(builder.concat([builder.literal(f"{minute:02}"), second, builder.words(offsets)]))
        hours.append(builder.concat([builder.literal(f"{hour:02}:"), builder.alternate(minutes)]))
    return builder.alternate(hours)


def _duration() -> str:
    """ISO 8601 as RFC 3339, appendix A, writes it."""
    n = "[0-9]{1,9}"
    clock = f"T(?:{n}H(?:{n}M(?:{n}S)?)?|{n}M(?:{n}S)?|{n}S)"
    days = f"{n}D(?:{clock})?"
    months = f"{n}M(?:{n}D)?(?:{clock})?"
    years = f"{n}Y(?:{n}M(?:{n}D)?)?(?:{clock})?"
    return f"P(?:{n}W|{years}|{months}|{days}|{clock})"
