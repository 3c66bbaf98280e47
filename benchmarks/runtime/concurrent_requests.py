"""32 constrained requests of mixed length at once, beside one after the other.

    python concurrent_requests.py [MODEL_DIR] [--threads 1] [--repeat 3] [--cpu-time]

Each request has a prompt of its own to read (5 to 100 words; nothing is cached before), a regex or a JSON schema, and
its own seed; it comes from its own thread, and the model's one loop serves them together. Two mixes: answers of 10 to
150 tokens, and answers of a few tokens, where reading the prompts is most of the work: that is bound by arithmetic
and gains nothing from company. Prints tokens, seconds and the ratio both ways, and how many results are the same as
alone (all should be). Asserts nothing. `--cpu-time` counts the seconds of the process, for a busy machine.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench_model import arguments, load

import guided

NUM_REQUESTS = 32
PROMPT_WORDS = (5, 12, 25, 50, 75, 100)
MIXES = {"long answers": (10, 20, 40, 60), "short answers": (1, 2, 3, 5)}  # words of an answer
WORDS = ("harbour", "river", "engine", "copper", "window", "market", "garden", "letter", "winter", "silver", "bridge")


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__, cpu_time=True)
    now = time.process_time if options.cpu_time else time.perf_counter
    model = load(options, cache_bytes=1 << 30, reuse=False)  # nothing of the first turn may help the second
    for name, lengths in MIXES.items():
        ratios = [turn(model, name, lengths, number, now) for number in range(options.repeat)]
        print(f"{name}: median ratio {statistics.median(ratios):.2f}\n")


def turn(model: guided.Model, name: str, lengths: tuple[int, ...], number: int, now: Callable[[], float]) -> float:
    """All requests one by one and together: the ratio."""

    def ask(i: int) -> guided.Result:
        return request(model, i, lengths[i % len(lengths)], number)

    before, started = model.stats, now()
    alone = [ask(i) for i in range(NUM_REQUESTS)]
    seconds_alone, single = now() - started, model.stats_since(before)
    with ThreadPoolExecutor(NUM_REQUESTS) as pool:
        before, started = model.stats, now()
        together = list(pool.map(ask, range(NUM_REQUESTS)))
        seconds, merged = now() - started, model.stats_since(before)
    sizes = sorted(len(result.tokens) for result in alone)
    same = sum(a.text == b.text for a, b in zip(alone, together, strict=True))
    num_read = single.tokens_computed - sum(sizes)
    print(
        f"{name}: {num_read} tokens of prompts, {sum(sizes)} of answers ({sizes[0]} to {sizes[-1]}); "
        f"one by one {seconds_alone:.1f} s in {single.forward_calls} forwards, "
        f"together {seconds:.1f} s in {merged.forward_calls}, ratio {seconds_alone / seconds:.2f}; "
        f"{same} of {NUM_REQUESTS} results the same"
    )
    return seconds_alone / seconds


def request(model: guided.Model, number: int, length: int, turn: int) -> guided.Result:
    """Request `number`: greedy or sampled, under a pattern or a schema, with an answer of `length` short words."""
    text = random.Random(f"{number} {turn}")
    words = [text.choice(WORDS) for _ in range(PROMPT_WORDS[number % len(PROMPT_WORDS)])]
    constraint: guided.Constraint = guided.Regex(f"([a-z]{{1,4}} ){{{length}}}[0-9]{{2}}")
    if number % 3 == 2:
        item = {"type": "string", "pattern": "^[a-z]{1,4}$"}
        items = {"type": "array", "items": item, "minItems": length, "maxItems": length}
        properties = {"id": {"type": "integer", "minimum": 0, "maximum": 99}, "words": items}
        schema = {"type": "object", "properties": properties, "required": ["id", "words"]}
        constraint = guided.JsonSchema({**schema, "additionalProperties": False}, whitespace="dumps")
    return model.generate(
        f"Request {number} of turn {turn}: {' '.join(words)}\n",
        constraint=constraint,
        max_tokens=600,
        temperature=float(number % 2),
        seed=number,
    )


if __name__ == "__main__":
    main()
