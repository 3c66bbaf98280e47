"""A Llama in torch over a paged cache on the CPU: what the fakes of exllama compute with.

Stricter than the real thing: cells begin as nan, so that reading one that was never written shows, and a row of a batch
may not read what another row writes in the same forward (on a GPU that is a race).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.functional import linear, scaled_dot_product_attention, silu

__all__ = ["PagedLlama", "empty_cells"]


def empty_cells(*shape: int) -> torch.Tensor:
    return torch.full(shape, float("nan"))


class PagedLlama:
    """Weights of a Hugging Face directory."""

    def __init__(self, directory: str) -> None:
        self.config = json.loads((Path(directory) / "config.json").read_text(encoding="utf-8"))
        self.weights = load_file(Path(directory) / "model.safetensors")
        self.num_layers = self.config["num_hidden_layers"]
        self.kv_heads, self.head_dim = self.config["num_key_value_heads"], self.config["head_dim"]

    def hidden(
        self,
        tokens: torch.Tensor,  # int64[rows, n]
        caches: list[tuple[torch.Tensor, torch.Tensor]],  # of each layer, [cells, heads, dim]
        table: torch.Tensor,  # int32[rows, pages]
        lengths: torch.Tensor,  # int32[rows]
        page_size: int,
    ) -> torch.Tensor:
        rows, count = tokens.shape
        positions = lengths[:, None].long() + torch.arange(count)
        cells = table.long().gather(1, positions // page_size) * page_size + positions % page_size
        reads = [self._cells(table[row], int(lengths[row]) + count, page_size) for row in range(rows)]
        self._refuse_races(cells, reads)
        x = self.weights["model.embed_tokens.weight"][tokens]
        for layer, (keys, values) in enumerate(caches):
            prefix = f"model.layers.{layer}."
            x = x + self._attention(
                prefix, self._norm(prefix + "input_layernorm", x), positions, cells, reads, keys, values
            )
            inner = self._norm(prefix + "post_attention_layernorm", x)
            gate, up = (linear(inner, self.weights[f"{prefix}mlp.{name}_proj.weight"]) for name in ("gate", "up"))
            x = x + linear(silu(gate) * up, self.weights[prefix + "mlp.down_proj.weight"])
        return self._norm("model.norm", x)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        return linear(hidden, head)

    @staticmethod
    def _cells(pages: torch.Tensor, length: int, page_size: int) -> torch.Tensor:
        places = torch.arange(length)
        return pages.long()[places // page_size] * page_size + places % page_size

    @staticmethod
    def _refuse_races(cells: torch.Tensor, reads: list[torch.Tensor]) -> None:
        for row, own in enumerate(reads):
            others = torch.cat([cells[:row].flatten(), cells[row + 1 :].flatten()])
            assert not torch.isin(own, others).any(), "a row reads what another row writes in the same forward"

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        variance = x.pow(2).mean(-1, keepdim=True)
        return x * torch.rsqrt(variance + self.config["rms_norm_eps"]) * self.weights[name + ".weight"]

    def _rotate(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        half = self.head_dim // 2
        frequencies = self.config["rope_theta"] ** (-torch.arange(half) / half)
        angles = (positions[..., None] * frequencies)[:, :, None]  # [rows, n, 1, half]
        left, right = x[..., :half], x[..., half:]
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([left * cos - right * sin, right * cos + left * sin], -1)

    def _attention(self, prefix, x, positions, cells, reads, keys, values):
        rows, count, _ = x.shape
        query, key, value = (
            linear(x, self.weights[f"{prefix}self_attn.{name}_proj.weight"]).view(rows, count, -1, self.head_dim)
            for name in "qkv"
        )
        query, key = self._rotate(query, positions), self._rotate(key, positions)
        keys[cells], values[cells] = key, value
        out = []
        for row, read in enumerate(reads):
            causal = torch.arange(len(read))[None] <= positions[row][:, None]
            seen = scaled_dot_product_attention(
                query[row].transpose(0, 1)[None],
                keys[read].transpose(0, 1)[None],
                values[read].transpose(0, 1)[None],
                attn_mask=causal,
                enable_gqa=True,
            )
            out.append(seen[0].transpose(0, 1).reshape(count, -1))
        return linear(torch.stack(out), self.weights[prefix + "self_attn.o_proj.weight"])
