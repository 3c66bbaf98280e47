"""A prefix of 2,000 tokens, used by 50 requests of 8 new tokens each.

    python prefix.py [MODEL_DIR] [--threads 1]

Prints the time to the first token of the first request and of the later ones, and the tokens that went through the
model beside those that are new: the two are equal when nothing is computed twice. Asserts nothing.
"""

from __future__ import annotations

import statistics
import time

from bench_model import arguments, filler, load

import guided

NUM_PREFIX, NUM_REQUESTS, NUM_NEW = 2000, 50, 8


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    model = load(options, cache_bytes=1 << 30)
    model.generate("Warm up.", max_tokens=4)
    prefix = filler(model, NUM_PREFIX, "Shared text:")
    first, later, computed, new = 0.0, [], 0, 0
    for number in range(NUM_REQUESTS):
        prompt = f"{prefix}\nQuestion {number}: what is said here?"
        before = model.stats
        seconds = to_first_token(model, prompt)
        used = model.stats_since(before)
        computed += used.tokens_computed
        length = len(model.vocab.encode(prompt.encode()))
        # One token more than is new is read: the last one chosen needs no forward, the last one known does.
        new += (length if number == 0 else length - shared(model, prefix, number)) + NUM_NEW - 1
        if number:
            later.append(seconds)
        else:
            first = seconds
    share = statistics.median(later) / first
    print(f"time to the first token: {first * 1000:.1f} ms for the first request")
    print(f"{statistics.median(later) * 1000:24.1f} ms for the later ones (median), {100 * share:.1f} % of the first's")
    print(f"tokens through the model: {computed}, new tokens: {new}")


def to_first_token(model: guided.Model, prompt: str) -> float:
    """Seconds; the request is run to its end."""
    started = time.perf_counter()
    seconds = 0.0
    for event in model.stream(prompt, max_tokens=NUM_NEW, token_healing=False):
        if not seconds and type(event).__name__ == "TokenSampled":
            seconds = time.perf_counter() - started
    return seconds


def shared(model: guided.Model, prefix: str, number: int) -> int:
    """How many tokens a prompt has in common with one of those before it."""
    own = model.vocab.encode(f"{prefix}\nQuestion {number}: what is said here?".encode())
    longest = 0
    for other in range(number):
        theirs = model.vocab.encode(f"{prefix}\nQuestion {other}: what is said here?".encode())
        same = next((i for i, (a, b) in enumerate(zip(own, theirs, strict=False)) if a != b), len(theirs))
        longest = max(longest, same)
    return longest


if __name__ == "__main__":
    main()
