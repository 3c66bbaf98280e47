"""Keys and values are written once and read where they lie: no copy a step, no copy for a fork."""

import torch

from guided.runtime.engine import Extend
from guided_backends.transformers import arena_cache


def watch(model, attribute="model"):
    """Calls of the decoder: the past key values that it was given, and the tokens in each."""
    calls = []
    decoder = getattr(model, attribute)
    hook = decoder.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append((kwargs["past_key_values"], kwargs["input_ids"].numel())),
        with_kwargs=True,
    )
    return calls, hook


def test_a_single_sequence_is_read_in_place_at_every_step(engine_of, model_of):
    engine = engine_of("llama", form="packed")
    calls, hook = watch(model_of("llama"))
    views = []
    try:
        seq = engine.open([])
        for tokens in ([5] * 30, [6], [7], [8]):
            engine.step([Extend(seq, tokens)])
            layer = calls[-1][0].layers[1]
            group, keys = layer.group, layer.group.views[0][layer.place]
            views.append((keys.data_ptr(), tuple(keys.shape), group.reads.index, group.writes))
            assert keys.untyped_storage().data_ptr() == layer.keys.untyped_storage().data_ptr()
    finally:
        hook.remove()
    assert {pointer for pointer, *_ in views} == {views[0][0]}
    assert [shape[2] for _, shape, *_ in views] == [30, 31, 32, 33]
    assert all(index is None and writes is not None for *_, index, writes in views)


def test_a_single_sequence_attends_to_its_own_slots_and_nothing_else(engine_of, model_of):
    engine = engine_of("llama")
    calls, hook = watch(model_of("llama"))
    found = []
    try:
        seq = engine.open([])
        for tokens in ([5] * 30, [6], [7], [8]):
            engine.step([Extend(seq, tokens)])
            found.append(calls[-1][0].layers[1].group)
            if len(tokens) == 1:
                queries = found[-1].reads.queries
                assert queries.slots.tolist() == list(range(1, 1 + seq.length))
                assert queries.queries.tolist() == [[0, 0, seq.length]]
                assert found[-1].writes is not None
    finally:
        hook.remove()
    assert len({group.keys.data_ptr() for group in found}) == 1  # the arena itself, never a copy


def test_a_fork_costs_no_keys_and_values(engine_of, model_of):
    engine = engine_of("llama")
    root = engine.open([])
    engine.step([Extend(root, list(range(3, 203)), "none")])
    used, room = engine.num_cached, engine.num_slots
    forks = engine.fork(root, 20)
    assert (engine.num_cached, engine.num_slots) == (used, room)
    calls, hook = watch(model_of("llama"))
    try:
        engine.step([Extend(fork, [3 + i]) for i, fork in enumerate(forks)])
    finally:
        hook.remove()
    assert engine.num_cached == used + 20
    assert calls[0][0].layers[0].group.reads.width < 2 * (200 + 20)  # the prefix is read once, not once a fork


def test_every_forward_is_counted_once(engine_of, model_of):
    engine = engine_of("llama")
    counted = []
    hook = (
        model_of("llama").model.layers[0].register_forward_pre_hook(lambda module, args: counted.append(args[0].shape))
    )
    try:
        seqs = [engine.open([]), engine.open([])]
        engine.step([Extend(s, t) for s, t in zip(seqs, [[5, 6, 7], [9]], strict=True)])
        engine.step([Extend(s, [11]) for s in seqs])
        engine.step([Extend(seqs[0], [12, 13], "none")])
    finally:
        hook.remove()
    assert engine.stats.forward_calls == len(counted) == 3
    assert engine.stats.tokens_computed == 8


def test_the_arena_keeps_what_it_holds_when_it_grows(engine_of, plain):
    engine = engine_of("mistral")
    seq, other = engine.open([]), engine.open([])
    engine.step([Extend(seq, [4, 5, 6, 7], "none")])
    room = engine.num_slots
    for _ in range(6):
        filler = engine.fork(other)[0]
        engine.step([Extend(filler, torch.randint(3, 300, (250,)).tolist(), "none")])
    assert engine.num_slots > room
    (row,) = engine.step([Extend(seq, [8])])
    assert abs(engine.logits(row)[0] - plain("mistral", [4, 5, 6, 7, 8])[-1]).max() < 1e-4


def test_shutdown_frees_the_arena(engine_of):
    engine = engine_of("llama")
    engine.step([Extend(engine.open([]), [5, 6])])
    cache = engine._runner._cache
    assert cache.groups[0].keys.numel() > 0
    engine.shutdown()
    assert all(group.keys.numel() == 0 for group in cache.groups)


def grown(engine):
    """Logits after a text that the first slots do not hold, and where the keys lay before and after."""
    seq, text = engine.open([]), [3 + i % 200 for i in range(50)]
    engine.step([Extend(seq, text, "none")])
    before = engine._runner._cache.groups[0].keys.data_ptr()
    others = [engine.open([]) for _ in range(10)]
    for i, other in enumerate(others):
        engine.step([Extend(other, [(7 * i + j) % 300 for j in range(200)], "none")])
    (row,) = engine.step([Extend(seq, [9])])
    return engine.logits(row), before, engine._runner._cache.groups[0].keys.data_ptr()


def test_an_arena_grows_where_it_is(engine_of, monkeypatch):
    engine = engine_of("llama", reuse=False)
    first = engine.num_slots
    in_place, before, after = grown(engine)
    assert engine.num_slots > first
    assert before == after
    assert engine._runner._cache.groups[0].num_reserved > engine.num_slots

    def refuse(*_):
        raise OSError("no memory is promised")

    monkeypatch.setattr(arena_cache.mmap, "mmap", refuse)
    engine = engine_of("llama", reuse=False)
    assert engine._runner._cache.groups[0].num_reserved == 0
    copied, before, after = grown(engine)
    assert before != after
    assert torch.allclose(torch.tensor(in_place), torch.tensor(copied), atol=1e-5)
