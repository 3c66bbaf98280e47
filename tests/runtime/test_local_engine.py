"""Random histories of opens, forks, crops, steps and closes; the "model" tells exactly what it attends to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.errors import GenerationError, ModelLoadError
from guided.runtime import sampling
from guided.runtime.engine import Extend, Policy
from guided.runtime.local_engine import LocalEngine

NUM_TOKENS = 3


def check(engine: LocalEngine, live: list[tuple[object, list[int]]]) -> None:
    """Every live sequence holds its own tokens in slots that are really its own."""
    assert engine.num_cached == sum(parent != -2 for parent in engine._cache._parent)
    holders: dict[int, tuple[int, ...]] = {}
    for seq, tokens in live:
        assert list(seq.tokens) == tokens
        assert engine.memory[seq.slots].tolist() == tokens
        for i, slot in enumerate(seq.slots.tolist()):
            assert holders.setdefault(slot, tuple(tokens[: i + 1])) == tuple(tokens[: i + 1])
            assert engine._cache._parent[slot] == (seq.slots[i - 1] if i else -1)


TOKENS = st.lists(st.integers(0, NUM_TOKENS - 1), min_size=1, max_size=7)
WORK = st.lists(st.tuples(st.integers(0, 9), TOKENS, st.sampled_from(["last", "all", "none"])), min_size=1, max_size=4)
ACTION = st.one_of(
    st.tuples(st.just("open"), TOKENS),
    st.tuples(st.just("fork"), st.integers(0, 9)),
    st.tuples(st.just("crop"), st.integers(0, 9), st.integers(0, 20)),
    st.tuples(st.just("close"), st.integers(0, 9)),
    st.tuples(st.just("step"), WORK),
    st.tuples(st.just("fail"), WORK),
)


def act(engine: LocalEngine, live: list, action: tuple) -> None:
    kind = action[0]
    if kind == "open":
        seq = engine.open(action[1])
        assert seq.length < len(action[1])
        live.append((seq, action[1][: seq.length]))
    elif not live:
        return
    elif kind == "fork":
        seq, tokens = live[action[1] % len(live)]
        live += [(twin, list(tokens)) for twin in engine.fork(seq, 2)]
    elif kind == "crop":
        seq, tokens = live[action[1] % len(live)]
        length = action[2] % (len(tokens) + 1)
        engine.crop(seq, length)
        del tokens[length:]
    elif kind == "close":
        engine.close(live.pop(action[1] % len(live))[0])
    else:
        step(engine, live, action[1], fails=kind == "fail")


def step(engine: LocalEngine, live: list, rows: list, *, fails: bool) -> None:
    work = {index % len(live): (tokens, want) for index, tokens, want in rows}
    extends = [Extend(live[i][0], tokens, want) for i, (tokens, want) in work.items()]
    cached, engine.fails = engine.num_cached, fails
    computed = engine.stats.tokens_computed
    try:
        hidden = engine.step(extends)
    except (GenerationError, RuntimeError):
        assert engine.stats.tokens_computed == computed
        assert engine.num_cached <= cached  # eviction may have made room in vain
        return
    finally:
        engine.fails = False
    for (i, (tokens, want)), rows_of in zip(work.items(), hidden, strict=True):
        mine = live[i][1]
        mine += tokens
        count = {"last": 1, "all": len(tokens), "none": 0}[want]
        assert rows_of.rows == count
        seen = [rows_of.states[k] for k in rows_of.indices]
        assert seen == [engine.number(mine[: len(mine) - count + k + 1]) for k in range(count)]


@pytest.mark.parametrize("reuse", [True, False])
@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTION, max_size=40))
def test_any_history_attends_to_the_right_tokens(path_engine, reuse, actions):
    engine = path_engine(40, reuse=reuse)
    live: list[tuple[object, list[int]]] = []
    for action in actions:
        act(engine, live, action)
        check(engine, live)
    for seq, _ in live:
        engine.close(seq)
    engine.shutdown()
    assert engine.num_cached == 0
    assert engine._arena.num_free == engine.num_slots - 1


def test_a_failed_forward_leaves_everything_as_it_was(path_engine):
    engine = path_engine(100, reuse=True)
    seq = engine.open([])
    engine.step([Extend(seq, [0, 1, 2])])
    engine.fails = True
    with pytest.raises(RuntimeError, match="device"):
        engine.step([Extend(seq, [1, 1]), Extend(engine.open([0, 2, 2]), [2, 2])])
    assert (list(seq.tokens), engine.num_cached) == ([0, 1, 2], 3)
    assert engine.open([0, 1, 2, 1, 1]).length == 3


def test_a_cache_without_room_for_one_token_is_refused(path_engine):
    with pytest.raises(ModelLoadError, match="cache_bytes=1 is too small"):
        path_engine(1, reuse=True)


def test_a_fork_of_a_long_sequence_copies_no_keys(path_engine):
    engine = path_engine(2000, reuse=True)
    engine.capabilities = type(engine.capabilities)(max_len=2000)
    seq = engine.open([])
    engine.step([Extend(seq, [i % 3 for i in range(1500)], "none")])
    twins = engine.fork(seq, 50)
    assert engine.num_cached == 1500
    assert all((twin.slots == seq.slots).all() for twin in twins)


def test_a_sequence_that_is_dropped_without_close_is_released(path_engine):
    engine = path_engine(64)
    for n in range(50):
        seq = engine.open([])
        engine.step([Extend(seq, [n % 3, 1, n // 3 % 3] + [2] * (n % 7), "none")])
        twin = engine.fork(seq)[0]
        engine.step([Extend(twin, [0] * 8, "none")])
    del seq, twin
    engine.shutdown()
    assert engine.num_cached == 0


def test_reopening_for_ever_does_not_grow_the_books(path_engine):
    engine = path_engine(64, reuse=True)
    for _ in range(500):
        seq = engine.open([0, 1, 2])
        engine.step([Extend(seq, [0, 1, 2][seq.length :])])
        engine.close(seq)
    assert len(engine._cache._idle) <= 2 * engine.num_slots + 1
    assert engine.num_cached == 3


@pytest.mark.parametrize(
    ("sizes", "computed"),
    [
        ([4000, 4000], [None]),
        ([3], [3]),
        ([1, 3, 40], [3, 40]),
        ([450] * 8, [None]),  # nearly the whole head, if each has other tokens
        ([-450, -450, -450, -450], [450]),  # the same tokens: once for all
        ([4000, 4, 300], [4, None]),  # one more row of the whole head costs less than 300 rows of its own
    ],
    ids=["all", "few", "few each", "many", "alike", "beside a whole one"],
)
def test_rows_of_a_choice_share_what_they_need_of_the_head(path_engine, sizes, computed):
    engine = path_engine(100, num_tokens=4000)
    rows = [engine.step([Extend(engine.open([]), [number + 5])])[0] for number in range(len(sizes))]
    masks = np.zeros((len(sizes), 125), np.int32)
    for number, size in enumerate(sizes):
        order = np.random.default_rng(number if size > 0 else 99).permutation(4000)
        bits = np.zeros(4000, np.uint8)
        bits[order[: abs(size)]] = 1
        masks[number] = np.packbits(bits, bitorder="little").view(np.int32)
    logits = [engine.head(row.states, None)[0] for row in rows]
    calls, head = [], engine.head
    engine.head = lambda states, ids: (calls.append(None if ids is None else len(ids)), head(states, ids))[1]
    policies = [Policy(temperature=float(i % 2), uniform=0.3) for i in range(len(sizes))]
    choices = engine.select(rows, masks, policies)
    assert calls == computed
    for choice, row, mask, policy in zip(choices, logits, masks, policies, strict=True):
        ids = sampling.allowed_ids(mask, 4000)
        assert choice.tokens.tolist() == sampling.choose(row[ids], ids, policy).tokens.tolist()
