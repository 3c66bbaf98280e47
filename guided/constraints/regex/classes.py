"""Characters in classes that a list of sets cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence

from guided.constraints.characters import EVERYTHING, Ranges, union

__all__ = ["split_classes"]


def split_classes(sets: Sequence[Ranges]) -> list[tuple[int, Ranges]]:
    """The classes, each with the sets that hold it: bit i for `sets[i]`. Together they are every character.

    >>> split_classes([((97, 99),), ((98, 98),)])[1:]
    [(1, ((97, 97), (99, 99))), (3, ((98, 98),))]
    """
    toggles: dict[int, int] = {}
    for bit, ranges in enumerate([*sets, EVERYTHING]):
        for low, high in ranges:
            toggles[low] = toggles.get(low, 0) ^ (1 << bit)
            toggles[high + 1] = toggles.get(high + 1, 0) ^ (1 << bit)
    pieces: dict[int, list[tuple[int, int]]] = {}
    holding = 0
    start = 0
    for at in sorted(toggles):
        if at > start and holding:
            pieces.setdefault(holding, []).append((start, at - 1))
        holding ^= toggles[at]
        start = at
    everything = 1 << len(sets)
    return [(held ^ everything, union(ranges)) for held, ranges in pieces.items() if held & everything]
