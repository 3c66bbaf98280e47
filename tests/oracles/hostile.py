"""What hostile constraints cost: each case in a forked child under limits, with everything that may be asked of it.

`python -m tests.oracles.hostile [NAME ...]` prints, as a line of JSON for each case, what came of it, its CPU seconds
(of the user; what the kernel adds tells of the machine) and how far its peak memory grew beyond the interpreter's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
from typing import Any

import guided
from tests.oracles.hostile_cases import CASES, SELF_CHECKS, Hostile
from tests.oracles.vocabularies import VOCABULARIES


def examine(case: Hostile, vocab: guided.Vocabulary) -> str:
    """Everything that may be asked of a compiled constraint; "answered", or the name of the typed error."""
    try:
        compiled = case.make().compile(vocab)
        matcher = compiled.matcher()
        matcher.mask_view()
        matcher.forced_bytes()
        way_out = matcher.fork()
        assert way_out.accept_bytes(matcher.shortest_completion()), "the shortest completion is refused"
        assert way_out.is_accepting, "the shortest completion completes nothing"
        for text, is_good in [*((t, True) for t in case.good), *((t, False) for t in case.bad)]:
            at, data = compiled.matcher(), text.encode()
            accepted = at.accept_bytes(data[: len(data) // 2])
            if accepted:
                at.mask_view()
                at.shortest_completion()
            accepted = accepted and at.accept_bytes(data[len(data) // 2 :]) and at.is_accepting
            assert accepted == is_good, f"{'refused' if is_good else 'accepted'}: {text[:200]}"
    except guided.GuidedError as error:
        return f"{type(error).__name__}: {str(error)[:160]}"
    return "answered"


def run_child(case: Hostile, vocab: guided.Vocabulary, cpu_seconds: int, max_bytes: int) -> dict[str, Any]:
    """The case in a forked child that the kernel ends where it takes too much; memory is the growth of its peak."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
        before = resource.getrusage(resource.RUSAGE_SELF)
        try:
            outcome = examine(case, vocab)
        except BaseException as problem:
            outcome = f"FAILED: {type(problem).__name__}: {str(problem)[:500]}"
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds, megabytes = after.ru_utime - before.ru_utime, (after.ru_maxrss - before.ru_maxrss) / 1024
        result = {"outcome": outcome, "seconds": round(seconds, 2), "megabytes": round(megabytes)}
        os.write(write_end, json.dumps(result).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if said:
        found: dict[str, Any] = json.loads(said)
        return found
    name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {status}"
    return {"outcome": f"FAILED: ended by {name}", "seconds": None, "megabytes": None}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="all by default")
    parser.add_argument("--vocabulary", choices=list(VOCABULARIES), default="tekken 131k")
    parser.add_argument("--cpu-seconds", type=int, default=30)
    parser.add_argument("--max-gigabytes", type=int, default=4)
    arguments = parser.parse_args()
    vocab = VOCABULARIES[arguments.vocabulary]()
    guided.Choice(["warm"]).compile(vocab).matcher().mask_view()
    for name in arguments.names or CASES:
        found = run_child((CASES | SELF_CHECKS)[name], vocab, arguments.cpu_seconds, arguments.max_gigabytes << 30)
        print(json.dumps({"name": name, **found}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
