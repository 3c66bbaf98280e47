"""Every filter by name: those of one value from `filters_text`, those of lists and mappings here.

Meanings are Jinja's, except that `map`, `select` and their like give lists, not generators. A filter is a pure
function whose first argument is the value before `|`; the checker reads its signature.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from guided.lang.filters_text import TEXT_FILTERS
from guided.lang.problems import suggest
from guided.lang.tests import TESTS
from guided.lang.values import MAX_RANGE, Undefined, ValueProblem, bounded, defined, item_of, items_of, to_text

__all__ = ["FILTERS"]

_MISSING = Undefined("there is no item in an empty list")


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    return default_value if isinstance(value, Undefined) or (boolean and not value) else value


def _first(value: Any) -> Any:
    return next(iter(items_of(value)), _MISSING)


def _last(value: Any) -> Any:
    return (items_of(value) or [_MISSING])[-1]


def _join(value: Any, d: str = "", attribute: int | str | None = None) -> str:
    texts = [to_text(v) for v in _mapped(value, attribute)]
    bounded(sum(map(len, texts)) + len(d) * len(texts))
    return d.join(texts)


def _sum(value: Any, attribute: int | str | None = None, start: Any = 0) -> Any:
    items = _mapped(value, attribute)
    if isinstance(start, list | tuple):
        bounded(sum(len(item) for item in items), "this list", MAX_RANGE)
    return sum(items, start)


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else items_of(value)[::-1]


def _sort(
    value: Any, reverse: bool = False, case_sensitive: bool = False, attribute: int | str | None = None
) -> list[Any]:
    return sorted(items_of(value), key=_sort_key(attribute, case_sensitive), reverse=reverse)


def _dictsort(value: Any, case_sensitive: bool = False, by: str = "key", reverse: bool = False) -> list[Any]:
    if not isinstance(value, Mapping):
        raise ValueProblem("dictsort takes a mapping")
    if by not in ("key", "value"):
        raise ValueProblem("dictsort sorts by 'key' or by 'value'")
    at = 0 if by == "key" else 1
    return sorted(value.items(), key=lambda pair: _folded(pair[at], case_sensitive), reverse=reverse)


def _unique(value: Any, case_sensitive: bool = False, attribute: int | str | None = None) -> list[Any]:
    key = _sort_key(attribute, case_sensitive)
    seen: list[Any] = []
    quick: set[Any] = set()
    out = []
    for item in items_of(value):
        mark = key(item)
        try:
            is_new = mark not in quick
            quick.add(mark)
        except TypeError:  # a list or mapping
            is_new = mark not in seen
            seen.append(mark)
        if is_new:
            out.append(item)
    return out


def _minimum(value: Any, case_sensitive: bool = False, attribute: int | str | None = None) -> Any:
    return min(items_of(value), key=_sort_key(attribute, case_sensitive), default=_MISSING)


def _maximum(value: Any, case_sensitive: bool = False, attribute: int | str | None = None) -> Any:
    return max(items_of(value), key=_sort_key(attribute, case_sensitive), default=_MISSING)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise ValueProblem("items takes a mapping")
    return list(value.items())


def _batch(value: Any, linecount: int, fill_with: Any = None) -> list[list[Any]]:
    if linecount < 1:
        raise ValueProblem("batch needs a positive number of items")
    items = items_of(value)
    rows = [items[i : i + linecount] for i in range(0, len(items), linecount)]
    if rows and fill_with is not None:
        bounded(linecount, "this list", MAX_RANGE)
        rows[-1] += [fill_with] * (linecount - len(rows[-1]))
    return rows


def _slice(value: Any, slices: int, fill_with: Any = None) -> list[list[Any]]:
    bounded(slices, "this list", MAX_RANGE)
    items = items_of(value)
    size, extra = divmod(len(items), slices)
    out, at = [], 0
    for index in range(slices):
        end = at + size + (index < extra)
        part = items[at:end]
        if fill_with is not None and index >= extra:
            part.append(fill_with)
        out.append(part)
        at = end
    return out


def _groupby(
    value: Any, attribute: int | str, default: Any = None, case_sensitive: bool = False
) -> list[tuple[Any, list[Any]]]:
    def grouper(item: Any) -> Any:
        found = _path(item, attribute)
        return default if isinstance(found, Undefined) and default is not None else defined(found)

    def key(item: Any) -> Any:
        return _folded(grouper(item), case_sensitive)

    groups = (list(group) for _, group in itertools.groupby(sorted(items_of(value), key=key), key))
    return [(grouper(group[0]), group) for group in groups]


def _map(
    value: Any, *arguments: Any, attribute: int | str | None = None, default: Any = None, **named: Any
) -> list[Any]:
    items = items_of(value)
    if attribute is not None:
        found = [_path(item, attribute) for item in items]
        return [default if isinstance(f, Undefined) and default is not None else f for f in found]
    if not arguments:
        raise ValueProblem("map needs the name of a filter, or attribute=")
    function = _named(FILTERS, arguments[0], "filter")
    return [function(item, *arguments[1:], **named) for item in items]


def _select(value: Any, *arguments: Any) -> list[Any]:
    return [item for item in items_of(value) if _passes(item, arguments)]


def _reject(value: Any, *arguments: Any) -> list[Any]:
    return [item for item in items_of(value) if not _passes(item, arguments)]


def _selectattr(value: Any, attribute: int | str, *arguments: Any) -> list[Any]:
    return [item for item in items_of(value) if _passes(_path(item, attribute), arguments)]


def _rejectattr(value: Any, attribute: int | str, *arguments: Any) -> list[Any]:
    return [item for item in items_of(value) if not _passes(_path(item, attribute), arguments)]


def _passes(value: Any, arguments: tuple[Any, ...]) -> bool:
    return _named(TESTS, arguments[0], "test")(value, *arguments[1:]) if arguments else bool(value)


def _named(table: Mapping[str, Callable[..., Any]], name: Any, what: str) -> Callable[..., Any]:
    if isinstance(name, str) and name in table:
        return table[name]
    raise ValueProblem(f"unknown {what} {name!r}", suggest(str(name), table, f"{what}s"))


def _path(item: Any, attribute: int | str) -> Any:
    """`item.a.b` for the path `a.b`; parts that are numbers are indices."""
    parts: Iterable[Any] = [attribute] if isinstance(attribute, int) else str(attribute).split(".")
    for part in parts:
        item = item_of(item, int(part) if isinstance(part, str) and part.isdecimal() else part)
        if isinstance(item, Undefined):
            break
    return item


def _mapped(value: Any, attribute: int | str | None) -> list[Any]:
    items = items_of(value)
    return items if attribute is None else [_path(item, attribute) for item in items]


def _folded(value: Any, case_sensitive: bool) -> Any:
    return value.lower() if isinstance(value, str) and not case_sensitive else value


def _sort_key(attribute: int | str | None, case_sensitive: bool) -> Callable[[Any], Any]:
    if attribute is None:
        return lambda item: _folded(item, case_sensitive)
    parts = str(attribute).split(",")
    if len(parts) == 1:
        return lambda item: _folded(_path(item, attribute), case_sensitive)
    return lambda item: [_folded(_path(item, part), case_sensitive) for part in parts]


FILTERS: dict[str, Callable[..., Any]] = {
    **TEXT_FILTERS,
    "batch": _batch,
    "default": _default,
    "dictsort": _dictsort,
    "first": _first,
    "groupby": _groupby,
    "items": _items,
    "join": _join,
    "last": _last,
    "list": items_of,
    "map": _map,
    "max": _maximum,
    "min": _minimum,
    "reject": _reject,
    "rejectattr": _rejectattr,
    "reverse": _reverse,
    "select": _select,
    "selectattr": _selectattr,
    "slice": _slice,
    "sort": _sort,
    "sum": _sum,
    "unique": _unique,
}
FILTERS["d"] = _default
"""Every filter by name."""
