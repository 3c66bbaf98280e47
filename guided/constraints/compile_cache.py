"""Compiled grammars that were used lately, by constraint, vocabulary and limits.

A locked table of native grammars, bounded in number and in bytes. They hold no Python objects, so keeping one keeps no
tokenizer alive. A grammar grows while it is used, so what all of them hold is added up from time to time.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from guided.constraints.limits import Limits
from guided.errors import ConstraintTooComplex, UnsatisfiableConstraint, UnsupportedSchema
from guided.vocab import Vocabulary

if TYPE_CHECKING:
    from guided import _native

__all__ = ["clear", "compiled", "renewed"]

_CAPACITY = 256
_MAX_BYTES = 128 << 20
_EVERY = 16  # new grammars between two sums
_grammars: OrderedDict[Hashable, _native.Grammar] = OrderedDict()
_turns = itertools.count(1)
_lock = threading.Lock()


class Lowerable(Protocol):
    """The part of a constraint that compiling needs."""

    def lower(self, builder: _native.Builder, limits: Limits) -> int: ...
    def clash(self, limits: Limits) -> str | None: ...


def compiled(constraint: Lowerable, vocab: Vocabulary, limits: Limits) -> _native.Grammar:
    """The native grammar, made now or kept from an equal call."""
    key = (constraint, vocab.fingerprint, limits)
    with _lock:
        grammar = _grammars.get(key)
        if grammar is not None:
            _grammars.move_to_end(key)
            return grammar
    return _keep(key, _made(constraint, vocab, limits))


def renewed(constraint: Lowerable, vocab: Vocabulary, limits: Limits, used: _native.Grammar) -> _native.Grammar:
    """A grammar to go on with: `used`, or a fresh one once texts have made that one too large.

    What a grammar learns of texts of endless variety (keys nobody declared, items that must differ) is kept while
    somebody holds one of its states. New texts begin with a fresh grammar, and the old one goes with its last state.
    """
    if used.num_bytes_grown <= limits.max_grown_bytes:
        return used
    key = (constraint, vocab.fingerprint, limits)
    with _lock:
        kept = _grammars.get(key)
    if kept is not None and kept is not used and kept.num_bytes_grown <= limits.max_grown_bytes:
        return kept
    return _keep(key, _made(constraint, vocab, limits))


def clear() -> None:
    """Keep none of them; grammars in use live on with who uses them."""
    with _lock:
        _grammars.clear()


def _keep(key: Hashable, grammar: _native.Grammar) -> _native.Grammar:
    with _lock:
        _grammars[key] = grammar
        while len(_grammars) > _CAPACITY:
            _grammars.popitem(last=False)
        if next(_turns) % _EVERY == 0:
            _drop_oldest(sum(kept.num_bytes for kept in _grammars.values()))
    return grammar


def _drop_oldest(num_bytes: int) -> None:
    while num_bytes > _MAX_BYTES and len(_grammars) > 1:
        _, dropped = _grammars.popitem(last=False)
        num_bytes -= dropped.num_bytes


def _made(constraint: Lowerable, vocab: Vocabulary, limits: Limits) -> _native.Grammar:
    builder = limits.new_builder()
    root = constraint.lower(builder, limits)
    try:
        return builder.compile(root, vocab.native)
    except UnsatisfiableConstraint as problem:
        raise UnsatisfiableConstraint(problem.reason, constraint.clash(limits)) from None
    except (ConstraintTooComplex, UnsupportedSchema) as problem:
        raise _placed(problem, builder) from None


def _placed(
    problem: ConstraintTooComplex | UnsupportedSchema, builder: _native.Builder
) -> ConstraintTooComplex | UnsupportedSchema:
    """The same error with the pointer of the schema node that the core blames."""
    node = getattr(problem, "schema_node", None)
    pointer = None if node is None else builder.schema_pointer(node)
    if pointer is None:
        return problem
    if isinstance(problem, UnsupportedSchema):
        return UnsupportedSchema(pointer, problem.keyword, problem.reason)
    return ConstraintTooComplex(problem.what, problem.limit, problem.name, pointer)
