"""Compiled grammars that were used lately, by constraint, vocabulary and limits.

A locked table of native grammars, bounded in number and in bytes. They hold no Python objects, so keeping one keeps no
tokenizer alive. A grammar grows while it is used: with each new one, the one before it is weighed again, and some that
were not for longest.
"""

from __future__ import annotations

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
_MAX_BYTES = 64 << 20
_WEIGHED_AGAIN = 1  # with each new grammar; each has its turn, and it does not take long where caches are cold
_grammars: OrderedDict[Hashable, _native.Grammar] = OrderedDict()
_weights: OrderedDict[Hashable, int] = OrderedDict()  # in bytes; what was weighed longest ago first
_num_bytes = 0  # their sum
_lock = threading.Lock()


class Lowerable(Protocol):
    """The part of a constraint that compiling needs."""

    def lower(self, builder: _native.Builder, limits: Limits) -> int: ...
    def clash(self, limits: Limits) -> str | None: ...


def compiled(constraint: Lowerable, vocab: Vocabulary, limits: Limits) -> _native.Grammar:
    """The native grammar, made now or kept from an equal call."""
    key = (constraint, vocab.fingerprint, limits.key)
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
    key = (constraint, vocab.fingerprint, limits.key)
    with _lock:
        kept = _grammars.get(key)
    if kept is not None and kept is not used and kept.num_bytes_grown <= limits.max_grown_bytes:
        return kept
    return _keep(key, _made(constraint, vocab, limits))


def clear() -> None:
    """Keep none of them; grammars in use live on with who uses them."""
    with _lock:
        while _grammars:
            _drop_oldest()


def _keep(key: Hashable, grammar: _native.Grammar) -> _native.Grammar:
    with _lock:
        before = next(reversed(_grammars), key)  # it has been used since it was weighed
        _grammars[key] = grammar
        _weigh(key)
        _weigh(before)
        for _ in range(_WEIGHED_AGAIN):
            _weigh(next(iter(_weights)))
        while len(_grammars) > _CAPACITY or (_num_bytes > _MAX_BYTES and len(_grammars) > 1):
            _drop_oldest()
    return grammar


def _weigh(key: Hashable) -> None:
    global _num_bytes
    weight = _grammars[key].num_bytes
    _num_bytes += weight - _weights.pop(key, 0)
    _weights[key] = weight


def _drop_oldest() -> None:
    global _num_bytes
    key, _ = _grammars.popitem(last=False)
    _num_bytes -= _weights.pop(key)


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
