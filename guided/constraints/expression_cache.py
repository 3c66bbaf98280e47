"""Expressions that were built lately, outside of any builder, by what they were built from.

What a pattern, a format or a range of numbers means does not depend on the schema around it: it is built once, in a
builder of its own, and put into others by one native call. Locked, and bounded by the parts of all that is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guided import _native

__all__ = ["shared_expression"]

_MOST_PARTS = 400_000  # of 100 bytes or less each
_LARGEST = 40_000  # what is larger is not kept
_kept: OrderedDict[tuple[Hashable, ...], _native.Expression] = OrderedDict()
_lock = threading.Lock()
_num_parts = 0


def shared_expression(
    builder: _native.Builder, key: tuple[Hashable, ...], build: Callable[[_native.Builder], int]
) -> int:
    """The expression in `builder` that `build` makes; `key` says all that it depends on."""
    key = (type(builder).__name__, *key)
    with _lock:
        expression = _kept.get(key)
        if expression is not None:
            _kept.move_to_end(key)
    if expression is None:
        scratch = builder.scratch()
        expression = scratch.exported(build(scratch))
        _keep(key, expression)
    return builder.insert(expression)


def _keep(key: tuple[Hashable, ...], expression: _native.Expression) -> None:
    global _num_parts
    if expression.size > _LARGEST:
        return
    with _lock:
        if key not in _kept:
            _kept[key] = expression
            _num_parts += expression.size
        while _num_parts > _MOST_PARTS:
            _num_parts -= _kept.popitem(last=False)[1].size
