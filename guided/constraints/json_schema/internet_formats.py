"""Patterns of the formats that name things on the internet, after their grammars.

Sources: RFC 3986 (URI, IPv6), RFC 3987 (IRI), RFC 5321, 4.1.2 (mailbox), RFC 6570 with erratum 6937 (URI template).
Each rule of a grammar is one pattern here, in Python's dialect; they have no look-around, so they are exact automata.
"""

from __future__ import annotations

import functools

__all__ = ["HOST_LABELS", "IPV4", "internet_pattern"]

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?"
HOST_LABELS = rf"{_LABEL}(?:\.{_LABEL})*"

_UCSCHAR = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + "".join(
    f"{chr((plane << 16) + (0x1000 if plane == 14 else 0))}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 15)
)
_IPRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"


def internet_pattern(name: str) -> str:
    """The pattern of a format that is defined here."""
    if name == "ipv4":
        return IPV4
    if name == "ipv6":
        return _ipv6()
    if name == "email":
        return _mailbox()
    if name == "uri-template":
        return _template()
    if name in ("uri", "uri-reference"):
        return _identifier(extra="", private="", is_reference=name == "uri-reference")
    assert name in ("iri", "iri-reference")
    return _identifier(extra=_UCSCHAR, private=_IPRIVATE, is_reference=name == "iri-reference")


@functools.cache
def _ipv6() -> str:
    """`IPv6address`: eight groups, or fewer around one `::`, of which the last two may be an IPv4 address."""
    group = "[0-9a-fA-F]{1,4}"
    before_last, others = [f"(?:{group}:){{6}}"], []  # the two last groups stand once: long patterns take long to read
    for before in range(8):  # groups before the `::`
        head = f"(?:{group}(?::{group}){{0,{before - 1}}})?" if before else ""
        after = 5 - before
        if after >= 0:
            before_last.append(f"{head}::(?:{group}:){{{after}}}")
        elif after == -1:
            others.append(f"{head}::{group}")
        else:
            others.append(f"{head}::")
    return f"(?:(?:{'|'.join(before_last)})(?:{group}:{group}|{IPV4})|{'|'.join(others)})"


@functools.cache
def _identifier(extra: str, private: str, *, is_reference: bool) -> str:
    unreserved = f"A-Za-z0-9._~{extra}\\-"
    delimiters = "!$&'()*+,;="
    escaped = "%[0-9A-Fa-f]{2}"
    pchar = f"(?:[{unreserved}{delimiters}:@]|{escaped})"
    tail = f"(?:/{pchar}*)*"
    userinfo = f"(?:[{unreserved}{delimiters}:]|{escaped})*"
    literal = rf"\[(?:{_ipv6()}|[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:\-]+)\]"
    host = f"(?:{literal}|(?:[{unreserved}{delimiters}]|{escaped})*)"
    authority = f"(?:{userinfo}@)?{host}(?::[0-9]*)?"
    rooted = f"//{authority}{tail}|/(?:{pchar}+{tail})?"
    query = rf"(?:\?(?:{pchar}|[/?{private}])*)?(?:#(?:{pchar}|[/?])*)?"
    scheme = r"[A-Za-z][A-Za-z0-9+.\-]*:"
    if not is_reference:
        return f"{scheme}(?:{rooted}|{pchar}+{tail}|){query}"
    no_scheme = f"(?:[{unreserved}{delimiters}@]|{escaped})+{tail}"
    return f"(?:(?:{scheme})?(?:{rooted})|{scheme}(?:{pchar}+{tail})?|(?:{no_scheme})?){query}"


@functools.cache
def _mailbox() -> str:
    """`Mailbox`: a dotted or quoted local part, then a domain or an address in brackets."""
    atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-]+"
    quoted = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
    address = rf"\[(?:{IPV4}|IPv6:{_ipv6()})\]"
    return rf"(?:{atom}(?:\.{atom})*|{quoted})@(?:{HOST_LABELS}|{address})"


def _template() -> str:
    """`URI-Template`: literals, and expressions in braces; reserved operators are operators, as the grammar says."""
    escaped = "%[0-9A-Fa-f]{2}"
    literal = f"(?:[!#$&-;=?-\\[\\]_a-z~{_UCSCHAR}{_IPRIVATE}]|{escaped})"
    character = f"(?:[A-Za-z0-9_]|{escaped})"
    variable = rf"{character}(?:\.?{character})*(?::[1-9][0-9]{{0,3}}|\*)?"
    return rf"(?:{literal}|\{{[+#./;?&=,!@|]?{variable}(?:,{variable})*\}})*"
