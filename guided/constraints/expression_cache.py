"""Expressions that were built lately, outside of any builder, by what they were built from.

What a pattern, a format or a range of numbers means does not depend on the schema around it: it is built once, in a
builder of its own, and put into others by one native call. Bounded by the bytes of all that is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guided import _native

__all__ = ["kept_expressions", "shared_expression"]

_MOST_BYTES = 8 << 20
_LARGEST = 2 << 20  # what is larger is not kept


@functools.cache
def kept_expressions() -> _native.ExpressionCache:
    """Those of this process."""
    from guided import _native

    return _native.ExpressionCache(_MOST_BYTES, _LARGEST)


def shared_expression(builder: _native.Builder, key: str, build: Callable[[_native.Builder], int]) -> int:
    """The expression in `builder` that `build` makes; `key` says all that it depends on."""
    return builder.shared(kept_expressions(), key, build)
