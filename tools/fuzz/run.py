"""Run the fuzzer: `python -m tools.fuzz.run --minutes 10 --seed 1`; see native/fuzz/README.md.

Rounds run in a worker process; where it dies (a sanitizer's report, a crash, a hang) the round is kept as a finding and
the next worker goes on behind it. Exit code 1 if anything was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HANG_SECONDS, MOST_MEGABYTES = 300, 3000


def preloads() -> str:
    """The sanitizer must be loaded before Python is, and libstdc++ with it, or exceptions are not intercepted."""

    def path(name: str) -> str:
        found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        return str(Path(found.stdout.strip()).resolve())

    return f"{path('libasan.so')} {path('libubsan.so')} {path('libstdc++.so')}"


def worker_environment(module: Path | None) -> dict[str, str]:
    """What a worker with this module needs to be told."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if module is not None:
        environment["LD_PRELOAD"] = preloads()
        environment["PYTHONMALLOC"] = "malloc"  # so that what Python hands over is watched too
        environment["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=0:allocator_may_return_null=0"
        environment["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    return environment


def load_native(path: Path) -> None:
    """Puts a module built elsewhere in the place of `guided._native`."""
    spec = importlib.util.spec_from_file_location("guided._native", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["guided._native"] = module
    spec.loader.exec_module(module)


def work(arguments: argparse.Namespace) -> None:
    """The worker: rounds from `--first` on for `--cpu-seconds`, a line of JSON before each and after it."""
    os.environ.pop("LD_PRELOAD", None)  # Node, the oracle of patterns, does without
    if arguments.module is not None:
        load_native(arguments.module)
    from tools.fuzz.rounds import describe, run_round

    counts: Counter[str] = Counter()
    number = arguments.first
    while time.process_time() < arguments.cpu_seconds and number < arguments.most:
        seed = f"{arguments.seed}:{number}"
        say(round=number)
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        began = time.process_time()
        found = run_round(seed, counts, arguments.kind)
        seconds = time.process_time() - began
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if found:
            say(found=found, constraint=describe(seed, arguments.kind), round=number)
        if seconds > arguments.slow_seconds:
            say(slow=round(seconds, 1), constraint=describe(seed, arguments.kind)[:2000], round=number)
        number += 1
        if megabytes > MOST_MEGABYTES:  # one large round would be blamed on all that follow
            say(large=round(megabytes), round=number - 1)
            break
    faulthandler.cancel_dump_traceback_later()
    say(counts=counts, next=number)


def say(**what: Any) -> None:
    """One line for the parent."""
    print(json.dumps(what), flush=True)


def run_worker(
    arguments: argparse.Namespace, first: int, cpu_seconds: float, counts: Counter[str]
) -> tuple[int, list[str]]:
    """One worker's life: where the next one begins, and what was found."""
    options = ["--worker", "--first", str(first), "--cpu-seconds", str(cpu_seconds), "--seed", str(arguments.seed)]
    options += ["--slow-seconds", str(arguments.slow_seconds), "--most", str(arguments.most), "--kind", *arguments.kind]
    if arguments.module is not None:
        options += ["--module", str(arguments.module)]
    command = [sys.executable, "-m", "tools.fuzz.run", *options]
    findings, at, is_done = [], first, False
    environment = worker_environment(arguments.module)
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            at = told.get("round", at)
            if "found" in told:
                findings.append(f"round {at}: {told['found']}\n    {told['constraint']}")
            if "slow" in told or "large" in told:
                counts["slow or large rounds"] += 1
                print(f"slow or large: {line.strip()[:600]}", flush=True)
            if "counts" in told:
                counts.update(told["counts"])
                at, is_done = told["next"], True
        process.wait()
        errors.seek(0)
        report = errors.read()
    if not is_done:
        findings.append(f"round {at}: the worker died with {process.returncode}\n{report[:8000]}")
        at += 1
    return at, findings


def main() -> int:
    """The parent: workers one after the other, and the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of CPU time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the first round; with --most one round can be repeated")
    parser.add_argument("--most", type=int, default=1 << 60, help="the round to stop before")
    parser.add_argument("--module", type=Path, help="another build of guided._native, as the sanitized one")
    parser.add_argument("--kind", nargs="+", default=["schema", "regex", "ecma", "boolean", "composition", "grammar"])
    parser.add_argument("--slow-seconds", type=float, default=10)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cpu-seconds", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments)
        return 0
    left, at = 60 * arguments.minutes, arguments.first
    findings: list[str] = []
    counts: Counter[str] = Counter()
    while left > 0 and at < arguments.most:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        at, found = run_worker(arguments, at, left, counts)
        left -= resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        for finding in found:
            print(f"FOUND in {finding}\n", flush=True)
        findings += found
    for name, count in sorted(counts.items()):
        print(f"{count:>10} {name}")
    print(f"{at - arguments.first} rounds, seed {arguments.seed}: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
