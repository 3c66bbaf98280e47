"""Compiled grammars that were used lately, by constraint, vocabulary and limits.

A bounded, locked table of native grammars. They hold no Python objects, so keeping one keeps no tokenizer alive.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from guided.constraints.limits import Limits
from guided.vocab import Vocabulary

if TYPE_CHECKING:
    from guided import _native

__all__ = ["compiled"]

_CAPACITY = 256
_grammars: OrderedDict[Hashable, _native.Grammar] = OrderedDict()
_lock = threading.Lock()


class Lowerable(Protocol):
    """The part of a constraint that compiling needs."""

    def lower(self, builder: _native.Builder, limits: Limits) -> int: ...


def compiled(constraint: Lowerable, vocab: Vocabulary, limits: Limits) -> _native.Grammar:
    """The native grammar, made now or kept from an equal call."""
    key = (constraint, vocab.fingerprint, limits)
    with _lock:
        grammar = _grammars.get(key)
        if grammar is not None:
            _grammars.move_to_end(key)
            return grammar
    from guided import _native

    builder = _native.Builder(max_expressions=limits.max_expressions, max_states=limits.max_states)
    grammar = builder.compile(constraint.lower(builder, limits), vocab.native)
    with _lock:
        _grammars[key] = grammar
        while len(_grammars) > _CAPACITY:
            _grammars.popitem(last=False)
    return grammar
