"""A tool's schema without calls that were made too often already.

Calls are compared by value, so that the model is not driven into another spelling of the same one: the schema for the
turn is the tool's own and `{"not": {"enum": [...]}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["canonical", "without"]


def canonical(value: Any) -> str:
    """The same text for values that JSON Schema calls equal: keys sorted, 1.0 as 1.

    >>> canonical({"b": 1.0, "a": [True]})
    '{"a":[true],"b":1}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def without(schema: dict[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """The schema of what is an instance of `schema` and none of `values`.

    >>> without({"type": "string"}, ["a"])
    {'type': 'string', 'allOf': [{'not': {'enum': ['a']}}]}
    """
    if not values:
        return schema
    return {**schema, "allOf": [*schema.get("allOf", ()), {"not": {"enum": list(values)}}]}
