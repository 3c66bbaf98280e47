"""The network that is trained: a Llama in plain torch, parameters named as Hugging Face names them.

Small on purpose: RMSNorm, rotary attention with shared key/value heads, gated MLP, tied head. The head is applied
only to the positions whose loss is wanted; with a vocabulary of 4k that saves a quarter of a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class TinyConfig:
    """Shape of the network."""

    vocab_size: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 32
    mlp: int = 512
    context: int = 2048
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5


class RMSNorm(nn.Module):
    """Root-mean-square norm with a gain."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, c: TinyConfig) -> None:
        super().__init__()
        self.c = c
        self.q_proj = nn.Linear(c.hidden, c.heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.hidden, c.kv_heads * c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.hidden, c.kv_heads * c.head_dim, bias=False)
        self.o_proj = nn.Linear(c.heads * c.head_dim, c.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        rows, length, _ = x.shape
        q, k, v = (
            p(x).view(rows, length, -1, self.c.head_dim).transpose(1, 2)
            for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        groups = self.c.heads // self.c.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        y = attend(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1))
        return self.o_proj(y.view(rows, -1, length, self.c.head_dim).transpose(1, 2).reshape(rows, length, -1))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention, float[n, length, head_dim] each; for short rows on a CPU much faster than torch's kernel."""
    length = q.shape[1]
    future = torch.full((length, length), float("-inf"), dtype=q.dtype).triu(1)
    scores = torch.baddbmm(future, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5)
    return torch.softmax(scores, dim=-1, dtype=q.dtype) @ v


class Mlp(nn.Module):
    """down(silu(gate(x)) * up(x))."""

    def __init__(self, c: TinyConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden, c.mlp, bias=False)
        self.up_proj = nn.Linear(c.hidden, c.mlp, bias=False)
        self.down_proj = nn.Linear(c.mlp, c.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and MLP, each on a normed residual stream."""

    def __init__(self, c: TinyConfig) -> None:
        super().__init__()
        self.self_attn = Attention(c)
        self.mlp = Mlp(c)
        self.input_layernorm = RMSNorm(c.hidden, c.norm_eps)
        self.post_attention_layernorm = RMSNorm(c.hidden, c.norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class TinyLlama(nn.Module):
    """The model; `forward` returns normed hidden states, `logits` applies the tied head to chosen rows."""

    def __init__(self, c: TinyConfig) -> None:
        super().__init__()
        self.c = c
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(c.vocab_size, c.hidden)
        self.model.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.model.norm = RMSNorm(c.hidden, c.norm_eps)
        self.apply(self._initialise)

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(
                module.weight, std=0.02 if isinstance(module, nn.Embedding) else module.weight.shape[1] ** -0.5
            )
        if isinstance(module, Attention):
            nn.init.zeros_(module.o_proj.weight)
        if isinstance(module, Mlp):
            nn.init.zeros_(module.down_proj.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """int64[rows, length] -> float[rows, length, hidden]."""
        cos, sin = rotary(ids.shape[1], self.c)
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return self.model.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """float[n, hidden] -> float[n, vocab]."""
        return hidden @ self.model.embed_tokens.weight.to(hidden.dtype).T


def rotary(length: int, c: TinyConfig) -> tuple[Tensor, Tensor]:
    """cos and sin, float[length, head_dim], in Hugging Face's half-split order."""
    inverse = c.rope_theta ** (-torch.arange(0, c.head_dim, 2, dtype=torch.float32) / c.head_dim)
    angle = torch.outer(torch.arange(length, dtype=torch.float32), inverse)
    angle = torch.cat((angle, angle), dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs (i, i + head_dim / 2) of float[rows, heads, length, head_dim]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat((-second, first), dim=-1) * sin.to(x.dtype)
