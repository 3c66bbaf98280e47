"""Which keywords of a schema that nothing satisfies clash.

Parts of the document are left out, the largest first, as long as what remains still has no value: the keywords that
stay cannot hold together, and without any of them the rest could. Work is bounded by the number of trials.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from guided.constraints.json_schema.place import pointer_to

__all__ = ["clashing_keywords"]

Path: TypeAlias = "tuple[str | int, ...]"

_MOST_TRIALS = 300
_MOST_NAMED = 6
_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("additionalProperties", "items", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems")
_SAYS_NOTHING = ("$schema", "$id", "id", "title", "description", "$comment", "examples", "default")
_LONGEST = 60


def clashing_keywords(document: dict[str, Any], is_satisfiable: Callable[[Any], bool]) -> str | None:
    """Words like "minimum 5 at /minimum against maximum 3 at /maximum"; None where no short answer was found."""
    try:
        document = copy.deepcopy(document)
        return _reduced(document, is_satisfiable)
    except RecursionError:  # nested too deeply to be explained
        return None


def _reduced(document: dict[str, Any], is_satisfiable: Callable[[Any], bool]) -> str | None:
    trials = 0
    for path in list(_parts(document)):
        holder = _get(document, path[:-1])
        if holder is None or not _has(holder, path[-1]):
            continue
        trials += 1
        if trials > _MOST_TRIALS:
            return None
        kept = holder[path[-1]]
        if _narrows(holder, path[-1]):
            continue
        if isinstance(holder, list) or (len(path) > 1 and path[-2] in _MAPS):
            holder[path[-1]] = True  # places of the others stay as they are
        else:
            del holder[path[-1]]
        if is_satisfiable(document):
            holder[path[-1]] = kept
    named = [_named(document, path) for path in _leaves(document)]
    return " against ".join(named) if 0 < len(named) <= _MOST_NAMED else None


def _parts(schema: Any, at: Path = ()) -> Iterator[Path]:
    """Paths of everything that can be left out, what contains before what is contained."""
    pending: list[tuple[Any, Path]] = [(schema, at)]
    while pending:
        here, path = pending.pop(0)
        if not isinstance(here, dict):
            continue
        for keyword, value in here.items():
            if keyword == "$schema":
                continue
            yield (*path, keyword)
            if keyword in _MAPS and isinstance(value, dict):
                yield from ((*path, keyword, name) for name in value)
                pending.extend((part, (*path, keyword, name)) for name, part in value.items())
            elif keyword in _LISTS and isinstance(value, list):
                if keyword != "oneOf":
                    yield from ((*path, keyword, i) for i in range(len(value)))
                pending.extend((part, (*path, keyword, i)) for i, part in enumerate(value))
            elif keyword in _SINGLE:
                pending.append((value, (*path, keyword)))


def _leaves(schema: Any, at: Path = ()) -> Iterator[Path]:
    """Paths of the keywords that are left and say something themselves."""
    pending: list[tuple[Any, Path]] = [(schema, at)]
    while pending:
        here, path = pending.pop(0)
        for keyword, value in here.items() if isinstance(here, dict) else ():
            if keyword in _SAYS_NOTHING:
                continue
            inner: list[tuple[Any, Path]] = []
            if keyword in _MAPS and isinstance(value, dict):
                inner = [(part, (*path, keyword, name)) for name, part in value.items()]
            elif keyword in _LISTS and isinstance(value, list):
                inner = [(part, (*path, keyword, i)) for i, part in enumerate(value)]
            elif keyword in _SINGLE and isinstance(value, dict):
                inner = [(value, (*path, keyword))]
            else:
                yield (*path, keyword)
            yield from (place for part, place in inner if part is False)
            pending.extend((part, place) for part, place in inner if part is not False)


def _get(document: Any, path: Path) -> Any:
    here: Any = document
    for key in path:
        if not isinstance(here, dict | list) or not _has(here, key):
            return None
        here = here[key]  # type: ignore[index]
    return here if isinstance(here, dict | list) else None


def _has(holder: Any, key: str | int) -> bool:
    return key in holder if isinstance(holder, dict) else isinstance(key, int) and key < len(holder)


def _narrows(holder: dict[str, Any] | list[Any], key: str | int) -> bool:
    """Whether leaving this out asks more of a value: other keywords speak of what it does not name."""
    if not isinstance(holder, dict) or key not in (
        "properties",
        "patternProperties",
        "prefixItems",
        "items",
        "contains",
    ):
        return False
    others = {"additionalProperties", "unevaluatedProperties"} if "ropert" in str(key) else {"unevaluatedItems"}
    if key == "prefixItems" or (key == "items" and isinstance(holder[key], list)):
        others |= {"items", "additionalItems"} - {str(key)}
    return not others.isdisjoint(holder)


def _named(document: Any, path: Path) -> str:
    value = document
    for key in path:
        value = value[key]
    text = json.dumps(value, default=str)
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return f"{path[-1]} {shown} at {pointer_to('', *path)}"
