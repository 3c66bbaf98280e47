"""What a process spends on a vocabulary before its first mask: tables built, or opened from disk, warm and cold.

`python benchmarks/masks/startup.py TOKENIZER...` starts a process for every figure, since memory that was never touched
is half of the cost, and prints medians. Cold: the file's pages were dropped from memory first (Linux), so they are read
from the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from run import vocabulary

import guided

STEPS = ("tokens", "fingerprint", "tables", "first masks")
BODY = b'{"a":"'  # then comes free text, whose tables are made, or were in the file


def measured(tokenizer: str) -> dict[str, list[float]]:
    """CPU and wall milliseconds of each step, in this process."""
    source = vocabulary(tokenizer)
    guided.JsonSchema({}).compile(guided.Vocabulary([b"{", None], {1}), guided.Limits()).matcher()  # imports
    tokens, eos_ids = list(source.tokens), source.eos_ids
    times: dict[str, list[float]] = {}

    def step(name: str, work: Callable[[], Any]) -> Any:
        cpu, wall = time.thread_time(), time.perf_counter()
        made = work()
        times[name] = [1e3 * (time.thread_time() - cpu), 1e3 * (time.perf_counter() - wall)]
        return made

    def masks() -> None:
        matcher = guided.JsonSchema({"type": "object"}, whitespace="compact").compile(vocab).matcher()
        matcher.mask_view()
        assert matcher.accept_bytes(BODY)
        matcher.mask_view()

    vocab = step("tokens", lambda: guided.Vocabulary(tokens, eos_ids))
    step("fingerprint", lambda: vocab.fingerprint)
    step("tables", lambda: vocab.native)
    step("first masks", masks)
    return times


def asked(tokenizer: str, folder: str) -> dict[str, list[float]]:
    """The same, in a new process with this cache folder."""
    environment = {**os.environ, "GUIDED_CACHE_DIR": folder}
    command = [sys.executable, __file__, "--measure", tokenizer]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    answer: dict[str, list[float]] = json.loads(done.stdout)
    return answer


def drop_from_memory(folder: Path) -> None:
    """Ask the system to forget the pages of all files below."""
    for path in folder.rglob("*.tables"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def row(name: str, runs: list[dict[str, list[float]]]) -> str:
    """Medians; the sum in CPU and in wall time."""
    cpu = [statistics.median(run[step][0] for run in runs) for step in STEPS]
    wall = statistics.median(sum(run[step][1] for step in STEPS) for run in runs)
    return f"| {name} | {' | '.join(f'{ms:.1f}' for ms in cpu)} | {sum(cpu):.1f} | {wall:.1f} |"


def main() -> None:
    """Print a table for each tokenizer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("tokenizers", nargs="*", default=["tekken"])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--measure", metavar="TOKENIZER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure)))
        return
    for tokenizer in options.tokenizers:
        print(f"\n{tokenizer}, milliseconds of CPU time, medians of {options.runs} processes\n")
        print(f"| tables | {' | '.join(STEPS)} | sum | sum, wall |\n|---|---:|---:|---:|---:|---:|---:|")
        print(row("built", [asked(tokenizer, "off") for _ in range(options.runs)]))
        with tempfile.TemporaryDirectory() as folder:
            print(row("built and written", [asked(tokenizer, folder)]))
            size = sum(path.stat().st_size for path in Path(folder).rglob("*.tables"))
            print(row("opened, warm", [asked(tokenizer, folder) for _ in range(options.runs)]))
            if hasattr(os, "posix_fadvise"):
                runs = []
                for _ in range(options.runs):
                    drop_from_memory(Path(folder))
                    runs.append(asked(tokenizer, folder))
                print(row("opened, cold", runs))
        print(f"\nThe file has {size / 1e6:.1f} MB." if size else "\nToo small to be kept.")


if __name__ == "__main__":
    main()
