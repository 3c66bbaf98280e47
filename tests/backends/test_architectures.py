"""Every architecture gives the logits of the model itself, however its tokens come: chunks, batches, forks, crops."""

import numpy as np
import pytest
import torch
from transformers import Phi3Config, Phi3ForCausalLM
from transformers.integrations import sdpa_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from guided.errors import GenerationError, ModelLoadError
from guided.runtime.engine import Extend, Policy
from guided_backends import transformers as backend

TOLERANCE = 1e-4
RNG = np.random.default_rng(0)
TEXTS = [RNG.integers(3, 300, n).tolist() for n in (20, 7, 33, 1, 12)]
TEXTS.append(TEXTS[0][:15] + TEXTS[2][:9])  # shares 15 tokens with the first
FORMS = pytest.mark.parametrize("form", [None, "packed", "ragged", "batched"])


def assert_close(left, right):
    assert left.shape == right.shape
    assert np.abs(left - right).max() < TOLERANCE


def greedy(engine, tokens, count, masks=None):
    seq = engine.open(tokens)
    pending, chosen = tokens[seq.length :], []
    for _ in range(count):
        (hidden,) = engine.step([Extend(seq, pending)])
        pending = [int(engine.select([hidden], masks, [Policy()])[0].tokens[0])]
        chosen += pending
    engine.close(seq)
    return chosen


def test_the_reference_can_tell_a_wrong_mask(name, plain):
    """The random weights are large enough: another first token changes the last logits far beyond the tolerance."""
    text = TEXTS[1]
    changed = plain(name, [text[0] + 1, *text[1:]])[-1]
    assert np.abs(plain(name, text)[-1] - changed).max() > 100 * TOLERANCE


@FORMS
@pytest.mark.parametrize("sizes", [[33], [1] * 33, [10, 1, 22], [32, 1]], ids=["whole", "ones", "mixed", "tail"])
def test_chunked_prefill(name, form, sizes, engine_of, plain):
    engine, text, at = engine_of(name, form=form), TEXTS[2], 0
    expected, seq = plain(name, text), engine.open([])
    for size in sizes:
        (hidden,) = engine.step([Extend(seq, text[at : at + size], "all")])
        assert_close(engine.logits(hidden), expected[at : at + size])
        at += size


@FORMS
def test_a_ragged_batch(name, form, engine_of, plain):
    engine = engine_of(name, form=form)
    seqs = [engine.open([]) for _ in TEXTS]
    cuts = [len(text) // 2 for text in TEXTS]
    engine.step([Extend(s, t[:cut], "none") for s, t, cut in zip(seqs, TEXTS, cuts, strict=True) if cut])
    hidden = engine.step([Extend(s, t[cut:], "all") for s, t, cut in zip(seqs, TEXTS, cuts, strict=True)])
    for text, cut, row in zip(TEXTS, cuts, hidden, strict=True):
        assert_close(engine.logits(row), plain(name, text)[cut:])


@pytest.mark.parametrize("between", [0, 8, 60], ids=["next to it", "near", "far"])
def test_several_tokens_onto_a_long_text(name, between, engine_of, plain):
    """Without a copy of grouped heads: by pieces, in place or gathered, whatever lies between a text and its end."""
    engine, text = engine_of(name), RNG.integers(3, 300, 90).tolist()
    root = engine.open([])
    engine.step([Extend(root, text, "none")])
    other, fork = engine.fork(root, 2)
    if between:
        engine.step([Extend(other, RNG.integers(3, 300, between).tolist(), "none")])
    for tokens in ([7, 8, 9, 10], [11, 12], [13]):
        (row,) = engine.step([Extend(fork, tokens, "all")])
        assert_close(engine.logits(row), plain(name, fork.tokens)[-len(tokens) :])


@FORMS
def test_a_tree_of_forks_in_one_step_then_each_alone(name, form, engine_of, plain):
    engine = engine_of(name, form=form)
    root = engine.open([])
    engine.step([Extend(root, TEXTS[0], "none")])
    tails = [[7], [8], [7, 9], [7, 9, 10, 11], [8, 12]]
    forks = engine.fork(root, len(tails))
    rows = engine.step([Extend(s, t) for s, t in zip(forks, tails, strict=True)])
    for tail, row in zip(tails, rows, strict=True):
        assert_close(engine.logits(row)[0], plain(name, TEXTS[0] + tail)[-1])
    for fork in forks:  # interleaved slots from now on
        for token in (20, 21, 22):
            (row,) = engine.step([Extend(fork, [token])])
        assert_close(engine.logits(row)[0], plain(name, fork.tokens)[-1])


def test_crop_and_write_over(name, engine_of, plain):
    engine = engine_of(name)
    seq = engine.open([])
    engine.step([Extend(seq, TEXTS[2], "none")])
    engine.crop(seq, 11)
    (row,) = engine.step([Extend(seq, TEXTS[4], "all")])
    assert_close(engine.logits(row), plain(name, TEXTS[2][:11] + TEXTS[4])[11:])


def test_reuse_changes_nothing_but_the_work(name, engine_of):
    with_reuse, without = engine_of(name), engine_of(name, reuse=False)
    for text in [*TEXTS, TEXTS[0], TEXTS[2]]:
        assert greedy(with_reuse, text, 5) == greedy(without, text, 5)
    assert with_reuse.stats.tokens_reused > 60
    assert without.stats.tokens_reused == 0
    assert with_reuse.stats.tokens_computed < without.stats.tokens_computed


def test_rows_decode_as_they_do_alone(name, engine_of):
    alone = [greedy(engine_of(name), text, 6) for text in TEXTS]
    engine = engine_of(name)
    seqs = [engine.open([]) for _ in TEXTS]
    pending, chosen = list(TEXTS), [[] for _ in TEXTS]
    for _ in range(6):
        rows = engine.step([Extend(s, t) for s, t in zip(seqs, pending, strict=True)])
        choices = engine.select(rows, None, [Policy()] * len(rows))
        pending = [[int(choice.tokens[0])] for choice in choices]
        chosen = [old + new for old, new in zip(chosen, pending, strict=True)]
    assert chosen == alone


def test_greedy_is_what_generate_writes(name, engine_of, model_of):
    ids = torch.tensor([TEXTS[4]])
    model = model_of(name)
    with torch.no_grad():
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, min_new_tokens=24, do_sample=False
        )
    written = out[0, ids.shape[1] :].tolist()
    not_eos = np.full((1, 10), -1, np.int32)
    not_eos[0, 0] = ~0b10
    assert greedy(engine_of(name), TEXTS[4], 24, not_eos) == written


@pytest.mark.parametrize("name", ["llama", "gemma3", "mistral"])
def test_eager_attention(name, engine_of, plain):
    engine = engine_of(name, attention="eager")
    assert engine.info.details["attention"] == "eager"
    seqs = [engine.open([]) for _ in TEXTS[:3]]
    rows = engine.step([Extend(s, t, "all") for s, t in zip(seqs, TEXTS, strict=False)])
    for text, row in zip(TEXTS, rows, strict=False):
        assert_close(engine.logits(row), plain(name, text))
    (row,) = engine.step([Extend(seqs[0], [9])])
    assert_close(engine.logits(row)[0], plain(name, [*TEXTS[0], 9])[-1])


def test_a_plan_too_large_for_one_forward_is_cut(name, engine_of, plain, model_of):
    engine = engine_of(name, max_batch=2)
    calls = []
    hook = model_of(name).get_decoder().register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        rows = engine.step([Extend(engine.open([]), text, "all") for text in TEXTS])
    finally:
        hook.remove()
    assert len(calls) == 3  # six rows, two in each forward
    for text, row in zip(TEXTS, rows, strict=True):
        assert_close(engine.logits(row), plain(name, text)[len(text) - row.rows :])


def test_long_rope_ends_where_its_cache_would_be_wrong(tokenizer):
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    sizes = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "pad_token_id": 0}
    config = Phi3Config(
        **sizes,
        num_attention_heads=4,
        max_position_embeddings=128,
        original_max_position_embeddings=16,
        rope_parameters=rope,
        eos_token_id=1,
    )
    engine = backend.from_objects(Phi3ForCausalLM(config).eval(), tokenizer)
    assert engine.capabilities.max_len == 16
    with pytest.raises(GenerationError, match="at most 16"):
        engine.step([Extend(engine.open([]), [5] * 17)])


def test_a_model_that_works_on_its_keys_never_runs_ragged(engine_of, monkeypatch):
    def forms(engine):
        seen = []
        make = engine._runner._layouts.make

        class Layouts:
            def make(self, plan):
                layout = make(plan)
                seen.append(any(reads.is_ragged for reads in layout.reads.values()))
                return layout

        engine._runner._layouts = Layouts()
        engine.step([Extend(engine.open([]), text) for text in (TEXTS[0], TEXTS[2])])
        return seen

    assert forms(engine_of("llama")) == [True]
    attend = sdpa_attention.sdpa_attention_forward

    def scaled(module, query, key, value, *args, **kwargs):
        return attend(module, query, key * 1.0, value, *args, **kwargs)

    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS._global_mapping, "sdpa", scaled)
    assert forms(engine_of("llama")) == [False]
    with pytest.raises(ModelLoadError, match="ragged"):
        engine_of("llama", form="ragged")
