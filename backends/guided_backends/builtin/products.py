"""The two products of attention over a piece of the arena, each in the form that OpenBLAS does fastest.

For few queries per head a product per query (gemv) is three to ten times as fast as one for all (gemm), whose
packing costs more than its arithmetic: two queries over 1,000 slots took 105 µs by gemm and 13 µs by gemv.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "Piece", "mix_values", "piece_size", "score_keys"]

Floats = npt.NDArray[np.float32]
Piece = slice | npt.NDArray[np.int32]

FEW_SCORES, FEW_MIXES = 8, 16  # queries per head up to which gemv is faster


def score_keys(queries: Floats, keys: Floats, piece: Piece) -> Floats:
    """q k for queries [kv heads, n, head_dim] and the keys [kv heads, slots, head_dim] of a piece: [kv heads, n, m]."""
    turned = keys[:, piece].transpose(0, 2, 1)
    if queries.shape[1] > FEW_SCORES:
        return np.asarray(np.matmul(queries, turned))
    return np.asarray(np.matmul(queries[:, :, None], turned[:, None])[:, :, 0])


def mix_values(weights: Floats, values: Floats, piece: Piece) -> Floats:
    """w v for weights [kv heads, n, m] and the values of a piece: [kv heads, n, head_dim]."""
    mine = values[:, piece]
    if weights.shape[1] > FEW_MIXES:
        return np.asarray(np.matmul(weights, mine))
    return np.asarray(np.matmul(weights[:, :, None], mine[:, None])[:, :, 0])


def piece_size(piece: Piece) -> int:
    """Number of slots."""
    return int(piece.stop - piece.start) if isinstance(piece, slice) else len(piece)
