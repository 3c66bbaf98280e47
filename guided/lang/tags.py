"""Every tag of the language, in one table: what ends it, what may divide it, and whether it runs yet.

A tag that is not here is unknown; one with `runs=False` is parsed, checked and then refused by name, so that nothing
that compiles is silently ignored. `holes=False` means that its body is rendered as a value and may hold no holes.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JINJA_ONLY", "TAGS", "Tag", "closers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One tag: `end` is its closing tag, `parts` are the tags that divide its body."""

    end: str | None = None
    parts: tuple[str, ...] = ()
    holes: bool = True
    runs: bool = True


TAGS: dict[str, Tag] = {
    "if": Tag(end="endif", parts=("elif", "else")),
    "for": Tag(end="endfor", parts=("else",)),
    "set": Tag(end="endset", holes=False),
    "filter": Tag(end="endfilter", holes=False),
    "macro": Tag(end="endmacro", holes=False),
    "with": Tag(end="endwith"),
    "raw": Tag(end="endraw"),
    "include": Tag(runs=False),
    "system": Tag(end="endsystem"),
    "user": Tag(end="enduser"),
    "assistant": Tag(end="endassistant"),
    "tool": Tag(end="endtool"),
    "hidden": Tag(end="endhidden"),
    "repeat": Tag(end="endrepeat"),
    "loop": Tag(end="endloop", parts=("exhausted",)),
    "break": Tag(),
    "choose": Tag(end="endchoose", parts=("option",)),
    "beam": Tag(end="endbeam"),
    "sample": Tag(end="endsample", runs=False),
    "fork": Tag(end="join", parts=("branch",), runs=False),
    "check": Tag(),
    "await": Tag(runs=False),
}

JINJA_ONLY = {
    "extends": "templates do not inherit; use macros",
    "block": "templates do not inherit; use macros",
    "import": "there are no imports; define the macro in this file",
    "from": "there are no imports; define the macro in this file",
    "call": "pass the text to the macro as an argument",
    "do": "expressions have no side effects; use {% set %}",
    "continue": "guard the rest of the body with {% if %}",
    "autoescape": "nothing is escaped; filter with | tojson where JSON is meant",
    "trans": "there is no translation",
    "generation": "an assistant message is {% assistant %} ... {% endassistant %}",
}
"""Tags of Jinja that are not part of the language, with what to do instead."""


def closers() -> dict[str, str]:
    """For every closing or dividing tag, a tag that it belongs to.

    >>> closers()["endfor"], closers()["exhausted"]
    ('for', 'loop')
    """
    return {word: name for name, tag in reversed(TAGS.items()) for word in (tag.end, *tag.parts) if word}
