"""The forward of a Llama in numpy, float32, over a KV arena.

Weights are kept as [outputs, inputs], with queries, keys and values in one matrix and gate and up in another; the
norms' gains and the query scale are multiplied into the matrix that follows. The two halves of a rotary pair are
made neighbours, so that turning them is one complex product. Keys and values lie as [kv heads, slots, head_dim] per
layer, so a run of slots is a view. In the last layer only wanted rows go on behind the keys and values.
Reference: Touvron et al. 2023; checked against transformers' LlamaForCausalLM in tests/conformance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.runtime.engine_plan import Plan
from guided_backends.builtin.attention import attend, jobs_of
from guided_backends.builtin.config import LlamaConfig
from guided_backends.builtin.weights import Weights

__all__ = ["LlamaModel"]

Floats = npt.NDArray[np.float32]
Turns = npt.NDArray[np.complex64]

FEW_ROWS, SOME_ROWS = 4, 64  # see `_linear`


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Floats  # [(heads + 2 kv heads) * head_dim, hidden]
    out: Floats  # [hidden, heads * head_dim]
    gate_up: Floats  # [2 * intermediate, hidden]
    down: Floats  # [hidden, intermediate]


class LlamaModel:
    """Weights, and the keys and values of the arena's slots."""

    def __init__(self, config: LlamaConfig, weights: Weights) -> None:
        self.config = config
        self._embedding = weights.tensor("model.embed_tokens.weight", (config.vocab_size, config.hidden_size))
        self._layers = [_read_layer(config, weights, i) for i in range(config.num_layers)]
        self._final_gain = weights.tensor("model.norm.weight", (config.hidden_size,))
        self._head = self._embedding
        if not config.is_tied:
            self._head = weights.tensor("lm_head.weight", (config.vocab_size, config.hidden_size))
        self._turns: Turns = np.zeros((0, 1, config.head_dim // 2), np.complex64)  # e^(i angle) by position
        empty = np.zeros((config.num_kv_heads, 0, config.head_dim), np.float32)
        self._keys: list[Floats] = [empty] * config.num_layers
        self._values: list[Floats] = [empty] * config.num_layers

    @property
    def slot_bytes(self) -> int:
        """Keys and values of one token over all layers."""
        return 2 * 4 * self.config.num_layers * self.config.num_kv_heads * self.config.head_dim

    def resize(self, num_slots: int) -> None:
        self._keys = [_grown(old, num_slots) for old in self._keys]
        self._values = [_grown(old, num_slots) for old in self._values]

    def read_slots(self, slots: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[Any]]:
        """Keys and values [layers, kv heads, len(slots), head_dim] of some slots, and a probe of the weights."""
        keys, values = (np.stack([layer[:, slots] for layer in part]) for part in (self._keys, self._values))
        return {"keys": keys, "values": values, "weights": self._probe()}

    def write_slots(self, slots: npt.NDArray[np.int32], arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Put them back; False, and nothing written, where they are of another model or number."""
        keys, values, probe = (arrays.get(name) for name in ("keys", "values", "weights"))
        shape = (len(self._layers), self._keys[0].shape[0], len(slots), self._keys[0].shape[2])
        if keys is None or values is None or probe is None or keys.shape != shape or values.shape != shape:
            return False
        if not np.array_equal(probe, self._probe()):
            return False
        for layer in range(len(self._layers)):
            self._keys[layer][:, slots] = keys[layer]
            self._values[layer][:, slots] = values[layer]
        return True

    def _probe(self) -> npt.NDArray[np.float64]:
        """A sum over each matrix that makes keys and values: other weights have others."""
        parts = [layer.qkv for layer in self._layers] + [self._embedding]
        return np.array([part.sum(dtype=np.float64) for part in parts] + [np.abs(parts[0]).sum(dtype=np.float64)])

    def head(self, states: Floats, token_ids: npt.NDArray[np.int32] | None) -> Floats:
        """Logits float32[k, V], or of the named tokens only."""
        return _linear(states, self._head if token_ids is None else self._head[token_ids])

    def forward(self, plan: Plan) -> Floats:
        """Hidden rows `plan.wanted` after the last norm: float32[K, hidden]."""
        x = self._embedding[plan.tokens]  # [T, hidden]
        turns = self._turns_at(plan.positions)  # [T, 1, head_dim / 2]
        jobs = jobs_of(plan)
        with np.errstate(over="ignore"):  # exp(-gate) may be inf: then silu is 0
            for index, layer in enumerate(self._layers[:-1]):
                queries = self._project(index, layer, self._normed(x), turns, plan)
                x += _linear(attend(queries, self._keys[index], self._values[index], jobs), layer.out)
                x += _mlp(layer, self._normed(x))
            return self._last_layer(x, turns, plan)

    def _last_layer(self, x: Floats, turns: Turns, plan: Plan) -> Floats:
        index, layer = len(self._layers) - 1, self._layers[-1]
        if len(plan.wanted) == plan.num_tokens == 1:
            queries = self._project(index, layer, self._normed(x), turns, plan)
        else:
            config = self.config
            normed = self._normed(x)
            num_query = config.num_heads * config.head_dim
            keys_values = _linear(normed, layer.qkv[num_query:])
            self._store(index, keys_values, turns, plan)
            if not len(plan.wanted):
                return x[:0]
            x = x[plan.wanted]
            flat = _linear(normed[plan.wanted], layer.qkv[:num_query])
            queries = self._turned(flat, config.num_heads, turns[plan.wanted])
        mixed = attend(self._grouped(queries), self._keys[index], self._values[index], jobs_of(plan, plan.wanted))
        x = x + _linear(mixed, layer.out)
        x += _mlp(layer, self._normed(x))
        return self._normed(x) * self._final_gain

    def _project(self, index: int, layer: _Layer, x: Floats, turns: Turns, plan: Plan) -> Floats:
        """Write keys and values of all rows; returns the queries [T, kv heads, group, head_dim]."""
        num_query = self.config.num_heads * self.config.head_dim
        flat = _linear(x, layer.qkv)
        self._store(index, flat[:, num_query:], turns, plan)
        return self._grouped(self._turned(flat[:, :num_query], self.config.num_heads, turns))

    def _store(self, index: int, flat: Floats, turns: Turns, plan: Plan) -> None:
        """Keys and values [T, 2 * kv heads * head_dim] into their slots."""
        config = self.config
        num_key = config.num_kv_heads * config.head_dim
        keys = self._turned(flat[:, :num_key], config.num_kv_heads, turns)
        values = flat[:, num_key:].reshape(len(flat), config.num_kv_heads, config.head_dim)
        if len(flat) == 1:
            slot = plan.write[0]
            self._keys[index][:, slot] = keys[0]
            self._values[index][:, slot] = values[0]
        else:
            self._keys[index][:, plan.write] = keys.transpose(1, 0, 2)
            self._values[index][:, plan.write] = values.transpose(1, 0, 2)

    def _turned(self, flat: Floats, num_heads: int, turns: Turns) -> Floats:
        """Rotary position: [T, num_heads, head_dim], turned in place."""
        pairs = flat.view(np.complex64).reshape(len(flat), num_heads, self.config.head_dim // 2)
        pairs *= turns
        return pairs.view(np.float32)

    def _grouped(self, queries: Floats) -> Floats:
        config = self.config
        return queries.reshape(len(queries), config.num_kv_heads, -1, config.head_dim)

    def _normed(self, x: Floats) -> Floats:
        """x / rms(x); the gain is part of the next matrix."""
        if len(x) == 1:
            row = x[0]
            return np.asarray(x * np.float32(1.0 / np.sqrt(row.dot(row) / len(row) + self.config.norm_eps)))
        mean = np.einsum("td,td->t", x, x) / np.float32(x.shape[1])
        return np.asarray(x / np.sqrt(mean + np.float32(self.config.norm_eps))[:, None])

    def _turns_at(self, positions: npt.NDArray[np.int32]) -> Turns:
        needed = int(positions.max()) + 1
        if needed > len(self._turns):
            length = min(max(256, 2 * needed), max(self.config.max_len, needed))
            angles = np.arange(length, dtype=np.float32)[:, None] * self.config.inverse_frequencies
            self._turns = np.exp(1j * angles.astype(np.float64)).astype(np.complex64)[:, None, :]
        return self._turns[positions]


def _linear(x: Floats, weight: Floats) -> Floats:
    """x [T, inputs] times weight [outputs, inputs]: [T, outputs], contiguous.

    How OpenBLAS is fastest for each T was measured on the shapes of the shipped model: row by row up to 4, then
    the transposed product with T filled up to 8 or a multiple of 4 (up to 2 x), the plain one from 64 on.
    """
    num_rows = len(x)
    if num_rows == 1:
        return np.asarray((weight @ x[0])[None, :])
    if num_rows <= FEW_ROWS:
        out = np.empty((num_rows, len(weight)), np.float32)
        for row, result in zip(x, out, strict=True):
            np.dot(weight, row, out=result)
        return out
    if num_rows > SOME_ROWS:
        return np.asarray(x @ weight.T)
    filled = np.zeros((max(8, -(-num_rows // 4) * 4), x.shape[1]), np.float32)
    filled[:num_rows] = x
    return np.ascontiguousarray((weight @ filled.T)[:, :num_rows].T)


def _mlp(layer: _Layer, x: Floats) -> Floats:
    """down(silu(gate(x)) * up(x))."""
    gate_up = _linear(x, layer.gate_up)
    half = gate_up.shape[1] // 2
    gate, up = gate_up[:, :half], gate_up[:, half:]
    shrink = np.exp(-gate)
    shrink += 1.0
    up *= gate
    up /= shrink
    return _linear(up, layer.down)


def _grown(old: Floats, num_slots: int) -> Floats:
    new = np.zeros((old.shape[0], num_slots, old.shape[2]), np.float32)
    new[:, : old.shape[1]] = old
    return new


def _read_layer(config: LlamaConfig, weights: Weights, index: int) -> _Layer:
    hidden, inner, dim = config.hidden_size, config.intermediate_size, config.head_dim
    num_query, num_key = config.num_heads * dim, config.num_kv_heads * dim

    def read(name: str, *shape: int) -> Floats:
        return weights.tensor(f"model.layers.{index}.{name}.weight", shape)

    query = _paired(read("self_attn.q_proj", num_query, hidden), dim) * np.float32(dim**-0.5)
    key = _paired(read("self_attn.k_proj", num_key, hidden), dim)
    value = read("self_attn.v_proj", num_key, hidden)
    gate_up = np.concatenate([read("mlp.gate_proj", inner, hidden), read("mlp.up_proj", inner, hidden)])
    return _Layer(
        qkv=np.concatenate([query, key, value]) * read("input_layernorm", hidden),
        out=read("self_attn.o_proj", hidden, num_query),
        gate_up=gate_up * read("post_attention_layernorm", hidden),
        down=read("mlp.down_proj", hidden, inner),
    )


def _paired(weight: Floats, dim: int) -> Floats:
    """Rows of each head reordered so that elements i and i + dim/2, which turn together, are neighbours."""
    heads = weight.reshape(-1, 2, dim // 2, weight.shape[1])
    return heads.transpose(0, 2, 1, 3).reshape(weight.shape)
