"""The methods that an expression may call: of texts, mappings, lists and `loop`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guided.lang.values import LoopInfo, ValueProblem, bounded

__all__ = ["METHOD_NAMES", "STRING_METHODS", "method_of"]

STRING_METHODS = frozenset(
    (
        *("capitalize", "casefold", "center", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdecimal"),
        *("isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip"),
        *("partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit"),
        *("rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill"),
    )
)
_MAPPING_METHODS = frozenset(("get", "items", "keys", "values"))
_LIST_METHODS = frozenset(("count", "index"))

METHOD_NAMES = STRING_METHODS | _MAPPING_METHODS | _LIST_METHODS | {"cycle"}
"""Every method of any type, for the checker."""


def method_of(value: Any, name: str) -> Callable[..., Any] | None:
    """The bound method, or None if `value` has none of that name that may be called."""
    if isinstance(value, str) and name in STRING_METHODS:
        return _bounded_string_method(value, name)
    if isinstance(value, Mapping) and name in _MAPPING_METHODS:
        method: Callable[..., Any] = getattr(value, name)
        return method if name == "get" else lambda: list(method())
    if isinstance(value, list | tuple) and name in _LIST_METHODS:
        return getattr(value, name)  # type: ignore[no-any-return]
    if isinstance(value, LoopInfo) and name == "cycle":
        return value.cycle
    return None


def _bounded_string_method(text: str, name: str) -> Callable[..., Any]:
    """The method of `str`, with a look at the size of what it would make."""
    method: Callable[..., Any] = getattr(text, name)

    def padded(width: int, *fill: str) -> Any:
        bounded(width)
        return method(width, *fill)

    def replaced(old: str, new: str, count: int = -1) -> str:
        if not isinstance(old, str) or not isinstance(new, str):
            raise ValueProblem("replace takes two texts")
        number = text.count(old) if count < 0 else min(count, text.count(old))
        bounded(len(text) + number * len(new))
        return text.replace(old, new, count)

    def joined(parts: Any) -> str:
        texts = list(parts)
        bounded(sum(len(t) for t in texts) + len(text) * len(texts))
        return text.join(texts)

    special: dict[str, Callable[..., Any]] = {
        "center": padded,
        "ljust": padded,
        "rjust": padded,
        "zfill": padded,
        "replace": replaced,
        "join": joined,
    }
    return special.get(name, method)
