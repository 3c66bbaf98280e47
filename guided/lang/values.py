"""What expressions yield beyond plain data, how a value becomes text, and what may be read from it.

Only mapping keys, list items, dataclass and pydantic fields and the methods named here can be reached; nothing that
starts with `_`, no other attribute, no other call. Sizes are bounded before the work is done.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guided.lang.problems import nearest

__all__ = [
    "MAX_RANGE",
    "MAX_TEXT",
    "Function",
    "LoopInfo",
    "Namespace",
    "Undefined",
    "ValueProblem",
    "attribute_of",
    "bounded",
    "defined",
    "item_of",
    "items_of",
    "loop_info",
    "to_json",
    "to_text",
]

MAX_TEXT = 4_000_000
"""Characters that one value, or one rendered text, may have."""

MAX_RANGE = 100_000
"""Numbers that one `range` may have, and items of a list that an expression makes."""

TOOL_FIELDS = ("name", "description", "parameters", "text_signature")


class ValueProblem(Exception):
    """An operation that a value does not allow; the evaluator adds the place."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Undefined:
    """What a missing key, item or value yields: false, not defined, and an error where it is used otherwise."""

    reason: str
    is_silent: bool = False  # from `a if test` without `else`: prints as nothing

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Function:
    """Something that an expression may call: a function of the language, a declared one, or a macro."""

    name: str
    call: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Namespace(Mapping[str, Any]):
    """What `namespace(...)` makes; `{% set ns.name = value %}` binds the name `ns` to a copy with the new value."""

    values_by_name: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values_by_name[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def updated(self, name: str, value: Any) -> Namespace:
        return Namespace({**self.values_by_name, name: value})


@dataclass(frozen=True, slots=True)
class LoopInfo:
    """The variable `loop` in a `for` body."""

    index: int
    index0: int
    revindex: int
    revindex0: int
    first: bool
    last: bool
    length: int
    previtem: Any
    nextitem: Any
    depth: int
    depth0: int

    def cycle(self, *values: Any) -> Any:
        """One of `values`, in turn."""
        if not values:
            raise ValueProblem("loop.cycle needs values to go through")
        return values[self.index0 % len(values)]


def loop_info(items: Sequence[Any], index: int, depth: int = 0) -> LoopInfo:
    """The `loop` variable for `items[index]`, `depth` loops deep from 0."""
    count = len(items)
    previous = items[index - 1] if index else Undefined("there is no item before the first")
    following = items[index + 1] if index + 1 < count else Undefined("there is no item after the last")
    is_first, is_last = index == 0, index == count - 1
    left = count - index
    return LoopInfo(index + 1, index, left, left - 1, is_first, is_last, count, previous, following, depth + 1, depth)


def defined(value: Any) -> Any:
    """`value`, unless it is undefined."""
    if isinstance(value, Undefined):
        raise ValueProblem(value.reason, "test it with 'is defined', or give it a value with | default(...)")
    return value


def bounded(size: int, what: str = "this text", limit: int = MAX_TEXT) -> None:
    """Raise if something of `size` characters or items would be too large."""
    if size > limit:
        raise ValueProblem(f"{what} would have {size} {'characters' if limit == MAX_TEXT else 'items'}, over {limit}")


def to_text(value: Any) -> str:
    """A value as `{{ }}` prints it: as in Jinja, that is as Python's `str`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Undefined) and value.is_silent:
        return ""
    if isinstance(defined(value), Function):
        raise ValueProblem(f"'{value.name}' is a function", f"call it: {value.name}(...)")
    _bound_contents(value)
    return str(value)


def to_json(value: Any, **options: Any) -> str:
    """A value as `json.dumps` writes it, without any escaping for HTML, characters outside of ASCII as they are."""
    _bound_contents(value)
    return json.dumps(value, ensure_ascii=options.pop("ensure_ascii", False), default=_plain, **options)


def _bound_contents(value: Any) -> None:
    """Raise where a value holds too much to be spelled out: a list of lists of one list is small until it is text."""
    left = MAX_TEXT
    stack = [value]
    while stack:
        item = stack.pop()
        left -= 1 + (len(item) if isinstance(item, str) else 0)
        if isinstance(item, Mapping):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            stack += item
        if left < len(stack):
            raise ValueProblem(f"the text of this value would have over {MAX_TEXT} characters")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Undefined | Function):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(type(value), "model_fields"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, range | set | frozenset):
        return list(value)
    if isinstance(defined(value), Function):
        raise ValueProblem(f"the function '{value.name}' is not JSON")
    raise ValueProblem(f"a {type(value).__name__} is not JSON")


def attribute_of(value: Any, name: str) -> Any:
    """`value.name`, or `Undefined` where there is no such thing."""
    defined(value)
    if isinstance(value, Mapping) and name in value:
        return value[name]
    if name in _fields_of(value):
        return getattr(value, name)
    return Undefined(_no_attribute(value, name))


def item_of(value: Any, key: Any) -> Any:
    """`value[key]`, or `Undefined` where there is no such thing."""
    defined(value)
    defined(key)
    if isinstance(value, Mapping):
        try:
            return value[key]
        except (KeyError, TypeError):
            return Undefined(_no_attribute(value, str(key)))
    if isinstance(value, str | list | tuple | range):
        if not isinstance(key, int):
            return Undefined(f"{_a(value)} has no item {key!r}")
        if -len(value) <= key < len(value):
            return value[key]
        return Undefined(f"there is no item {key}: {_a(value)} of length {len(value)}")
    return attribute_of(value, key) if isinstance(key, str) else Undefined(f"{_a(value)} has no items")


def items_of(value: Any) -> list[Any]:
    """What a loop goes through; a mapping gives its keys, a text its characters."""
    if isinstance(defined(value), str | list | tuple | range | Mapping | set | frozenset):
        bounded(len(value), "this list", MAX_TEXT)
        return list(value)
    raise ValueProblem(f"{_a(value)} has no items to go through")


def _fields_of(value: Any) -> tuple[str, ...]:
    if isinstance(value, type | Function | Namespace):
        return ()
    if hasattr(type(value), "text_signature") and hasattr(type(value), "to_openai"):
        return TOOL_FIELDS
    if dataclasses.is_dataclass(value):
        return tuple(f.name for f in dataclasses.fields(value) if not f.name.startswith("_"))
    fields = getattr(type(value), "model_fields", None)
    return tuple(n for n in fields if not n.startswith("_")) if isinstance(fields, Mapping) else ()


def _no_attribute(value: Any, name: str) -> str:
    known = [k for k in value if isinstance(k, str)] if isinstance(value, Mapping) else list(_fields_of(value))
    near = nearest(name, known[:1000])
    return f"{_a(value)} has no '{name[:100]}'" + (f", did you mean '{near}'?" if near else "")


def _a(value: Any) -> str:
    """A value's type as messages name it."""
    if value is None:
        return "none"
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a text", list: "a list", tuple: "a list"}
    if isinstance(value, Mapping):
        return "the mapping"
    return names.get(type(value), f"a {type(value).__name__}")
