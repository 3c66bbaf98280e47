"""The numpy Llama against transformers' own, on the same random weights, in every layout that directories come in."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from guided.runtime.engine import Extend
from guided_backends.builtin import load

TOKENS = np.random.default_rng(1).integers(2, 384, 300).tolist()
LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def logits_of(directory):
    engine = load(directory)
    (hidden,) = engine.step([Extend(engine.open([]), TOKENS, "all")])
    return engine.logits(hidden)


def reference_of(directory):
    torch = pytest.importorskip("torch", reason="the reference is transformers' Llama, which needs torch")
    transformers = pytest.importorskip("transformers")
    torch.set_num_threads(1)
    model = transformers.LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        return model.eval()(torch.tensor([TOKENS])).logits[0].numpy()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tie_word_embeddings": False},
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1},
        {"num_hidden_layers": 1},
        {"head_dim": 20},
        {"rope_scaling": LLAMA3_SCALING},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"rope_parameters": LLAMA3_SCALING | {"rope_theta": 5000.0}},
        {"rope_theta": 500000.0, "rms_norm_eps": 1e-6},
    ],
    ids=["tied", "untied", "all heads", "one kv head", "one layer", "wide heads", "llama3", "linear", "v5", "theta"],
)
def test_the_logits_are_those_of_transformers(llama_writer, tmp_path, changes):
    directory = llama_writer(tmp_path, **changes)
    assert np.abs(logits_of(directory) - reference_of(directory)).max() < 1e-4


def shard(directory):
    """Cut the weights in two files with an index, as large models come."""
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: tensors[name] for name in held}, directory / file, metadata={"format": "pt"})
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    return directory


def test_sharded_weights_are_the_same_weights(llama_writer, tmp_path):
    whole = logits_of(llama_writer(tmp_path / "whole"))
    assert (logits_of(shard(llama_writer(tmp_path / "parts"))) == whole).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_weights_are_computed_in_float32(llama_writer, tmp_path, dtype):
    torch = pytest.importorskip("torch", reason="torch writes the half-precision file")
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    directory = llama_writer(tmp_path)
    tensors = load_torch(directory / "model.safetensors")
    halves = {name: tensor.to(getattr(torch, dtype)) for name, tensor in tensors.items()}
    save_torch(halves, directory / "model.safetensors", metadata={"format": "pt"})
    assert np.abs(logits_of(directory) - reference_of(directory)).max() < 1e-4


def test_scattered_slots_and_long_prompts_give_the_same_logits(llama):
    """Many interleaved rows end in slots that are no runs; a long prompt is cut into blocks of queries."""
    reference = logits_of(llama)
    engine = load(llama, cache_bytes=1 << 21)
    seqs = [engine.open([]) for _ in range(7)]
    for at in range(0, 300, 3):
        for seq in seqs:  # the first token tells the rows apart
            chunk = TOKENS[at : at + 3] if at or seq is seqs[0] else [2 + seqs.index(seq), *TOKENS[1:3]]
            engine.step([Extend(seq, chunk, "none")])
    engine.crop(seqs[0], 299)
    for seq in seqs[1:]:
        engine.close(seq)
    (hidden,) = engine.step([Extend(seqs[0], TOKENS[299:])])
    assert np.abs(engine.logits(hidden)[0] - reference[299]).max() < 1e-4
    assert len(set(np.diff(seqs[0].slots))) > 1
