"""What a fork costs at 4,000 tokens: seconds, cache slots, bytes.

    python fork.py [MODEL_DIR] [--threads 1]

Beside it: what a copy of the keys and values would take. Asserts nothing.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc

from bench_model import arguments, filler, load

from guided.runtime.engine import Extend

NUM_TOKENS, NUM_FORKS = 4000, 100


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    model = load(options, cache_bytes=1 << 30)
    engine = model.engine
    tokens = model.vocab.encode(filler(model, NUM_TOKENS, "A long text:").encode())
    seq = engine.open([])
    started = time.perf_counter()
    engine.step([Extend(seq, tokens)])
    print(f"prefill of {len(tokens)} tokens: {time.perf_counter() - started:.2f} s")
    copy_bytes = len(tokens) * engine.cache_bytes_per_token
    slots = engine.num_cached
    tracemalloc.start()
    times = []
    forks = []
    for _ in range(NUM_FORKS):
        started = time.perf_counter()
        forks += engine.fork(seq)
        times.append(time.perf_counter() - started)
    used = tracemalloc.get_traced_memory()[0] / NUM_FORKS
    tracemalloc.stop()
    print(f"one fork: {statistics.median(times) * 1e6:.0f} us, {used / 1024:.0f} KiB of token and slot ids")
    print(f"          {engine.num_cached - slots} cache slots; a copy of the keys and values: {copy_bytes >> 20} MiB")
    started = time.perf_counter()
    engine.step([Extend(fork, [100 + i]) for i, fork in enumerate(forks[:8])])
    print(
        f"8 forks, one different token each: {time.perf_counter() - started:.3f} s, {engine.num_cached - slots} slots"
    )


if __name__ == "__main__":
    main()
