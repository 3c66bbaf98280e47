"""Products by oneDNN: the same logits, the model object as it was before and after, and never old weights."""

import copy

import numpy as np
import pytest
import torch

from guided.errors import ModelLoadError
from guided.runtime.engine import Extend
from guided_backends.transformers import products
from guided_backends.transformers.engine import TransformersEngine
from guided_backends.transformers.products import Products
from guided_backends.transformers.runner import ModelRunner

TEXTS = [np.random.default_rng(i).integers(3, 300, n).tolist() for i, n in enumerate((70, 9, 1, 30))]


def linear_layers(model):
    return [module for module in model.modules() if type(module) is torch.nn.Linear]


def logits_of(engine, texts=TEXTS):
    """Prompts together, then one token each."""
    seqs = [engine.open([]) for _ in texts]
    first = engine.step([Extend(seq, text, "all") for seq, text in zip(seqs, texts, strict=True)])
    second = engine.step([Extend(seq, [7]) for seq in seqs])
    alone = engine.step([Extend(seqs[0], [8])])
    return np.concatenate([engine.logits(row) for row in (*first, *second, *alone)])


@pytest.fixture
def model(model_of):
    """A copy that may be changed."""
    return copy.deepcopy(model_of("llama"))


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2", "phi3", "mistral", "gemma3", "granite", "mamba", "jamba"])
def test_both_libraries_give_the_same_logits(name, engine_of):
    by_torch, by_onednn = (engine_of(name, library=library) for library in ("torch", "onednn"))
    assert np.abs(logits_of(by_torch) - logits_of(by_onednn)).max() < 1e-4


@pytest.mark.parametrize("ordered_bytes", [0, 1 << 29], ids=["as they are", "in its order"])
def test_layers_have_another_forward_inside_only(model, ordered_bytes):
    layers = linear_layers(model)[:-1]  # but the head
    states = torch.randn(3, layers[0].in_features)
    with torch.no_grad():
        before = layers[0](states)
        scope = Products(model, library="onednn", ordered_bytes=ordered_bytes).body(3)
        with scope:
            assert all("forward" in layer.__dict__ for layer in layers)
            assert torch.allclose(layers[0](states), before, atol=1e-5)
        assert not any("forward" in layer.__dict__ for layer in layers)
        with pytest.raises(RuntimeError), scope:
            layers[0](torch.randn(3, 1 + layers[0].in_features))
    assert not any("forward" in layer.__dict__ for layer in layers)


def test_two_scopes_of_one_model_may_overlap(model):
    first, second = (Products(model, library="onednn").body(1) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert not any("forward" in layer.__dict__ for layer in linear_layers(model))


def test_a_forward_that_a_layer_has_of_its_own_stays(model):
    layer, other = linear_layers(model)[:2]
    own = layer.__dict__["forward"] = lambda states: states
    scope = Products(model, library="onednn").body(1)
    late = other.__dict__["forward"] = lambda states: states
    with scope:
        assert layer.__dict__["forward"] is own
        assert other.__dict__["forward"] is late
    assert layer.__dict__["forward"] is own
    assert other.__dict__["forward"] is late


def changed_in_place(layer):
    layer.weight.mul_(2)


def changed_by_data(layer):
    layer.weight.data = layer.weight.data * 2


def changed_for_another(layer):
    layer.weight = torch.nn.Parameter(layer.weight * 2)


@pytest.mark.parametrize("change", [changed_in_place, changed_by_data, changed_for_another])
def test_weights_that_change_after_the_load_are_taken_as_they_are(model, change):
    engines = [
        TransformersEngine(runner := ModelRunner(model, library=library), words(runner.num_logits), reuse=False)
        for library in ("torch", "onednn")
    ]
    before = logits_of(engines[1])
    with torch.no_grad():
        change(model.model.layers[0].mlp.down_proj)
    by_torch, by_onednn = map(logits_of, engines)
    assert np.abs(by_torch - before).max() > 1e-3
    assert np.abs(by_torch - by_onednn).max() < 1e-4


def words(size):
    from guided.vocab import Vocabulary

    return Vocabulary([None, *(b"t%d" % i for i in range(size - 1))], eos_ids={0})


def test_another_thread_that_trains_the_model_gets_gradients(model):
    layer = linear_layers(model)[0]
    with Products(model, library="onednn").body(1), torch.enable_grad():
        layer(torch.randn(2, layer.in_features)).sum().backward()
    assert layer.weight.grad is not None


def test_half_precision_and_small_models_are_left_to_torch(model_of):
    model = model_of("llama")
    assert Products(model).body(64) is Products(model).body(1)  # too small to be timed
    half = copy.deepcopy(model).to(torch.bfloat16)
    with Products(half, library="onednn").body(64):
        assert not any("forward" in layer.__dict__ for layer in linear_layers(half))


def test_a_large_model_goes_by_what_was_timed(monkeypatch):
    model = torch.nn.Sequential(torch.nn.Linear(1024, 1024), torch.nn.Linear(1024, 256))
    monkeypatch.setattr(products, "_faster", lambda threads, ordered: (False, True, True))
    chosen = Products(model)
    for rows, is_replaced in ((1, False), (7, False), (8, True), (500, True)):
        with chosen.body(rows):
            assert ("forward" in model[0].__dict__) is is_replaced


def test_what_is_timed_says_something_of_every_number_of_rows():
    assert len(products._faster.__wrapped__(torch.get_num_threads(), True)) == len(products.ROWS)


def test_an_unknown_library_is_refused(engine_of):
    with pytest.raises(ModelLoadError, match="'torch' or 'onednn'"):
        engine_of("llama", library="blas")
