"""Our own attention over slots beside torch's, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from guided._native import SlotAttention

RNG = np.random.default_rng(5)
NUM_SLOTS = 200


def arrays(heads, key_heads, key_dim, value_dim, num_rows):
    """Queries [heads, rows, dim], keys and values [slots, key heads, dim]."""
    sizes = (heads, num_rows, key_dim), (NUM_SLOTS, key_heads, key_dim), (NUM_SLOTS, key_heads, value_dim)
    return [RNG.standard_normal(size).astype(np.float32) for size in sizes]


def by_torch(query, keys, values, slots, scale):
    """One query [heads, dim] over some slots: [heads, dim of the values]."""
    parts = [torch.from_numpy(part[slots]).transpose(0, 1)[None] for part in (keys, values)]
    states = torch.from_numpy(np.ascontiguousarray(query))[None, :, None]
    return scaled_dot_product_attention(states, *parts, scale=scale, enable_gqa=True)[0, :, 0].numpy()


@pytest.mark.parametrize(
    ("heads", "key_heads", "key_dim", "value_dim"),
    [(8, 4, 64, 64), (4, 4, 128, 128), (6, 2, 32, 32), (2, 1, 7, 7), (3, 3, 24, 17), (8, 8, 1, 1), (4, 1, 256, 256)],
)
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 31, 150])
def test_it_is_torchs_attention(heads, key_heads, key_dim, value_dim, width):
    queries, keys, values = arrays(heads, key_heads, key_dim, value_dim, 5)
    lists = [RNG.permutation(NUM_SLOTS)[:width].astype(np.int32) for _ in range(3)]
    rows = [(row, i * width, (i + 1) * width) for i, row in enumerate((4, 0, 2))]
    out = np.full((5, heads, value_dim), 7, np.float32)
    scale = 1 / math.sqrt(key_dim)
    SlotAttention(np.concatenate(lists), np.array(rows, np.int32)).attend(queries, keys, values, scale, out)
    for slots, (row, _, _) in zip(lists, rows, strict=True):
        expected = by_torch(queries[:, row], keys, values, slots, scale)
        np.testing.assert_allclose(out[row], expected, atol=2e-6, rtol=2e-6)
    assert (out[[1, 3]] == 7).all()  # rows that nobody asked for


def test_queries_may_share_slots_and_lie_anywhere_in_memory():
    _, keys, values = arrays(4, 2, 16, 16, 3)
    queries = RNG.standard_normal((3, 4, 48)).astype(np.float32)[:, :, 16:32].transpose(1, 0, 2)
    slots = RNG.permutation(NUM_SLOTS)[:20].astype(np.int32)
    rows = np.array([(i, 2 * i, 12 + i) for i in range(3)], np.int32)
    out = np.zeros((3, 4, 16), np.float32)
    SlotAttention(slots, rows).attend(queries, keys, values, 0.5, out)
    for row, begin, end in rows.tolist():
        expected = by_torch(queries[:, row], keys, values, slots[begin:end], 0.5)
        np.testing.assert_allclose(out[row], expected, atol=2e-6)


@pytest.mark.parametrize("size", [1e-6, 1.0, 30.0, 1e4, 1e18], ids=str)
def test_scores_of_any_size_give_finite_weights(size):
    queries, keys, values = arrays(2, 2, 16, 16, 1)
    keys *= size
    slots = np.arange(50, dtype=np.int32)
    out = np.zeros((1, 2, 16), np.float32)
    SlotAttention(slots, np.array([(0, 0, 50)], np.int32)).attend(queries, keys, values, 1.0, out)
    np.testing.assert_allclose(out[0], by_torch(queries[:, 0], keys, values, slots, 1.0), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("slots", "queries", "message"),
    [
        ([-1], [(0, 0, 1)], "negative"),
        ([1], [(0, 0, 2)], "not in the list"),
        ([1], [(0, 1, 1)], "are none"),
        ([1], [(-1, 0, 1)], "not negative"),
    ],
)
def test_what_names_no_slots_is_refused(slots, queries, message):
    with pytest.raises(ValueError, match=message):
        SlotAttention(np.array(slots, np.int32), np.array(queries, np.int32))


@pytest.mark.parametrize(
    ("slot", "row", "change", "message"),
    [
        (NUM_SLOTS, 0, {}, "beyond"),
        (0, 3, {}, "every row"),
        (0, 0, {"queries": (3, 3, 8)}, "do not fit"),
        (0, 0, {"queries": (4, 3, 9)}, "do not fit"),
        (0, 0, {"values": (NUM_SLOTS, 1, 8)}, "do not fit"),
        (0, 0, {"values": (NUM_SLOTS - 1, 2, 8), "slot": NUM_SLOTS - 1}, "beyond"),
        (0, 0, {"out": (3, 4, 9)}, "out must be"),
    ],
)
def test_nothing_outside_of_the_arrays_is_touched(slot, row, change, message):
    sizes = {"queries": (4, 3, 8), "keys": (NUM_SLOTS, 2, 8), "values": (NUM_SLOTS, 2, 8), "out": (3, 4, 8)}
    sizes |= {name: size for name, size in change.items() if name != "slot"}
    queries, keys, values, out = (np.zeros(size, np.float32) for size in sizes.values())
    attention = SlotAttention(np.array([change.get("slot", slot)], np.int32), np.array([(row, 0, 1)], np.int32))
    with pytest.raises(ValueError, match=message):
        attention.attend(queries, keys, values, 1.0, out)


def test_queries_whose_last_dimension_is_spread_out_are_refused():
    out = np.zeros((1, 2, 4), np.float32)
    arena = np.zeros((3, 2, 4), np.float32)
    attention = SlotAttention(np.array([1], np.int32), np.array([(0, 0, 1)], np.int32))
    with pytest.raises(ValueError, match="dense"):
        attention.attend(np.zeros((2, 1, 8), np.float32)[:, :, ::2], arena, arena, 1.0, out)
