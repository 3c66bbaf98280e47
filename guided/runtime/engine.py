"""What a local inference engine must do: hold sequences, extend many of them at once, choose next tokens.

A sequence is a list of tokens with keys and values in the engine's cache. Work is done only in `step`: one
forward for any number of sequences, each with its own new tokens. Nothing is computed by `open`, `fork`, `crop`
or `close`, and no head row is computed until `select`, `logits` or `logprobs` asks for it.
Every conforming backend passes `tests/conformance`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from guided.errors import CacheFull, GenerationError

if TYPE_CHECKING:
    from guided.vocab import Vocabulary

__all__ = [
    "Bias",
    "Capabilities",
    "Choice",
    "Engine",
    "EngineInfo",
    "EngineSequence",
    "EngineStats",
    "Extend",
    "Hidden",
    "NamespacedEngine",
    "Policy",
    "SavingEngine",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can do; callers ask here instead of trying."""

    logits: bool = True
    fork: Literal["free", "copy", "none"] = "free"
    crop: Literal["any", "checkpoint", "none"] = "any"
    batch: bool = True
    tree: bool = False
    mask: Literal["local", "server"] = "local"
    max_len: int = 1 << 30  # longest sequence, in tokens
    is_cache_bound: bool = False  # `max_len` is what the cache has room for; the model itself could go further
    namespaces: bool = False  # the engine is a `NamespacedEngine`
    saves: bool = False  # the engine is a `SavingEngine`

    def too_long(self, asked: str) -> GenerationError:
        """What to raise for a text beyond `max_len`; `asked` says how many tokens it would have."""
        if self.is_cache_bound:
            return CacheFull(
                f"the text is too long for the KV cache: {asked}, and cache_bytes has room for {self.max_len}; "
                "load the model with more cache_bytes, or shorten the prompt"
            )
        return GenerationError(
            f"the text is too long for this model: {asked}, at most {self.max_len}; shorten the prompt or ask for "
            "fewer tokens"
        )


@dataclass(slots=True)
class EngineStats:
    """Counters: of an engine since it was loaded, or of one call's own work (`Job.stats`)."""

    forward_calls: int = 0
    tokens_computed: int = 0
    tokens_reused: int = 0
    tokens_forced: int = 0
    mask_seconds: float = 0.0
    model_seconds: float = 0.0

    def copy(self) -> EngineStats:
        """The counters as they are now."""
        return EngineStats(
            self.forward_calls,
            self.tokens_computed,
            self.tokens_reused,
            self.tokens_forced,
            self.mask_seconds,
            self.model_seconds,
        )

    def since(self, before: EngineStats) -> EngineStats:
        """What was counted since `before`, an earlier copy."""
        return EngineStats(
            self.forward_calls - before.forward_calls,
            self.tokens_computed - before.tokens_computed,
            self.tokens_reused - before.tokens_reused,
            self.tokens_forced - before.tokens_forced,
            self.mask_seconds - before.mask_seconds,
            self.model_seconds - before.model_seconds,
        )

    def add(self, more: EngineStats) -> None:
        """Count what `more` has counted, too."""
        self.forward_calls += more.forward_calls
        self.tokens_computed += more.tokens_computed
        self.tokens_reused += more.tokens_reused
        self.tokens_forced += more.tokens_forced
        self.mask_seconds += more.mask_seconds
        self.model_seconds += more.model_seconds


class EngineSequence(Protocol):
    """A handle to tokens in the cache. `tokens` are those computed; `length` is their number."""

    @property
    def tokens(self) -> Sequence[int]: ...
    @property
    def length(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Extend:
    """Append `tokens` (at least one) to `seq`; `want` says for which of them next-token rows are needed."""

    seq: EngineSequence
    tokens: Sequence[int]
    want: Literal["last", "all", "none"] = "last"


class Hidden(Protocol):
    """Final hidden rows of one `Extend`, kept by the engine until dropped; `rows` is 0, 1 or len(tokens).

    It may have `num_computed` and `num_reused`: what became of the tokens of its `Extend`, for the statistics of one
    call among many. Without them all count as computed.
    """

    @property
    def rows(self) -> int: ...
    def row(self, index: int) -> Hidden:
        """One of the rows by itself, as `select` takes it; negative indices count from the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Bias:
    """What is done to logits before a token is chosen (see `sampling.biased`); log p is not changed by it."""

    ids: npt.NDArray[np.int32]  # ascending
    added: npt.NDArray[np.float32]  # to the logits of `ids`; -inf: never
    repeated: npt.NDArray[np.int32]  # ascending: tokens that occur before
    repetition: float = 1.0  # their logits are divided by it where they are positive, else multiplied


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one row's next token is chosen.

    temperature 0 takes the most likely token, ties to the smaller id. `uniform` is the row's own random number in
    [0, 1), so that a row's tokens do not depend on the batch it is in. `num` > 1 returns the best `num` tokens
    (beams), whatever the temperature. With `logprobs` the choice carries log p *before* the mask, and the log of
    the allowed mass, both at temperature 1. An engine that samples on its device gives rows with a `bias` to
    `sampling.choose`, or does the same.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    uniform: float = 0.0
    num: int = 1
    logprobs: bool = False
    bias: Bias | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one row: `tokens` int32[k], best first; k < num where the mask allows fewer."""

    tokens: npt.NDArray[np.int32]
    logprobs: npt.NDArray[np.float64] | None = None  # float64[k], log p before the mask
    log_allowed_mass: float | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What `guided doctor` and errors say of an engine."""

    name: str
    source: str
    details: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Level 1: a local engine. Not thread-safe; one decode thread owns it."""

    vocab: Vocabulary
    capabilities: Capabilities
    stats: EngineStats
    info: EngineInfo

    def open(self, tokens: Sequence[int]) -> EngineSequence:
        """A sequence that holds the longest prefix of `tokens` already cached (never all of them); computes nothing.

        The caller extends it with `tokens[seq.length:]`.
        """

    def fork(self, seq: EngineSequence, n: int = 1) -> list[EngineSequence]:
        """`n` sequences with the same tokens, sharing the cache; `seq` stays valid."""

    def crop(self, seq: EngineSequence, length: int) -> None:
        """Drop the tokens after `length`."""

    def close(self, seq: EngineSequence) -> None:
        """Give the sequence back; its slots stay as a prefix that can be reused until evicted."""

    def step(self, work: Sequence[Extend]) -> list[Hidden]:
        """One ragged batched forward over all of `work`; the sequences are longer afterwards.

        If it raises, no sequence has changed: the caller may try again with less work.
        """

    def select(
        self, rows: Sequence[Hidden], masks: npt.NDArray[np.int32] | None, policies: Sequence[Policy]
    ) -> list[Choice]:
        """Choose after each row (one per hidden with `rows == 1`).

        masks: int32[n, ceil(V/32)], bit 1 = allowed, or None. A row whose mask is empty raises `GenerationError`.
        """

    def logits(self, hidden: Hidden) -> npt.NDArray[np.float32]:
        """float32[rows, V] of the whole head."""

    def logprobs(self, hidden: Hidden, targets: Sequence[int]) -> npt.NDArray[np.float64]:
        """float64[len(targets)]: log p of `targets[i]` after row i; there may be fewer targets than rows."""

    def shutdown(self) -> None:
        """Free what the engine holds."""


@runtime_checkable
class NamespacedEngine(Engine, Protocol):
    """What an engine may do besides: keep the prefixes of tenants apart (`Capabilities.namespaces`)."""

    def open(self, tokens: Sequence[int], namespace: Hashable = None) -> EngineSequence:
        """As `Engine.open`; only what was computed in the same namespace is found."""


@runtime_checkable
class SavingEngine(Engine, Protocol):
    """What an engine may do besides: give keys and values away as arrays, and take them back (`Capabilities.saves`)."""

    def export(self, tokens: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """Keys and values of the longest prefix of `tokens` that is cached, and what names the model they belong to."""

    def restore(self, tokens: Sequence[int], arrays: Mapping[str, npt.NDArray[Any]]) -> int:
        """Put them into the cache as a prefix; returns how many tokens, 0 where they belong to another model."""
