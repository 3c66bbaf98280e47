"""The head gives the model's own logits, whole or for chosen tokens only."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import CohereConfig, CohereForCausalLM, Llama4ForCausalLM, Llama4TextConfig

from guided.runtime.engine import Extend, Policy
from guided_backends import transformers as backend
from guided_backends.transformers.head import LinearHead

STATES = torch.linspace(-2, 2, 24).view(3, 8)
SOME = np.array([0, 5, 11], np.int32)
PLAIN = SimpleNamespace()
SCALED = SimpleNamespace(logit_scale=0.5, final_logit_softcapping=2.0)
DIVIDED = SimpleNamespace(logits_scaling=4.0, final_logit_softcapping=None)


def layer(bias=True):
    torch.manual_seed(1)
    return torch.nn.Linear(8, 12, bias=bias)


@pytest.mark.parametrize("config", [PLAIN, SCALED, DIVIDED], ids=["plain", "capped", "divided"])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_chosen_tokens_have_the_logits_of_the_whole_head(config, bias):
    head = LinearHead.of(layer(bias), config, 12)
    assert head.is_plain
    assert torch.allclose(head.logits(STATES, SOME), head.logits(STATES, None)[:, SOME], atol=1e-6)


@torch.no_grad()
def test_scale_comes_before_the_soft_cap():
    raw = layer()(STATES)
    capped = LinearHead.of(layer(), SCALED, 12).logits(STATES, None)
    assert torch.allclose(capped, torch.tanh(raw * 0.5 / 2.0) * 2.0)
    assert torch.allclose(LinearHead.of(layer(), DIVIDED, 12).logits(STATES, None), raw / 4.0)


@torch.no_grad()
def test_a_hooked_or_foreign_head_is_called_not_taken_apart():
    class Quantised(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x).round()

    torch.manual_seed(1)
    head = LinearHead.of(Quantised(8, 12), PLAIN, 12)
    assert not head.is_plain
    assert torch.equal(head.logits(STATES, SOME), head.logits(STATES, None)[:, SOME])

    hooked = layer()
    hooked.register_forward_hook(lambda module, args, out: out + 1)
    head = LinearHead.of(hooked, PLAIN, 12)
    assert torch.allclose(head.logits(STATES, SOME), layer()(STATES)[:, SOME] + 1)


@torch.no_grad()
def test_padding_rows_of_the_head_are_cut():
    assert LinearHead.of(layer(), PLAIN, 10).logits(STATES, None).shape == (3, 10)


def test_a_small_mask_computes_only_its_rows(engine_of, model_of):
    """The whole head would call the linear layer; the few rows are multiplied without it."""
    engine, calls = engine_of("llama"), []
    (row,) = engine.step([Extend(engine.open([]), [5, 6, 7])])
    expected = engine.logits(row)[0]
    handle = model_of("llama").lm_head.register_forward_pre_hook(lambda *_: calls.append(1))
    handle.remove()  # a hook makes the head not plain; count by the weight instead
    mask = np.zeros((1, 10), np.int32)
    mask[0, 1] = 0b1110
    seen = []
    original = torch.nn.functional.linear
    torch.nn.functional.linear = lambda x, weight, bias=None: seen.append(weight.shape) or original(x, weight, bias)
    try:
        (choice,) = engine.select([row], mask, [Policy()])
    finally:
        torch.nn.functional.linear = original
    assert seen == [torch.Size([3, 32])]
    assert int(choice.tokens[0]) == 33 + int(expected[33:36].argmax())


LLAMA4 = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "intermediate_size_mlp": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_local_experts": 2,
    "attention_chunk_size": 8,
    "max_position_embeddings": 128,
}


def test_a_head_that_cannot_be_taken_apart_is_run_by_the_model_itself(tokenizer):
    """llama4's decoder is the whole model: its states are logits already."""
    torch.manual_seed(0)
    model = Llama4ForCausalLM(Llama4TextConfig(**LLAMA4)).eval()
    engine = backend.from_objects(model, tokenizer)
    assert engine.info.details["head"] == "OwnHead"
    texts = [[7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], [7, 8, 30], [40]]
    rows = engine.step([Extend(engine.open([]), text) for text in texts])
    for text, row in zip(texts, rows, strict=True):
        with torch.no_grad():
            expected = model(torch.tensor([text])).logits[0, -1].numpy()
        assert np.abs(engine.logits(row)[0] - expected).max() < 1e-4
    seq = engine.open([])
    (nothing,) = engine.step([Extend(seq, [50, 51], "none")])
    assert nothing.rows == 0
    (row,) = engine.step([Extend(seq, [52])])
    with torch.no_grad():
        expected = model(torch.tensor([[50, 51, 52]])).logits[0, -1].numpy()
    assert np.abs(engine.logits(row)[0] - expected).max() < 1e-4
    mask = np.zeros((1, 10), np.int32)
    mask[0, 3] = 0b101
    (choice,) = engine.select([rows[0]], mask, [Policy()])
    assert int(choice.tokens[0]) in (96, 98)


def test_cohere_scales_its_logits(tokenizer, engine_of):
    torch.manual_seed(0)
    sizes = {key: LLAMA4[key] for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    model = CohereForCausalLM(CohereConfig(**sizes, **heads, logit_scale=0.25)).eval()
    engine = backend.from_objects(model, tokenizer)
    assert engine.info.details["head"] == "LinearHead"
    (row,) = engine.step([Extend(engine.open([]), [9, 8, 7])])
    with torch.no_grad():
        expected = model(torch.tensor([[9, 8, 7]])).logits[0, -1].numpy()
    assert np.abs(engine.logits(row)[0] - expected).max() < 1e-5
