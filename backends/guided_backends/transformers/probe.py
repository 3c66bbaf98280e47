"""Ask the model itself, at load, with a handful of tokens: the shapes of its cache, and whether we compute the same.

Nothing about a model's cache, masks or head is taken on trust from its config. Two short texts with a common
beginning go through the model as it is and through this backend, as a prefill and then as a fork; if the logits
differ, the model is refused instead of being run wrongly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from transformers.cache_utils import DynamicCache

from guided.errors import GuidedError, ModelLoadError
from guided.runtime.engine_plan import Plan, Segment
from guided_backends.transformers.architecture import Architecture
from guided_backends.transformers.arena_cache import LayerShape
from guided_backends.transformers.head import Head, LinearHead, OwnHead

__all__ = ["Probe"]

_log = logging.getLogger("guided.backends")

NUM_SHARED, NUM_TAIL = 5, 3


class Run(Protocol):
    def __call__(self, plan: Plan, *, hidden: bool) -> torch.Tensor: ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What the untouched model said: `logits` float32[texts, tokens, V] of two texts, and its cache after one."""

    texts: tuple[tuple[int, ...], tuple[int, ...]]
    logits: torch.Tensor
    cache: Any

    @classmethod
    def of(cls, architecture: Architecture) -> Probe:
        texts = _texts(architecture)
        try:
            answers = [_plain(architecture, text) for text in texts]
        except GuidedError:
            raise
        except Exception as error:
            raise _refuse(architecture, f"its forward fails on {len(texts[0])} tokens: {_brief(error)}") from error
        return cls(texts, torch.stack([logits for logits, _ in answers]), answers[0][1])

    def shapes(self, architecture: Architecture) -> list[LayerShape | None]:
        """What each layer keeps of a token."""
        return _shapes(architecture, self.cache)

    def check(self, architecture: Architecture, resize: Callable[[int], None], run: Run) -> Head:
        """Run the same texts as this backend runs them; returns the head that gives the model's own logits."""
        num_logits = int(self.logits.shape[-1])
        linear = LinearHead.of(architecture.model.get_output_embeddings(), architecture.config, num_logits)
        resize(1 + NUM_SHARED + 3 * NUM_TAIL)
        failure: Exception | None = None
        worst = float("inf")
        heads: tuple[Head, ...] = (linear, OwnHead(num_logits))
        for head in heads:
            try:
                worst = self._difference(head, run)
            except Exception as error:  # the second head may still do: where the decoder is the whole model, say
                failure = error
                continue
            if worst <= _tolerance(architecture):
                return head
        if failure is not None:
            raise _refuse(architecture, f"it cannot run on this cache: {_brief(failure)}") from failure
        raise _refuse(
            architecture,
            f"with shared prefixes its logits differ from its own by {worst:.2g} standard deviations; "
            "it reads something that masks and position ids do not say",
        )

    def agrees(self, architecture: Architecture, head: Head, run: Run) -> bool:
        """Whether another way to run it gives the model's own logits too."""
        try:
            return self._difference(head, run) <= _tolerance(architecture)
        except Exception as error:  # the model's own; the way that it is known to take is still there
            _log.debug("%s does not run this way: %s", type(architecture.model).__name__, _brief(error))
            return False

    def _difference(self, head: Head, run: Run) -> float:
        """Largest difference over prefill and fork, in standard deviations of the logits."""
        path = list(range(1, NUM_SHARED + 1))
        branches = []
        for i, text in enumerate((*self.texts, self.texts[0])):
            own = [1 + NUM_SHARED + NUM_TAIL * i + j for j in range(NUM_TAIL)]
            branches.append((text[NUM_SHARED:], NUM_SHARED, path + own))
        # Then back: what a model keeps outside its cache is not where it was then. The last token comes alone, as in
        # most steps; some models do that otherwise.
        tokens, start, slots = branches[2]
        parts = (tokens[:-1], start, slots[:-1]), (tokens[-1:], start + NUM_TAIL - 1, slots)
        plans = [_plan(rows) for rows in ([(self.texts[0][:NUM_SHARED], 0, path)], branches[:2], parts[:1], parts[1:])]
        prefill, *rest = (head.logits(run(plan, hidden=head.wants_hidden()), None) for plan in plans)
        tails = torch.cat(rest).view(3, NUM_TAIL, -1)
        scale = max(float(self.logits.std()), 1e-6)
        first = (prefill - self.logits[0, :NUM_SHARED]).abs().max()
        second = (tails - self.logits[[0, 1, 0], NUM_SHARED:]).abs().max()
        worst = float(torch.maximum(first, second)) / scale
        return worst if np.isfinite(worst) else float("inf")


def _texts(architecture: Architecture) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two texts of unremarkable token ids that agree in the first `NUM_SHARED`."""
    size = int(architecture.decoder.get_input_embeddings().weight.shape[0])
    special = {getattr(architecture.config, name, None) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    special |= {getattr(architecture.config, name, None) for name in ("image_token_id", "image_token_index")}
    plain = [(7 * i + 3) % size for i in range(NUM_SHARED + 2 * NUM_TAIL + 8)]
    plain = [token for token in plain if token not in special] or [0]
    plain *= -(-(NUM_SHARED + 2 * NUM_TAIL) // len(plain))
    shared, rest = tuple(plain[:NUM_SHARED]), plain[NUM_SHARED:]
    return shared + tuple(rest[:NUM_TAIL]), shared + tuple(rest[NUM_TAIL : 2 * NUM_TAIL])


def _plain(architecture: Architecture, text: tuple[int, ...]) -> tuple[torch.Tensor, Any]:
    """Logits float32[tokens, V] and the cache of one ordinary forward."""
    ids = torch.tensor([text], device=architecture.device)
    cache = DynamicCache(config=architecture.config)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), architecture.cache_argument: cache}
    out = architecture.model(**inputs, use_cache=True, return_dict=True)
    return out.logits[0].float(), cache


def _shapes(architecture: Architecture, cache: Any) -> list[LayerShape | None]:
    shapes: list[LayerShape | None] = []
    for i, layer in enumerate(cache.layers):
        keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
        if keys is None or values is None or not keys.numel():
            shapes.append(None)
            continue
        if keys.dim() != 4 or values.dim() != 4 or keys.shape[0] != 1:
            raise _refuse(
                architecture, f"layer {i} keeps keys of shape {tuple(keys.shape)}, not [1, heads, tokens, dim]"
            )
        shapes.append(
            LayerShape(
                kind=architecture.layer_type(i),
                key=(keys.shape[1], keys.shape[3]),
                value=(values.shape[1], values.shape[3]),
                dtype=keys.dtype,
                device=keys.device,
            )
        )
    if not any(shapes):
        raise _refuse(architecture, "it keeps no keys and values in a cache, so nothing could be reused or forked")
    return shapes


def _plan(rows: Sequence[tuple[tuple[int, ...], int, list[int]]]) -> Plan:
    """A plan that wants every row; each row is (tokens, position of the first, slots of the whole path)."""
    segments = [Segment(np.array(t, np.int32), start, np.array(slots, np.int32)) for t, start, slots in rows]
    counts = [len(s.tokens) for s in segments]
    return Plan(
        segments=segments,
        tokens=np.concatenate([s.tokens for s in segments]),
        positions=np.concatenate([np.arange(s.start, s.start + len(s.tokens), dtype=np.int32) for s in segments]),
        write=np.concatenate([s.slots[s.start :] for s in segments]),
        offsets=np.cumsum([0, *counts]).astype(np.int32),
        wanted=np.arange(sum(counts), dtype=np.int32),
    )


def _tolerance(architecture: Architecture) -> float:
    """Kernels for other shapes round differently: a wrong mask is off by the order of 1."""
    return 1e-3 if architecture.dtype in (torch.float32, torch.float64) else 0.25


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def _refuse(architecture: Architecture, reason: str) -> ModelLoadError:
    return ModelLoadError(f"{type(architecture.model).__name__} does not run on this backend: {reason}")
