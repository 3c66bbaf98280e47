"""Compiled grammars that were used lately, by constraint, vocabulary and limits.

A locked table of native grammars, bounded in number and in bytes. They hold no Python objects, so keeping one keeps no
tokenizer alive. A grammar grows while it is used: with each new one, the one before it is weighed again, and some that
were not for longest. What goes is freed by a thread of its own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from guided.constraints.freeing import Freeing
from guided.constraints.limits import Limits
from guided.errors import ConstraintTooComplex, UnsatisfiableConstraint, UnsupportedSchema
from guided.vocab import Vocabulary

if TYPE_CHECKING:
    from guided import _native

__all__ = ["clear", "compiled", "renewed"]

_CAPACITY = 256
_MAX_BYTES = 32 << 20
_WEIGHED_AGAIN = 1  # with each new grammar; each has its turn, and it does not take long where caches are cold


class _Kept:
    """A grammar, with its weight when it was weighed last."""

    __slots__ = ("grammar", "num_bytes")

    def __init__(self, grammar: _native.Grammar) -> None:
        self.grammar: _native.Grammar | None = grammar  # None: not kept any more
        self.num_bytes = 0


_grammars: OrderedDict[Hashable, _Kept] = OrderedDict()  # what was used longest ago first
_turns: deque[_Kept] = deque()  # what was weighed longest ago first, with some that are not kept any more
_num_bytes = 0  # of all that are kept
_freeing = Freeing()
_lock = threading.Lock()


class Lowerable(Protocol):
    """The part of a constraint that compiling needs."""

    def lower(self, builder: _native.Builder, limits: Limits) -> int: ...
    def clash(self, limits: Limits) -> str | None: ...


def compiled(constraint: Lowerable, vocab: Vocabulary, limits: Limits) -> _native.Grammar:
    """The native grammar, made now or kept from an equal call."""
    key = (constraint, vocab.fingerprint, limits.key)
    with _lock:
        kept = _grammars.get(key)
        if kept is not None and kept.grammar is not None:
            _grammars.move_to_end(key)
            return kept.grammar
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
    grammar = None if kept is None else kept.grammar
    if grammar is not None and grammar is not used and grammar.num_bytes_grown <= limits.max_grown_bytes:
        return grammar
    return _keep(key, _made(constraint, vocab, limits))


def clear() -> None:
    """Keep none of them; grammars in use live on with who uses them."""
    with _lock:
        while _grammars:
            _drop_oldest()


def _keep(key: Hashable, grammar: _native.Grammar) -> _native.Grammar:
    with _lock:
        kept = _Kept(grammar)
        if _grammars:
            _weigh(next(reversed(_grammars.values())))  # it has been used since it was weighed
        _weigh(kept)
        if (replaced := _grammars.pop(key, None)) is not None:
            _let_go(replaced)
        _grammars[key] = kept
        _turns.append(kept)
        for _ in range(_WEIGHED_AGAIN):
            _weigh_the_next()
        while len(_grammars) > _CAPACITY or (_num_bytes > _MAX_BYTES and len(_grammars) > 1):
            _drop_oldest()
    return grammar


def _weigh_the_next() -> None:
    while (kept := _turns.popleft()).grammar is None:
        pass  # the last one is always kept
    _weigh(kept)
    _turns.append(kept)


def _weigh(kept: _Kept) -> None:
    global _num_bytes
    assert kept.grammar is not None
    weight = kept.grammar.num_bytes
    _num_bytes += weight - kept.num_bytes
    kept.num_bytes = weight


def _drop_oldest() -> None:
    key, kept = _grammars.popitem(last=False)
    _let_go(kept, key)


def _let_go(kept: _Kept, *more: Hashable) -> None:
    global _num_bytes
    _num_bytes -= kept.num_bytes
    _freeing.put((kept.grammar, more))
    kept.grammar = None


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
