"""Weights as transformers loads them: half precision, quantised layers, spread over devices and disk."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import guided
from guided.runtime.engine import Extend, Policy
from guided_backends import transformers as backend

TEXTS = [[5, 60, 7, 200, 9, 33, 12, 80, 91, 6], [5, 60, 7, 8], [44]]


class Int8Linear(torch.nn.Module):
    """Weight-only 8 bits, as the quantisers of transformers put in the place of a linear layer: no `weight` to take."""

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        scale = layer.weight.abs().amax(1, keepdim=True) / 127
        self.register_buffer("scale", scale)
        self.register_buffer("qweight", (layer.weight / scale).round().to(torch.int8))
        self.bias = layer.bias

    def forward(self, x):
        return torch.nn.functional.linear(x, self.qweight * self.scale, self.bias)


def quantised(model):
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        for child, layer in list(module.named_children()):
            if type(layer) is torch.nn.Linear:
                setattr(model.get_submodule(name), child, Int8Linear(layer))
    return model.requires_grad_(False)


@torch.no_grad()
def own(model, tokens):
    return model(torch.tensor([tokens])).logits[0].float().numpy()


def check(engine, model, tolerance):
    """Ragged prefill, then a fork and a decode step."""
    seqs = [engine.open([]) for _ in TEXTS]
    rows = engine.step([Extend(seq, text, "all") for seq, text in zip(seqs, TEXTS, strict=True)])
    for text, row in zip(TEXTS, rows, strict=True):
        assert np.abs(engine.logits(row) - own(model, text)).max() < tolerance
    forks = engine.fork(seqs[0], 2)
    rows = engine.step([Extend(fork, [70 + i]) for i, fork in enumerate(forks)])
    for i, row in enumerate(rows):
        assert np.abs(engine.logits(row)[0] - own(model, [*TEXTS[0], 70 + i])[-1]).max() < tolerance


@pytest.mark.parametrize("name", ["llama", "gemma3", "falcon-h1"])
def test_quantised_layers_are_called_not_opened(name, model_of, tokenizer):
    model = quantised(model_of(name))
    engine = backend.from_objects(model, tokenizer)
    check(engine, model, 1e-4)
    (row,) = engine.step([Extend(engine.open([]), TEXTS[0])])
    mask = np.zeros((1, 10), np.int32)
    mask[0, 2] = 0b110
    (choice,) = engine.select([row], mask, [Policy()])
    assert int(choice.tokens[0]) == 65 + int(own(model, TEXTS[0])[-1][65:67].argmax())


@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral", "qwen3-next"])
def test_bfloat16(name, model_of, tokenizer):
    model = copy.deepcopy(model_of(name)).to(torch.bfloat16)
    engine = backend.from_objects(model, tokenizer, num_threads=1)
    assert engine.info.details["dtype"] == "bfloat16"
    spread = own(model, TEXTS[0]).std()
    check(engine, model, 0.1 * spread)  # kernels for other shapes round at other places
    run = guided.from_transformers(model, tokenizer)
    rows = run.generate_batch(["a", "bc"], constraint=guided.Regex("[a-c]{3}[0-9]"), max_tokens=12)
    assert all(row.error is None for row in rows)


def test_weights_on_disk(model_of, tokenizer, tmp_path):
    pytest.importorskip("accelerate")
    model_of("llama").save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    places = {"model.embed_tokens": "disk", "model.layers.0": "cpu", "model.layers.1": "disk", "model.norm": "cpu"}
    places |= {"lm_head": "disk", "model.rotary_emb": "cpu"}
    engine = backend.load(tmp_path / "model", device_map=places, offload_folder=str(tmp_path / "off"), num_threads=1)
    assert engine.info.details["device"] == "cpu"
    check(engine, model_of("llama"), 1e-4)


def test_a_device_map_of_one_device(model_of, tokenizer, tmp_path):
    pytest.importorskip("accelerate")
    model_of("qwen3").save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    check(backend.load(tmp_path, device_map="cpu", dtype="float32", num_threads=1), model_of("qwen3"), 1e-4)
