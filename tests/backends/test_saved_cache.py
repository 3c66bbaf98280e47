"""Keys and values that leave one engine and enter another."""

import copy

import numpy as np
import pytest
import torch

from guided.runtime.engine import Extend
from guided_backends import transformers as backend

TEXT = [5, 60, 7, 200, 9, 33, 12, 80, 91, 6, 14, 15]


def filled(engine):
    seq = engine.open(TEXT)
    (row,) = engine.step([Extend(seq, TEXT[seq.length :])])
    engine.close(seq)
    return engine.logits(row)[0]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_restored_prefix_is_not_computed_again(name, dtype, model_of, tokenizer):
    model = copy.deepcopy(model_of(name)).to(dtype)
    first, second = backend.from_objects(model, tokenizer), backend.from_objects(model, tokenizer)
    expected = filled(first)
    arrays = first.export(TEXT)
    assert second.restore(TEXT, arrays) == len(TEXT)
    assert np.array_equal(filled(second), filled(first))
    assert np.abs(filled(second) - expected).max() < (1e-4 if dtype is torch.float32 else 0.5)
    assert second.stats.tokens_computed == 2  # the last token, twice
    assert second.stats.tokens_reused == 2 * (len(TEXT) - 1)


def test_what_is_of_another_model_is_left_alone(model_of, engine_of, tokenizer):
    first = engine_of("llama")
    filled(first)
    arrays = first.export(TEXT)
    other = copy.deepcopy(model_of("llama"))
    other.lm_head.weight.data.mul_(1.1)
    narrow = copy.deepcopy(model_of("llama")).to(torch.bfloat16)
    for engine in (engine_of("qwen3"), backend.from_objects(other, tokenizer), backend.from_objects(narrow, tokenizer)):
        assert engine.restore(TEXT, arrays) == 0
        assert engine.num_cached == 0
    damaged = {**arrays, "keys_0": arrays["keys_0"][:, :-1]}
    assert engine_of("llama").restore(TEXT, damaged) == 0
    assert engine_of("llama").restore(TEXT, {}) == 0


def test_a_recurrent_model_gives_nothing_away(engine_of):
    engine = engine_of("mamba2")
    filled(engine)
    assert engine.export(TEXT) == {}
    assert engine.restore(TEXT, {"said": np.zeros(320, np.float32)}) == 0
