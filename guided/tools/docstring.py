"""What a docstring says of a function and of each of its parameters.

Read are the Google style (`Args:` with indented `name: text` entries) and Sphinx fields (`:param name: text`).
The description is the text before the first section.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

__all__ = ["Docstring", "read_docstring"]

SECTION = re.compile(
    r"(Args|Arguments|Parameters|Returns?|Yields?|Raises|Examples?|Notes?|Warnings?|See Also|References)\s*:\s*$"
)
ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(\([^)]*\))?\s*:\s*(?P<text>.*)$")
FIELD = re.compile(r":param\s+(?:[^:\s]+\s+)?(?P<name>\w+):\s*(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Docstring:
    """The description, and the text of each described parameter; both with single spaces."""

    description: str
    parameters: dict[str, str]


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart.

    >>> read_docstring('''Search the handbook.
    ...
    ...     Args:
    ...         query: what to look for,
    ...             in a few words
    ...         k (int): how many
    ...     ''')
    Docstring(description='Search the handbook.',
              parameters={'query': 'what to look for, in a few words', 'k': 'how many'})
    """
    described: list[str] = []
    parameters: dict[str, list[str]] = {}
    section, current, entry_indent = "", None, 0
    for line in inspect.cleandoc(text or "").splitlines():
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        if field := FIELD.match(stripped):
            section, current, entry_indent = "fields", field["name"], indent
            parameters[current] = [field["text"]]
        elif indent == 0 and (heading := SECTION.match(stripped)):
            section, current = heading[1], None
        elif indent == 0 and stripped.startswith(":"):
            section, current = "fields", None  # :returns: and the like
        elif not section:
            described.append(stripped)
        elif section in ("Args", "Arguments", "Parameters", "fields"):
            starts = section != "fields" and stripped and (current is None or indent <= entry_indent)
            if starts and (entry := ENTRY.match(stripped)):
                current, entry_indent = entry["name"], indent
                parameters[current] = [entry["text"]]
            elif current is not None:
                parameters[current].append(stripped)
    return Docstring(_joined(described), {name: _joined(parts) for name, parts in parameters.items()})


def _joined(parts: list[str]) -> str:
    return " ".join(" ".join(parts).split())
