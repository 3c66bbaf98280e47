"""Slots: never given out twice, never lost, neighbours where possible."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guided.runtime.arena import HEADROOM, Arena


def test_a_growing_sequence_gets_neighbours():
    arena = Arena(4096, 4096)
    first = arena.allocate(10, -1)
    second = arena.allocate(10, -1)
    for slots in (first, second):
        for _ in range(100):
            slots += arena.allocate(1, slots[-1])
        assert slots == list(range(slots[0], slots[0] + 110))


def test_pieces_are_used_when_no_run_is_long_enough():
    arena = Arena(11, 11)
    slots = arena.allocate(10, -1)
    arena.free(slots[::2])
    assert sorted(arena.allocate(5, -1)) == slots[::2]


def test_growing_joins_the_free_end():
    arena = Arena(8, 20)
    arena.allocate(5, -1)
    assert (arena.grow(), arena.grow(), arena.num_free) == (16, 20, 14)
    assert arena.allocate(14, 5) == list(range(6, 20))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 60), st.booleans()), max_size=60))
def test_every_slot_is_free_or_used_once(actions):
    arena = Arena(64, 64)
    used: list[int] = []
    for count, place, is_free in actions:
        if is_free and used:
            given_back = {used[(place + i) % len(used)] for i in range(count)}
            arena.free(given_back)
            used = [slot for slot in used if slot not in given_back]
        elif count <= arena.num_free:
            used += arena.allocate(count, used[place % len(used)] if used else -1)
        assert len(set(used)) == len(used) == arena.num_used
        assert all(0 < slot < 64 for slot in used)
    arena.free(used)
    assert arena.allocate(63, -1) == list(range(1, 64))


def test_an_arena_grows_so_that_sequences_have_room_to_grow():
    arena = Arena(1024, 1 << 16)
    tips = []
    for _ in range(12):
        while not arena.has_room(16, -1, HEADROOM):
            arena.grow()
        tips.append(arena.allocate(16, -1)[-1])
    for _ in range(100):
        tips = [arena.allocate(1, tip)[0] for tip in tips]
    assert sorted(tips) == sorted(set(tips))
    assert all(b - a >= 116 for a, b in zip(sorted(tips), sorted(tips)[1:], strict=False))
    assert arena.num_slots <= 8192
