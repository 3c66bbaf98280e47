"""How plans become forwards: masks against their definition, what is read in place, which form is chosen."""

import numpy as np
import pytest
import torch

from guided.runtime.engine_plan import Plan, Segment
from guided_backends.transformers.architecture import Reach
from guided_backends.transformers.chunks import ChunkLimits, chunks
from guided_backends.transformers.layout import LayoutMaker

REACHES = {"full": Reach(), "sliding": Reach(window=4), "chunked": Reach(chunk=3)}


def maker(form=None, *, skip=True, dtype=torch.bool, ragged=False, kernel=False):
    return LayoutMaker(
        reaches=REACHES,
        groups_heads=True,
        can_skip_masks=dict.fromkeys(REACHES, skip),
        device=torch.device("cpu"),
        mask_dtype=dtype,
        form=form,
        can_be_ragged=ragged,
        has_kernel=kernel,
    )


def plan_of(*rows, wanted=None):
    """Rows are (number of new tokens, slots of the whole path)."""
    segments = [
        Segment(np.arange(new, dtype=np.int32) + 5, len(slots) - new, np.array(slots, np.int32)) for new, slots in rows
    ]
    counts = [new for new, _ in rows]
    total = sum(counts)
    return Plan(
        segments=segments,
        tokens=np.concatenate([s.tokens for s in segments]),
        positions=np.concatenate([np.arange(s.start, s.start + len(s.tokens), dtype=np.int32) for s in segments]),
        write=np.concatenate([s.slots[s.start :] for s in segments]),
        offsets=np.cumsum([0, *counts]).astype(np.int32),
        wanted=np.arange(total, dtype=np.int32) if wanted is None else np.array(wanted, np.int32),
    )


def may_see(kind, query, key):
    return key <= query and {"full": True, "sliding": query - key < 4, "chunked": query // 3 == key // 3}[kind]


def seen_slots(layout, kind, batch, query):
    """The slots that a query of the input looks at, as the layer would read them."""
    reads = layout.reads[kind]
    if reads.is_ragged:
        return seen_in_pieces(reads, query)
    if reads.index is None:
        slots = np.arange(reads.low, reads.low + reads.width)
    else:
        slots = reads.index.view(-1, reads.width)[batch].numpy()
    if reads.mask is not None:
        return sorted(slots[reads.mask[batch, 0, query].numpy()].tolist())
    is_fresh = layout.queries == reads.width
    return sorted((slots[: query + 1] if is_fresh else slots).tolist())


def seen_in_pieces(reads, query):
    found = []
    if reads.queries is not None:
        ranges = [(begin, end) for row, begin, end in reads.queries.queries.tolist() if row == query]
        found += [sorted(reads.queries.slots[begin:end].tolist()) for begin, end in ranges]
    for piece in reads.pieces:
        place = query - piece.first
        if not 0 <= place < piece.num_new:
            continue
        slots = np.arange(piece.low, piece.low + piece.width) if piece.index is None else piece.index.numpy()
        if piece.mask is not None:
            found.append(sorted(slots[piece.mask[place].numpy()].tolist()))
        else:
            found.append(sorted(slots[: place + 1].tolist() if piece.is_causal else slots.tolist()))
    (seen,) = found  # one place for each query
    return seen


CASES = {
    "one fresh row": [(7, range(3, 10))],
    "one token": [(1, range(3, 14))],
    "a few tokens after a context": [(3, range(3, 14))],
    "slots out of order": [(2, [9, 10, 11, 4, 5, 6, 20])],
    "far apart": [(2, [*range(9), 4000, 4001, 9000])],
    "a shared prefix": [(2, [1, 2, 3, 4, 5, 10, 11]), (1, [1, 2, 3, 4, 5, 12]), (3, [1, 2, 13, 14, 15])],
    "unlike rows": [(1, range(1, 30)), (4, range(100, 109)), (1, [300])],
    "rows in pieces": [(3, [7, 6, 5, 4]), (2, [1, 2, 11, 12, 13]), (5, range(20, 25)), (1, [*range(30, 40), 900])],
}


@pytest.mark.parametrize("kernel", [False, True], ids=["torch", "kernel"])
@pytest.mark.parametrize("form", ["packed", "ragged", "batched", None])
@pytest.mark.parametrize("rows", CASES.values(), ids=CASES)
def test_each_token_sees_what_its_layer_allows(rows, form, kernel):
    plan = plan_of(*[(new, list(slots)) for new, slots in rows])
    layout = maker(form, ragged=kernel, kernel=kernel).make(plan)
    batched = layout.input_ids.shape[0] > 1
    for kind in REACHES:
        for row, segment in enumerate(plan.segments):
            for i in range(len(segment.tokens)):
                cell = (row, i) if batched else (0, int(plan.offsets[row]) + i)
                position = segment.start + i
                allowed = [int(s) for k, s in enumerate(segment.slots) if may_see(kind, position, k)]
                assert seen_slots(layout, kind, *cell) == sorted(allowed), (kind, row, i)
                assert int(layout.positions[cell]) == position
                assert int(layout.input_ids[cell]) == int(segment.tokens[i])


def test_a_row_in_neighbouring_slots_is_read_in_place_and_without_a_mask():
    for new in (1, 9):
        layout = maker().make(plan_of((new, list(range(5, 14)))))
        reads = layout.reads["full"]
        assert (reads.index, reads.mask, reads.low, reads.width) == (None, None, 5, 9)
        assert layout.write_range == (14 - new, 14)
    window = maker().make(plan_of((1, list(range(5, 14))))).reads["sliding"]
    assert (window.index, window.mask, window.low, window.width) == (None, None, 10, 4)


def test_masks_are_never_left_out_where_attention_would_guess_wrong():
    layout = maker(skip=False).make(plan_of((1, list(range(5, 14)))))
    assert all(reads.mask is not None for reads in layout.reads.values())
    layout = maker().make(plan_of((9, list(range(5, 14)))))  # fresh, but longer than the window
    assert layout.reads["sliding"].mask is not None
    layout = maker().make(plan_of((2, list(range(5, 14)))))  # attention's own causal rule would start at slot 0
    assert layout.reads["full"].mask is not None


def test_the_write_range_needs_neighbours_in_order():
    assert maker().make(plan_of((3, [1, 2, 9, 8, 7]))).write_range is None
    assert maker().make(plan_of((3, [1, 2, 7, 9, 10]))).write_range is None
    assert maker("batched").make(plan_of((3, [1, 2, 3]), (1, [4]))).write_range is None


def test_shared_prefixes_are_packed_and_unlike_rows_batched():
    shared = [(1, [*range(1, 2001), 2001 + row]) for row in range(16)]
    assert maker().make(plan_of(*shared)).input_ids.shape == (1, 16)
    apart = [(1, list(range(1 + 500 * row, 1 + 500 * row + 400))) for row in range(8)]
    assert maker().make(plan_of(*apart)).input_ids.shape == (8, 1)
    prefill_beside_decode = [(400, list(range(1, 401))), (1, list(range(500, 600)))]
    assert maker().make(plan_of(*prefill_beside_decode)).input_ids.shape == (1, 401)


def test_rows_that_share_little_attend_by_themselves_where_that_works():
    apart = [(new, list(range(1 + 500 * row, 1 + 500 * row + 400))) for row, new in enumerate((1, 1, 400, 30))]
    layout = maker(ragged=True).make(plan_of(*apart))
    assert layout.input_ids.shape == (1, 432)
    pieces = layout.reads["full"].pieces
    assert [(piece.low, piece.width, piece.index) for piece in pieces] == [
        (1 + 500 * row, 400, None) for row in range(4)
    ]
    assert [piece.mask is None for piece in pieces] == [True, True, True, False]
    shared = [(1, [*range(1, 2001), 2001 + row]) for row in range(16)]
    assert not maker(ragged=True).make(plan_of(*shared)).reads["full"].pieces


def test_rows_of_a_few_tokens_go_to_the_kernel_and_long_ones_to_torch():
    apart = [(new, list(range(1 + 500 * row, 1 + 500 * row + 400))) for row, new in enumerate((1, 1, 400, 2, 30))]
    reads = maker(ragged=True, kernel=True).make(plan_of(*apart)).reads["full"]
    assert [(piece.first, piece.num_new) for piece in reads.pieces] == [(2, 400), (404, 30)]
    assert reads.queries.queries[:, 0].tolist() == [0, 1, 402, 403]


def test_one_row_goes_to_the_kernel_once_its_text_is_long():
    def is_ragged(length, new=1, **how):
        layout = maker(**how).make(plan_of((new, list(range(1, length + 1)))))
        return layout.reads["full"].is_ragged

    assert is_ragged(2000, ragged=True, kernel=True)
    assert is_ragged(2000, ragged=True, kernel=True, new=3)
    assert not is_ragged(8, ragged=True, kernel=True)
    assert not is_ragged(2000, ragged=True)
    assert not is_ragged(2000, kernel=True)
    assert not is_ragged(2000, ragged=True, kernel=True, new=2000)  # a fresh text: torch's causal attention


def test_scattered_slots_are_gathered_once():
    layout = maker().make(plan_of((1, [*range(50), 100_000])))
    assert layout.reads["full"].index.tolist() == [*range(50), 100_000]


def test_eager_masks_are_additive():
    mask = maker(skip=False, dtype=torch.float32).make(plan_of((2, [1, 2, 3]))).reads["full"].mask
    low = torch.finfo(torch.float32).min
    assert mask.tolist() == [[[[0, 0, low], [0, 0, 0]]]]


def test_wanted_cells_skip_the_padding():
    layout = maker("batched").make(plan_of((1, [1]), (3, [2, 3, 4]), (2, [5, 6]), wanted=[0, 3, 5]))
    assert layout.wanted.tolist() == [0, 5, 7]
    assert layout.real.tolist() == [0, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        (ChunkLimits(), [13]),
        (ChunkLimits(tokens=5), [5, 5, 3]),
        (ChunkLimits(rows=1), [10, 1, 2]),
        (ChunkLimits(rows=2), [11, 2]),
        (ChunkLimits(mask_cells=1), [1] * 13),
        (ChunkLimits(alone=10), [10, 3]),
        (ChunkLimits(alone=10, tokens_alone=4), [4, 4, 2, 3]),
    ],
    ids=["whole", "tokens", "one row", "two rows", "cells", "alone", "alone in pieces"],
)
def test_a_plan_is_cut_without_losing_a_token(limits, parts):
    plan = plan_of((10, list(range(1, 11))), (1, [1, 2, 20]), (2, [1, 30, 31]), wanted=[12, 3, 9])
    cut = list(chunks(plan, limits))
    assert [chunk.plan.num_tokens for chunk in cut] == parts
    for field in ("tokens", "positions", "write"):
        joined = np.concatenate([getattr(chunk.plan, field) for chunk in cut])
        assert joined.tolist() == getattr(plan, field).tolist()
    found = {}
    for chunk in cut:
        part = chunk.plan
        assert part.offsets.tolist()[-1] == part.num_tokens
        for segment in part.segments:
            assert len(segment.slots) == segment.start + len(segment.tokens)
        for place, index in zip(chunk.places.tolist(), part.wanted.tolist(), strict=True):
            found[place] = int(part.write[index])
    assert found == {place: int(plan.write[index]) for place, index in enumerate(plan.wanted.tolist())}


@pytest.mark.parametrize(
    ("first_own", "is_gathered"), [(101, False), (104, False), (400, True)], ids=["next to it", "near", "far"]
)
def test_several_tokens_onto_a_long_text_attend_by_themselves(first_own, is_gathered):
    slots = [*range(1, 101), *range(first_own, first_own + 3)]
    plan = plan_of((3, slots))
    layout = maker(ragged=True).make(plan)
    for kind in REACHES:
        for query in range(3):
            keys = [slot for key, slot in enumerate(slots) if may_see(kind, 100 + query, key)]
            assert seen_slots(layout, kind, 0, query) == keys
    assert (layout.reads["full"].pieces[0].index is not None) is is_gathered
    assert not maker(ragged=False).make(plan).reads["full"].pieces
    assert not maker(ragged=True).make(plan_of((3, slots[:10]))).reads["full"].pieces  # too short to gain by it
