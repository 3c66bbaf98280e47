"""What cannot be run exactly is refused at load, with the reason and the way out; and torch stays as it was."""

import numpy as np
import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    LlamaModel,
    RecurrentGemmaConfig,
    RecurrentGemmaForCausalLM,
    RwkvConfig,
    RwkvForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from guided.errors import GenerationError, ModelLoadError
from guided.runtime.engine import Extend, Policy
from guided.vocab import Vocabulary
from guided_backends import transformers as backend

SMALL = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48}

GEMMA = {**SMALL, "num_hidden_layers": 3, "num_attention_heads": 4, "lru_width": 32, "attention_window_size": 8}


@pytest.mark.parametrize("attention", ["flash_attention_2", "flash_attention_3", "flex_attention", "paged|sdpa"])
def test_attention_that_cannot_take_masks(attention, model_of, tokenizer):
    model = model_of("llama")
    model.config._attn_implementation_internal, before = attention, model.config._attn_implementation_internal
    try:
        with pytest.raises(ModelLoadError, match=r'attn_implementation="sdpa" \(or "eager"\)') as caught:
            backend.from_objects(model, tokenizer)
    finally:
        model.config._attn_implementation_internal = before
    assert attention in str(caught.value)


def test_training_mode(model_of, tokenizer):
    model = model_of("gpt2")
    model.train()
    try:
        with pytest.raises(ModelLoadError, match=r"call model\.eval\(\) first"):
            backend.from_objects(model, tokenizer)
    finally:
        model.eval()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: RwkvForCausalLM(RwkvConfig(vocab_size=320, hidden_size=32, num_hidden_layers=2)), "does not run"),
        # its state lies in its modules
        (lambda: RecurrentGemmaForCausalLM(RecurrentGemmaConfig(**GEMMA)), "does not run"),
        (lambda: T5ForConditionalGeneration(T5Config(vocab_size=320, d_model=32, num_layers=1)), "encoder-decoder"),
        (lambda: BloomForCausalLM(BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4)), "does not run"),
        (lambda: torch.nn.Linear(2, 2), "is not a transformers model"),
    ],
    ids=["rwkv", "recurrent-gemma", "t5", "bloom", "linear"],
)
def test_models_of_another_kind(model, reason, tokenizer):
    with pytest.raises(ModelLoadError, match=reason):
        backend.from_objects(model().eval(), tokenizer)


def test_a_model_without_a_head(model_of, tokenizer):
    bare = LlamaModel(model_of("llama").config).eval()
    with pytest.raises(ModelLoadError, match="no language-model head"):
        backend.from_objects(bare, tokenizer)


def test_a_model_that_is_not_what_its_masks_say_is_refused(model_of, tokenizer):
    """The self-check at load: a layer that looks at the wrong things is found, not run."""
    model = model_of("llama")

    def shift(module, args, kwargs):
        kwargs["attention_mask"] = None  # sees the slots of other branches
        return args, kwargs

    hooks = [layer.register_forward_pre_hook(shift, with_kwargs=True) for layer in model.model.layers]
    try:
        with pytest.raises(ModelLoadError, match="its logits differ from its own"):
            backend.from_objects(model, tokenizer)
    finally:
        for hook in hooks:
            hook.remove()


def test_a_tokenizer_of_another_model(model_of):
    wide = Vocabulary([None, *(b"%d" % i for i in range(400))], eos_ids={0})
    with pytest.raises(ModelLoadError, match="401 tokens, the model's head 320"):
        backend.from_objects(model_of("llama"), wide)
    with pytest.raises(ModelLoadError, match="does not go with the model"):
        backend.from_objects(model_of("llama"), "not a tokenizer")


OUT_OF_RANGE = [
    {"num_threads": 0},
    {"num_threads": "two"},
    {"max_batch": 0},
    {"form": "round"},
    {"cache_bytes": "1GB"},
    {"cache_bytes": 1.5e9},
    {"max_len": 0},
    {"reuse": "no"},
    {"device": "cpu"},
]


@pytest.mark.parametrize("options", OUT_OF_RANGE, ids=str)
def test_options_out_of_range(options, engine_of):
    with pytest.raises(ModelLoadError, match=next(iter(options))):
        engine_of("llama", **options)


def test_a_cache_too_small_for_anything(engine_of):
    with pytest.raises(ModelLoadError, match="cache_bytes=100 is too small"):
        engine_of("llama", cache_bytes=100)


def globals_of_torch():
    return (
        torch.get_num_threads(),
        torch.get_num_interop_threads(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.mkldnn.enabled,
        torch.backends.cuda.flash_sdp_enabled(),
        torch.get_rng_state().tolist(),
    )


@pytest.mark.parametrize("num_threads", [None, 2])
def test_torch_and_the_model_stay_as_they_were(num_threads, engine_of, model_of):
    model = model_of("gemma3")
    before = globals_of_torch()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    config = model.config.to_dict()
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())

    engine = engine_of("gemma3", num_threads=num_threads)
    seqs = [engine.open([]), engine.open([])]
    rows = engine.step([Extend(s, t) for s, t in zip(seqs, [[5, 6, 7], [8]], strict=True)])
    engine.select(rows, None, [Policy(), Policy(logprobs=True)])
    with pytest.raises(GenerationError):
        engine.step([Extend(seqs[0], [10**6])])
    engine.shutdown()

    assert globals_of_torch() == before
    assert config == model.config.to_dict()
    assert hooks == sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_num_threads_counts_inside_only(engine_of, model_of):
    seen = []
    hook = model_of("llama").model.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        engine = engine_of("llama", num_threads=2)
        engine.step([Extend(engine.open([]), [5])])
    finally:
        hook.remove()
    assert set(seen) == {2}
    assert torch.get_num_threads() == 1


def test_a_forward_that_fails_leaves_torch_and_the_sequences_alone(engine_of, model_of):
    engine = engine_of("llama", num_threads=2)
    seq = engine.open([])
    engine.step([Extend(seq, [5, 6])])

    def fail(*_):
        raise MemoryError("no more")

    hook = model_of("llama").model.layers[1].register_forward_pre_hook(fail)
    try:
        with pytest.raises(MemoryError):
            engine.step([Extend(seq, [7])])
    finally:
        hook.remove()
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (1, True)
    assert list(seq.tokens) == [5, 6]
    (row,) = engine.step([Extend(seq, [7])])
    assert np.isfinite(engine.logits(row)).all()
