"""Which names mean something already, and so cannot be an input, a capture or a variable."""

from __future__ import annotations

__all__ = ["FUNCTIONS", "RUN_ARGUMENTS", "WORDS", "refusal"]

WORDS = frozenset(
    (
        *("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"),
        *("gen", "select", "loop", "it", "defs", "tools"),
    )
)
"""Words of the language."""

FUNCTIONS = ("range", "len", "dict", "namespace", "raise_exception")
"""The functions that every template can call."""

RUN_ARGUMENTS = frozenset(
    (
        *("self", "model", "inputs", "rows", "seed", "greedy", "defaults", "logprobs", "on_event", "on_done"),
        *("max_tokens", "batch", "priority", "timeout"),
    )
)
"""The arguments of `Template.run`, `stream` and `map`: an input of such a name could not be given by keyword."""


def refusal(name: str) -> str:
    """Why `name` cannot be bound, or an empty text.

    >>> refusal("loop")
    "'loop' is a word of the language"
    """
    if name in WORDS:
        return f"'{name}' is a word of the language"
    if name in FUNCTIONS:
        return f"'{name}' is a function of the language"
    if not name.isidentifier():
        return f"'{name}' is not a name"
    return ""
