"""Recurrent and hybrid models by snapshots: the model's own logits, however its tokens come."""

import numpy as np
import pytest
import torch

import guided
from guided.runtime.engine import Extend, Policy
from guided_backends.transformers import recurrent_runner
from guided_backends.transformers.snapshots import Snapshot, SnapshotStore
from tests.backends.conftest import RECURRENT
from tests.backends.random_program import Program

TOLERANCE = 1e-4
RNG = np.random.default_rng(0)
TEXTS = [RNG.integers(3, 300, n).tolist() for n in (20, 7, 33, 1, 12)]
TEXTS.append(TEXTS[0][:15] + TEXTS[2][:9])  # shares 15 tokens with the first


@pytest.fixture(params=RECURRENT)
def name(request):
    return request.param


def assert_close(left, right):
    assert left.shape == right.shape
    assert np.abs(left - right).max() < TOLERANCE


def greedy(engine, tokens, count):
    seq = engine.open(tokens)
    pending, chosen = tokens[seq.length :], []
    for _ in range(count):
        (hidden,) = engine.step([Extend(seq, pending)])
        pending = engine.select([hidden], None, [Policy()])[0].tokens.tolist()
        chosen += pending
    engine.close(seq)
    return chosen


def test_what_it_says_of_itself(name, engine_of):
    engine = engine_of(name)
    assert engine.capabilities.crop == "checkpoint"
    assert engine.info.details["cache"] == "snapshots"


@pytest.mark.parametrize("sizes", [[33], [1] * 33, [10, 1, 22], [32, 1]], ids=["whole", "ones", "mixed", "tail"])
def test_chunked_prefill(name, sizes, engine_of, plain):
    engine, text, at = engine_of(name), TEXTS[2], 0
    expected, seq = plain(name, text), engine.open([])
    for size in sizes:
        (hidden,) = engine.step([Extend(seq, text[at : at + size], "all")])
        assert_close(engine.logits(hidden), expected[at : at + size])
        at += size
    assert engine.stats.tokens_computed >= 33


def test_a_ragged_batch(name, engine_of, plain):
    engine = engine_of(name)
    seqs = [engine.open([]) for _ in TEXTS]
    cuts = [len(text) // 2 for text in TEXTS]
    engine.step([Extend(s, t[:cut], "none") for s, t, cut in zip(seqs, TEXTS, cuts, strict=True) if cut])
    hidden = engine.step([Extend(s, t[cut:], "all") for s, t, cut in zip(seqs, TEXTS, cuts, strict=True)])
    for text, cut, row in zip(TEXTS, cuts, hidden, strict=True):
        assert_close(engine.logits(row), plain(name, text)[cut:])


def test_a_tree_of_forks_in_one_step_then_each_alone(name, engine_of, plain):
    engine = engine_of(name)
    root = engine.open([])
    engine.step([Extend(root, TEXTS[0], "none")])
    tails = [[7, 9, 10, 11], [7], [8], [7, 9], [8, 12]]
    forks = engine.fork(root, len(tails))
    rows = engine.step([Extend(s, t) for s, t in zip(forks, tails, strict=True)])
    for tail, row in zip(tails, rows, strict=True):
        assert_close(engine.logits(row)[0], plain(name, TEXTS[0] + tail)[-1])
    for fork in forks:
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
    assert engine.stats.tokens_computed == 33 + 12 + 11  # no snapshot lies before the place


def test_reuse_changes_nothing_but_the_work(name, engine_of):
    with_reuse, without = engine_of(name), engine_of(name, reuse=False)
    for text in [*TEXTS, TEXTS[0], TEXTS[2]]:
        assert greedy(with_reuse, text, 5) == greedy(without, text, 5)
    assert with_reuse.stats.tokens_reused > 60
    if with_reuse._runner.reads_onto_states:  # else a short text is read again rather than in steps
        assert with_reuse.stats.tokens_computed < without.stats.tokens_computed


def test_rows_decode_together_as_they_do_alone(name, engine_of, model_of):
    alone = [greedy(engine_of(name), text, 6) for text in TEXTS]
    engine, calls = engine_of(name), []
    seqs = [engine.open([]) for _ in TEXTS]
    pending, chosen = list(TEXTS), [[] for _ in TEXTS]
    hook = model_of(name).get_decoder().register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        for _ in range(6):
            rows = engine.step([Extend(s, t) for s, t in zip(seqs, pending, strict=True)])
            choices = engine.select(rows, None, [Policy()] * len(rows))
            pending = [[int(choice.tokens[0])] for choice in choices]
            chosen = [old + new for old, new in zip(chosen, pending, strict=True)]
    finally:
        hook.remove()
    assert chosen == alone
    if name == "mamba2":  # without keys rows need not be equally long
        assert len(calls) <= len(TEXTS) + 2 + 5


def test_greedy_is_what_generate_writes(name, engine_of, model_of):
    ids = torch.tensor([TEXTS[4]])
    with torch.no_grad():
        out = model_of(name).generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False, eos_token_id=None
        )
    assert greedy(engine_of(name), TEXTS[4], 16) == out[0, ids.shape[1] :].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"cache_bytes": 40_000}, {"max_batch": 2}], ids=["free", "tight", "cut"])
def test_random_programs(name, options, engine_of, plain):
    program = Program(engine_of(name, **options), lambda tokens: plain(name, tokens), 3)
    for _ in range(50):
        program.turn()
    assert program.checked > 25


def test_a_long_text_leaves_snapshots_on_its_way(engine_of, plain, monkeypatch):
    monkeypatch.setattr(recurrent_runner, "INTERVAL", 8)
    engine = engine_of("qwen3-next")
    seq = engine.open([])
    engine.step([Extend(seq, TEXTS[2], "none")])  # 33 tokens: snapshots after 8, 16, 24, 32 and 33
    assert len(engine._runner.store) == 5
    engine.crop(seq, 19)
    before = engine.stats.tokens_computed
    (row,) = engine.step([Extend(seq, [5, 6])])
    assert_close(engine.logits(row)[0], plain("qwen3-next", [*TEXTS[2][:19], 5, 6])[-1])
    assert engine.stats.tokens_computed - before == 2 + 3  # from 16 on
    (other,) = engine.fork(seq)
    engine.crop(other, 19)
    before = engine.stats.tokens_computed
    engine.step([Extend(other, [9])])
    assert engine.stats.tokens_computed - before == 1  # the place where paths part was remembered


def test_snapshots_keep_to_their_budget():
    layer = type("Layer", (), {})()
    layer.keys = torch.zeros(25)  # 100 bytes
    store = SnapshotStore(350)
    store.put(1, Snapshot((layer,)), is_step=False)
    for slot in (2, 3, 4):
        store.put(slot, Snapshot((layer,)), is_step=True)
    assert [slot in store for slot in (1, 2, 3, 4)] == [True, False, True, True]
    store.get(3)
    store.put(5, Snapshot((layer,)), is_step=False)
    assert [slot in store for slot in (1, 3, 4, 5)] == [True, True, False, True]
    assert store.num_bytes == 300
    store.drop(1)
    store.drop(1)
    assert store.num_bytes == 200


def test_constraints_and_healing_work_on_a_recurrent_model(model_of, tokenizer):
    model = guided.from_transformers(model_of("mamba"), tokenizer, num_threads=1)
    rows = model.generate_batch(
        [f"Value {i}: " for i in range(4)], constraint=guided.Regex("[a-c]{4}x[0-9]{2}"), max_tokens=20, temperature=1.0
    )
    assert all(row.error is None for row in rows)
    again = model.generate("Value 2: ", constraint=guided.Regex("[a-c]{4}x[0-9]{2}"), max_tokens=20)
    assert len(again.text) == 7
