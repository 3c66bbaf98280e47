"""What computing only the allowed rows of the head brings, end to end: the same program with it and without.

    python sparse_head.py [MODEL_DIR] [--threads 1] [--repeat 5]

Three programs: one whose masks are small (choices and digits), one whose masks are wide (free letters), one without
a constraint. Prints milliseconds of this process a forward, in turns. Asserts nothing.
"""

from __future__ import annotations

import statistics
import time

from bench_model import arguments, load

import guided
from guided.runtime import local_engine

PROGRAMS = {
    "small masks": guided.Regex(r"(sword|axe|mace|bow) [0-9]{12}"),
    "wide masks": guided.Regex(r"[A-Za-z ,.']{60}"),
    "no constraint": None,
}


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    model = load(options, cache_bytes=1 << 30)
    usual = local_engine.SPARSE_SHARE
    print(f"{'program':>14} {'sparse':>9} {'whole':>9} {'ratio':>6}   ms a forward (median)")
    for name, constraint in PROGRAMS.items():
        costs: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(options.repeat + 1):
            for sparse in (True, False):
                local_engine.SPARSE_SHARE = usual if sparse else 1 << 40
                cost = run(model, constraint, f"{name} {turn} {sparse} ")
                if turn:  # the first turn compiles and warms up
                    costs[sparse].append(cost)
        local_engine.SPARSE_SHARE = usual
        fast, slow = statistics.median(costs[True]), statistics.median(costs[False])
        print(f"{name:>14} {fast:>9.2f} {slow:>9.2f} {fast / slow:>6.2f}")


def run(model: guided.Model, constraint: guided.Constraint | None, prompt: str) -> float:
    """Milliseconds for each forward of one generation."""
    before, started = model.stats, time.process_time()
    model.generate(prompt, constraint=constraint, max_tokens=70)
    seconds = time.process_time() - started
    return 1000 * seconds / model.stats_since(before).forward_calls


if __name__ == "__main__":
    main()
