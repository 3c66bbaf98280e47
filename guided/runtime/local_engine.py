"""Everything a local engine does except the forward: slots, the prefix cache, sequences, choosing tokens.

A backend subclasses `LocalEngine` and gives four things: `resize` (room for keys and values), `forward` (one plan),
`head` (logits of hidden rows, of all tokens or of some) and `concat`. The engine's public methods are here and are
the same for every backend. A sequence is a path in the prefix cache: forking copies a list of slot ids, never keys
or values. Within one step a token on one path is computed once, however many sequences ask for it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from guided.errors import CacheFull, GenerationError, ModelLoadError
from guided.runtime import sampling
from guided.runtime.arena import HEADROOM, Arena
from guided.runtime.engine import (
    Capabilities,
    Choice,
    EngineInfo,
    EngineSequence,
    EngineStats,
    Extend,
    Hidden,
    Policy,
)
from guided.runtime.engine_plan import Plan
from guided.runtime.engine_planner import Planner
from guided.runtime.load_options import check_counts, check_switches
from guided.runtime.prefix_cache import CacheStats, PrefixCache
from guided.runtime.sequence import CachedSequence

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = ["HiddenRows", "LocalEngine"]

FIRST_SLOTS = 1024
SPARSE_SHARE = 8  # a mask that allows fewer than 1/8 of the tokens gets only those rows of the head

READ_COST, ROW_COST, CALL_COST = 0.6, 0.05, 150
"""Costs of the head, in copies of one of its rows: to read a row in place, to multiply it with one more hidden row, and
to choose for a hidden row by itself. Measured on a CPU with 32,000 rows of 512: 0.2 us a copy."""

States = Any  # what a backend's `forward` returns: an array-like [K, dim] that takes an integer array as index


@dataclass(frozen=True, slots=True)
class HiddenRows:
    """Rows `indices` of what one `forward` returned, and what became of the tokens they were asked for with."""

    states: States
    indices: tuple[int, ...]
    num_computed: int = 0
    num_reused: int = 0

    @property
    def rows(self) -> int:
        return len(self.indices)

    def row(self, index: int) -> HiddenRows:
        return HiddenRows(self.states, (self.indices[index],))


@dataclass(frozen=True, slots=True)
class Heads:
    """Which rows of a choice get their own part of the head, which a common part, and which all of it."""

    alone: list[int]
    together: list[int]
    whole: list[int]


class LocalEngine(ABC):
    """An `Engine` over four hooks. Not thread-safe: one decode thread owns it."""

    def __init__(
        self,
        vocab: Vocabulary,
        *,
        num_logits: int,
        max_len: int,
        slot_bytes: int,
        cache_bytes: int,
        reuse: bool = True,
        tree: bool = False,
        saves: bool = False,
    ) -> None:
        """`num_logits`: width of the head; `slot_bytes`: keys and values of one token over all layers.

        `cache_bytes` bounds the arena, which starts small and doubles; `reuse=False` shares nothing between
        sequences but by `fork`. Calls `resize` once: set up what it needs before calling this.
        """
        self.vocab = vocab
        self.num_logits = num_logits
        check_counts(cache_bytes=cache_bytes, max_len=max_len)
        check_switches(reuse=reuse)
        maximum = cache_bytes // slot_bytes
        if maximum < 2:
            raise ModelLoadError(
                f"cache_bytes={cache_bytes} is too small: one token takes {slot_bytes} bytes; pass a larger cache_bytes"
            )
        room = maximum - 1  # slot 0 is the bin
        self.capabilities = Capabilities(
            tree=tree,
            max_len=min(max_len, room),
            is_cache_bound=room < max_len,
            namespaces=True,
            saves=saves and reuse,
        )
        self.stats = EngineStats()
        self.info = EngineInfo(type(self).__name__, "")  # a backend says more of itself
        self._cache_bytes, self._slot_bytes = cache_bytes, slot_bytes
        self._arena = Arena(min(FIRST_SLOTS, maximum), maximum)
        self._forgotten: deque[int] = deque()  # tips of sequences that were dropped without `close`
        self._cache = PrefixCache(self._arena, reuse=reuse)
        self.resize(self._arena.num_slots)

    # The hooks.

    @abstractmethod
    def resize(self, num_slots: int) -> None:
        """Make room for keys and values of slots `0 .. num_slots - 1`; those already written keep theirs.

        Called with the first size by `__init__`, later with about twice the size, never with a smaller one.
        Slot 0 is `BIN_SLOT`: written to, never attended to.
        """

    @abstractmethod
    def forward(self, plan: Plan) -> States:
        """Run the model over the packed tokens of `plan`, writing keys and values; see `engine_plan.Plan`.

        Returns the hidden rows `plan.wanted` after the last norm, before the head: an array [K, dim] of the
        backend's own kind (numpy, torch ...) that can be indexed with a list of integers. K may be 0: then nothing
        after the last layer's keys and values need be computed. The backend keeps no reference to it.
        """

    @abstractmethod
    def head(self, states: States, token_ids: npt.NDArray[np.int32] | None) -> npt.NDArray[np.float32]:
        """Logits of hidden rows [k, dim]: float32[k, num_logits], or of these tokens only, float32[k, len(token_ids)].

        The result is a numpy array on the host that the caller may overwrite. Logit scales and soft caps of the
        model are applied here.
        """

    @abstractmethod
    def concat(self, states: Sequence[States]) -> States:
        """One array of the rows of several, in order."""

    def read_slots(self, slots: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[Any]] | None:
        """Keys and values of some slots as arrays, in order, and what names the model; None: cannot be done."""
        return None

    def write_slots(self, slots: npt.NDArray[np.int32], arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Put them back, into slots of the same number; False where they are not of this model."""
        return False

    # The engine's methods.

    def open(self, tokens: Sequence[int], namespace: Hashable = None) -> CachedSequence:
        """A sequence that holds the longest prefix of `tokens` already cached (never all of them); computes nothing.

        Only what was computed in the same `namespace` is found.
        """
        known = list(map(int, tokens))
        root = self._cache.root(namespace)
        slots = self._cache.match(known[:-1], root)
        seq = CachedSequence(known[: len(slots)], slots, self._forgotten, root)
        self._cache.pin(seq.tip)
        self._cache.touch(seq.slots)
        self.stats.tokens_reused += len(slots)
        return seq

    def fork(self, seq: EngineSequence, n: int = 1) -> list[EngineSequence]:
        """`n` sequences with the same tokens, sharing the cache; `seq` stays valid."""
        source = self._own(seq)
        for _ in range(n):
            self._cache.pin(source.tip)
        return [source.copy() for _ in range(n)]

    def crop(self, seq: EngineSequence, length: int) -> None:
        """Drop the tokens after `length`."""
        own = self._own(seq)
        if not 0 <= length <= own.length:
            raise GenerationError(
                f"cannot crop a sequence of {own.length} tokens to {length}: that is not a part of it"
            )
        old = own.tip
        self._cache.touch(own.slots[length:])
        own.crop(length)
        self._cache.pin(own.tip)
        self._cache.unpin(old)

    def close(self, seq: EngineSequence) -> None:
        """Give the sequence back; its slots stay as a prefix that can be reused until evicted. Twice is harmless."""
        own = seq if isinstance(seq, CachedSequence) else self._own(seq)
        if own.is_closed:
            return
        self._cache.touch(own.slots)
        own.is_closed = True
        self._cache.unpin(own.tip)

    def step(self, work: Sequence[Extend]) -> list[Hidden]:
        """One ragged batched forward over all of `work`; the sequences are longer afterwards.

        If it raises, no sequence has changed.
        """
        started = time.perf_counter()
        self._check(work)
        planner = Planner(self._cache, self._allocate)
        try:
            rows = [planner.add(self._own(item.seq), list(map(int, item.tokens)), item.want) for item in work]
            plan = planner.plan()
            states = self.forward(plan) if plan.num_tokens else None
        except BaseException:
            planner.roll_back()
            raise
        planner.commit()
        self.stats.forward_calls += bool(plan.num_tokens)
        self.stats.tokens_computed += plan.num_tokens
        self.stats.tokens_reused += planner.num_reused
        self.stats.model_seconds += time.perf_counter() - started
        return [HiddenRows(states, row.hidden, row.num_computed, row.num_reused) for row in rows]

    def select(
        self, rows: Sequence[Hidden], masks: npt.NDArray[np.int32] | None, policies: Sequence[Policy]
    ) -> list[Choice]:
        """Choose after each row (one per hidden with `rows == 1`); head rows that no mask allows are not computed."""
        started = time.perf_counter()
        singles = [self._single(row) for row in rows]
        chosen: list[Choice | None] = [None] * len(singles)
        how = self._heads(masks, policies)
        for i in how.alone:
            assert masks is not None
            ids = sampling.allowed_ids(masks[i], self.num_logits)
            if len(ids) == 1:
                chosen[i] = Choice(ids)
            else:
                chosen[i] = sampling.choose(self.head(self._stack([singles[i]]), ids)[0], ids, policies[i])
        if how.together:
            assert masks is not None
            union = sampling.allowed_ids(np.bitwise_or.reduce(masks[how.together]), self.num_logits)
            some = self.head(self._stack([singles[i] for i in how.together]), union)
            for i, row in zip(how.together, some, strict=True):
                own = sampling.allowed_bits(masks[i], self.num_logits)[union]
                chosen[i] = sampling.choose(row[own], union[own], policies[i])
        if how.whole:
            logits = self.head(self._stack([singles[i] for i in how.whole]), None)
            for i, row in zip(how.whole, logits, strict=True):
                chosen[i] = sampling.choose_under(row, None if masks is None else masks[i], policies[i])
        self.stats.model_seconds += time.perf_counter() - started
        return [choice for choice in chosen if choice is not None]

    def logits(self, hidden: Hidden) -> npt.NDArray[np.float32]:
        """float32[rows, V] of the whole head."""
        own = self._rows(hidden)
        if not own.rows:
            return np.empty((0, self.num_logits), np.float32)
        return self.head(self._stack([own]), None)

    def logprobs(self, hidden: Hidden, targets: Sequence[int]) -> npt.NDArray[np.float64]:
        """float64[len(targets)]: log p of `targets[i]` after row i; there may be fewer targets than rows."""
        own = self._rows(hidden)
        if len(targets) > own.rows:
            raise GenerationError(f"{len(targets)} targets for {own.rows} rows: ask for the step with want='all'")
        started = time.perf_counter()
        scored = np.empty(len(targets), np.float64)
        chunk = max(1, (1 << 22) // self.num_logits)  # at most 16 MB of logits at a time
        for first in range(0, len(targets), chunk):
            wanted = np.asarray(targets[first : first + chunk], np.int64)
            rows = self.head(self._stack([HiddenRows(own.states, own.indices[first : first + len(wanted)])]), None)
            picked = rows[np.arange(len(wanted)), wanted].astype(np.float64)
            scored[first : first + len(wanted)] = picked - sampling.logsumexp(rows)
        self.stats.model_seconds += time.perf_counter() - started
        return scored

    def export(self, tokens: Sequence[int], namespace: Hashable = None) -> dict[str, npt.NDArray[Any]]:
        """Keys and values of the longest prefix of `tokens` that is cached; nothing where the backend cannot."""
        slots = self._cache.match(list(map(int, tokens)), self._cache.root(namespace))
        arrays = self.read_slots(np.array(slots, np.int32)) if slots else None
        return arrays or {}

    def restore(self, tokens: Sequence[int], arrays: Mapping[str, npt.NDArray[Any]], namespace: Hashable = None) -> int:
        """Put exported keys and values into the cache, as a prefix that can be found and evicted; how many tokens."""
        known = list(map(int, tokens))
        root = self._cache.root(namespace)
        if not known or self._cache.match(known, root):
            return 0  # some of it is there: what is missing is computed
        try:
            slots = self._allocate(len(known), root)
        except CacheFull:
            return 0
        if not self.write_slots(np.array(slots, np.int32), arrays):
            self._arena.free(slots)
            return 0
        parent = root
        for token, slot in zip(known, slots, strict=True):
            self._cache.insert(parent, token, slot)
            parent = slot
        self._cache.pin(parent)
        self._cache.unpin(parent)  # idle from now on
        return len(known)

    def shutdown(self) -> None:
        """Free what the engine holds. Backends add their own."""
        self._collect()
        self._cache.clear()

    @property
    def num_cached(self) -> int:
        """Tokens whose keys and values are in the cache now, of live and of closed sequences."""
        return self._arena.num_used

    def cache_stats(self) -> CacheStats:
        """What the cache holds. Walks all of it: not for every step."""
        self._collect()
        cache = self._cache
        return CacheStats(
            capacity=self._arena.maximum - 1,
            num_slots=self._arena.num_slots,
            num_cached=self.num_cached,
            num_live=cache.num_live(),
            num_asked=cache.num_asked,
            num_found=cache.num_found,
            num_evicted=cache.num_evicted,
            bytes_per_token=self._slot_bytes,
        )

    @property
    def cache_bytes_per_token(self) -> int:
        """Keys and values of one token over all layers."""
        return self._slot_bytes

    @property
    def num_slots(self) -> int:
        """Tokens that the cache has room for now; it doubles up to the byte budget."""
        return self._arena.num_slots

    # Inside.

    def _allocate(self, count: int, after: int) -> list[int]:
        """`count` free slots, next to `after` where possible: grow rather than take pieces, then evict, then refuse."""
        self._collect()
        arena = self._arena
        while arena.num_slots < arena.maximum and not arena.has_room(count, after, HEADROOM):
            self.resize(arena.grow())
            self._cache.fit()
        if arena.num_free < count and not self._cache.evict(count):
            raise CacheFull(
                f"the KV cache is full: {arena.num_used} tokens of live sequences fill the {self._cache_bytes} bytes "
                f"of cache_bytes and {count} more do not fit; close sequences, run fewer rows at once, or load the "
                "model with more cache_bytes"
            )
        return arena.allocate(count, after)

    def _collect(self) -> None:
        """Release what was forgotten; a garbage collection may add to it at any time, from any thread."""
        while self._forgotten:
            self._cache.unpin(self._forgotten.popleft())

    def _check(self, work: Sequence[Extend]) -> None:
        """Refuse the whole step before anything has changed."""
        seen: set[int] = set()
        for item in work:
            seq = self._own(item.seq)
            if id(seq) in seen:
                raise GenerationError("a sequence stands twice in one step; fork it to extend it in two ways")
            seen.add(id(seq))
            if not len(item.tokens):
                raise GenerationError("nothing to compute: an Extend needs at least one token")
            if not 0 <= min(item.tokens) <= max(item.tokens) < self.num_logits:
                unknown = next(token for token in item.tokens if not 0 <= token < self.num_logits)
                raise GenerationError(f"no token {unknown} in this model: ids run from 0 to {self.num_logits - 1}")
            if seq.length + len(item.tokens) > self.capabilities.max_len:
                raise self.capabilities.too_long(f"{seq.length} + {len(item.tokens)} tokens")

    def _own(self, seq: EngineSequence) -> CachedSequence:
        if not isinstance(seq, CachedSequence):
            raise GenerationError(f"a {type(seq).__name__} is not a sequence of this engine")
        if seq.is_closed:
            raise GenerationError("the sequence is closed; open its tokens again")
        return seq

    def _rows(self, hidden: Hidden) -> HiddenRows:
        if not isinstance(hidden, HiddenRows):
            raise GenerationError(f"a {type(hidden).__name__} does not come from a step of this engine")
        return hidden

    def _single(self, hidden: Hidden) -> HiddenRows:
        own = self._rows(hidden)
        if own.rows != 1:
            raise GenerationError(f"select needs exactly one hidden row, this one has {own.rows}: use hidden.row(-1)")
        return own

    def _heads(self, masks: npt.NDArray[np.int32] | None, policies: Sequence[Policy]) -> Heads:
        """Which part of the head each row gets: its own allowed rows, those of several rows at once, or all of it."""
        count = len(policies)
        if masks is None:
            return Heads([], [], list(range(count)))
        counts = [sampling.num_allowed(masks[i], self.num_logits) for i in range(count)]
        if 0 in counts:
            row = counts.index(0)
            raise GenerationError(f"no token is allowed for row {row}: its constraint is already complete or dead")
        few = [i for i in range(count) if counts[i] * SPARSE_SHARE <= self.num_logits and not policies[i].logprobs]
        whole = [i for i in range(count) if i not in few]
        if whole:  # one more row of the whole head costs little
            most = ROW_COST * self.num_logits - CALL_COST
            return Heads([i for i in few if counts[i] <= most], [], whole + [i for i in few if counts[i] > most])
        apart = sum(counts[i] for i in few) + CALL_COST * len(few)
        if len(few) < 2 or apart <= 2 * CALL_COST * len(few):
            return Heads(few, [], [])
        union = sampling.num_allowed(np.bitwise_or.reduce(masks[few]), self.num_logits)
        together = union * (1 + ROW_COST * len(few)) + CALL_COST * len(few)
        dense = self.num_logits * (READ_COST + ROW_COST * len(few))
        if min(together, dense) >= apart:
            return Heads(few, [], [])
        return Heads([], few, []) if together <= dense else Heads([], [], few)

    def _stack(self, rows: Sequence[HiddenRows]) -> States:
        """The rows of several hidden handles as one array; mostly they come from one forward and need no copy twice."""
        first = rows[0].states
        if all(row.states is first for row in rows):
            indices = [i for row in rows for i in row.indices]
            return first if indices == list(range(len(first))) else first[indices]
        return self.concat([row.states[list(row.indices)] for row in rows])
