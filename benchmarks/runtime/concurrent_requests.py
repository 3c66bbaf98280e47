"""32 constrained requests of mixed length at once, beside one after the other.

    python concurrent_requests.py [MODEL_DIR] [--threads 1] [--repeat 3]

Each request has its own seed and comes from its own thread; the model's one loop serves them together. Prints tokens
a second both ways, the ratio, and how many results are the same as alone (all should be). Asserts nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench_model import arguments, load

import guided

NUM_REQUESTS = 32
LENGTHS = (30, 60, 120, 240)


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    model = load(options, cache_bytes=1 << 30, reuse=False)  # nothing of the first turn may help the second
    ask(model, 0)
    ratios = []
    for _ in range(options.repeat):
        alone, seconds_alone = timed(lambda: [ask(model, i) for i in range(NUM_REQUESTS)])
        with ThreadPoolExecutor(NUM_REQUESTS) as pool:
            together, seconds = timed(lambda pool=pool: list(pool.map(lambda i: ask(model, i), range(NUM_REQUESTS))))
        tokens = sum(len(result.tokens) for result in alone)
        same = sum(a.text == b.text for a, b in zip(alone, together, strict=True))
        ratios.append(seconds_alone / seconds)
        print(
            f"{tokens} tokens: one by one {tokens / seconds_alone:.0f} a second, together {tokens / seconds:.0f}, "
            f"ratio {ratios[-1]:.2f}; {same} of {NUM_REQUESTS} results the same"
        )
    print(f"median ratio {statistics.median(ratios):.2f}")


def ask(model: guided.Model, number: int) -> guided.Result:
    """Request `number`: greedy or sampled, short or long."""
    length = LENGTHS[number % len(LENGTHS)]
    return model.generate(
        f"Request {number}: ",
        constraint=guided.Regex(f"[a-z ]{{{length}}}[0-9]{{2}}"),
        max_tokens=length + 8,
        temperature=float(number % 2),
        seed=number,
    )


def timed(work: Callable[[], list[guided.Result]]) -> tuple[list[guided.Result], float]:
    """The results, and seconds."""
    started = time.perf_counter()
    results = work()
    return results, time.perf_counter() - started


if __name__ == "__main__":
    main()
