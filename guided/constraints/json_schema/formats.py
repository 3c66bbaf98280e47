"""String formats that are regular languages, as patterns over the value of the string.

`date` knows leap years. Times follow RFC 3339 with an upper bound on fraction digits; a leap second (60) is accepted
where the time is 23:59:60 in UTC, which is a finite table of offsets. Years start at 0001, as `datetime` has it.
"""

from __future__ import annotations

import functools

__all__ = ["KNOWN_FORMATS", "format_pattern"]

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


def format_pattern(name: str) -> str | None:
    """A pattern in Python's dialect that matches the whole value; None where the format is not regular or not done."""
    if name == "date":
        return _date()
    if name == "time":
        return _time()
    if name == "date-time":
        return f"{_date()}[Tt]{_time()}"
    if name == "ipv4":
        return rf"{_OCTET}(?:\.{_OCTET}){{3}}"
    if name == "uuid":
        return "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    if name == "json-pointer":
        return "(?s)(?:/(?:[^/~]|~[01])*)*"
    if name == "relative-json-pointer":
        return "(?s)(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^/~]|~[01])*)*)"
    if name == "duration":
        return _duration()
    return None


@functools.cache
def _date() -> str:
    century = "(?:0[48]|[2468][048]|[13579][26])"
    leap = f"(?:[0-9]{{2}}{century}|(?:{century})00)"
    year = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
    long_months = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    short_months = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    february = "02-(?:0[1-9]|1[0-9]|2[0-8])"
    return f"(?:{year}-(?:{long_months}|{short_months}|{february})|{leap}-02-29)"


@functools.cache
def _time() -> str:
    offset = f"(?:[zZ]|[+-]{_HOUR}:{_MINUTE})"
    return f"(?:{_HOUR}:{_MINUTE}:{_MINUTE}{_FRACTION}{offset}|{_leap_seconds()})"


def _leap_seconds() -> str:
    """23:59:60 UTC in every offset: local time = 23:59 plus the offset."""
    options = [f"23:59:60{_FRACTION}(?:[zZ]|[+-]00:00)"]
    for minutes in range(1, 24 * 60):
        for sign, shift in (("+", minutes), ("-", -minutes)):
            hour, minute = divmod((23 * 60 + 59 + shift) % (24 * 60), 60)
            options.append(f"{hour:02}:{minute:02}:60{_FRACTION}[{sign}]{minutes // 60:02}:{minutes % 60:02}")
    return "|".join(options)


def _duration() -> str:
    """ISO 8601 as RFC 3339, appendix A, writes it."""
    n = "[0-9]{1,9}"
    clock = f"T(?:{n}H(?:{n}M(?:{n}S)?)?|{n}M(?:{n}S)?|{n}S)"
    days = f"{n}D(?:{clock})?"
    months = f"{n}M(?:{n}D)?(?:{clock})?"
    years = f"{n}Y(?:{n}M(?:{n}D)?)?(?:{clock})?"
    return f"P(?:{n}W|{years}|{months}|{days}|{clock})"
