"""A whole backend in one file: `guided.load_model(directory, backend="decay")`.

The model is the simplest that still needs a cache: a text's state is the average of its tokens' embeddings, each
weighing `DECAY` times what the one after it weighs, and the logits are the products of that with all embeddings. So a
token keeps one vector, where an attention layer would keep its keys and values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from guided.errors import ModelLoadError
from guided.runtime.engine import EngineInfo
from guided.runtime.engine_plan import Plan
from guided.runtime.local_engine import LocalEngine
from guided.vocab import Vocabulary

DECAY = 0.8
Floats = npt.NDArray[np.float32]


class DecayEngine(LocalEngine):
    """`LocalEngine` keeps sequences, prefixes and budgets, and chooses tokens; the five methods here are the model."""

    def __init__(self, embeddings: Floats, vocab: Vocabulary, *, source: str, **options: Any) -> None:
        self._embeddings = embeddings
        self._kept = np.zeros((0, embeddings.shape[1]), np.float32)  # [slots, dim]
        slot_bytes = self._kept.itemsize * embeddings.shape[1]
        super().__init__(vocab, num_logits=len(embeddings), slot_bytes=slot_bytes, tree=True, **options)
        self.info = EngineInfo("decay", source, {"dim": str(embeddings.shape[1])})

    def resize(self, num_slots: int) -> None:
        more = np.zeros((num_slots - len(self._kept), self._kept.shape[1]), np.float32)
        self._kept = np.concatenate([self._kept, more])

    def forward(self, plan: Plan) -> Floats:
        self._kept[plan.write] = self._embeddings[plan.tokens]  # first of all, for every token of the plan
        rows = np.zeros((len(plan.wanted), self._kept.shape[1]), np.float32)
        for row, packed in enumerate(plan.wanted):
            number = int(np.searchsorted(plan.offsets, packed, side="right")) - 1
            segment = plan.segments[number]
            length = segment.start + int(packed - plan.offsets[number]) + 1
            weights = DECAY ** np.arange(length - 1, -1, -1, dtype=np.float32)
            rows[row] = weights @ self._kept[segment.slots[:length]] / weights.sum()
        return rows

    def head(self, states: Floats, token_ids: npt.NDArray[np.int32] | None) -> Floats:
        embeddings = self._embeddings if token_ids is None else self._embeddings[token_ids]
        logits: Floats = states @ embeddings.T
        return logits

    def concat(self, states: Sequence[Floats]) -> Floats:
        return np.concatenate(states)


def load(source: str | Path | None, *, cache_bytes: int = 1 << 26, reuse: bool = True, **unknown: Any) -> DecayEngine:
    """The entry point: a Hugging Face directory, of whose weights only the embeddings are read."""
    if unknown:
        raise ModelLoadError(f"the backend 'decay' has no option {', '.join(sorted(unknown))}")
    if source is None:
        raise ModelLoadError("the backend 'decay' ships no model: pass a model directory")
    directory = Path(source)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    embeddings = load_file(directory / "model.safetensors")["model.embed_tokens.weight"].astype(np.float32)
    return DecayEngine(
        embeddings,
        Vocabulary.from_tokenizer(str(directory), size=len(embeddings)),
        source=str(directory),
        max_len=int(config["max_position_embeddings"]),
        cache_bytes=cache_bytes,
        reuse=reuse,
    )
