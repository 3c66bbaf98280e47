"""Mask engines side by side on JSON Schemas with instances: coverage, microseconds per token, microseconds to compile.

`python benchmarks/masks/run.py DATA` runs guided (keys in declared and in any order) and every rival that is installed,
in one run: each schema goes to all engines in turn before the next, and who is first changes from schema to schema.
Every engine has a process of its own, so that one that hangs or crashes costs one schema. README.md describes DATA.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, Contender, is_installed

import guided

CLOCKS: dict[str, Callable[[], int]] = {"wall": time.perf_counter_ns, "cpu": time.process_time_ns}
STARTING = 120.0  # seconds for an engine to read its vocabulary
EASY = {"schema": {"type": "object"}, "tests": [{"valid": True, "data": {"a": [1, "b"]}}]}


@dataclass
class Result:
    """What one engine did with one schema."""

    refused: str = ""  # why the schema was not compiled
    num_valid_refused: int = 0
    num_invalid_through: int = 0
    num_raised: int = 0  # instances of either kind that ended in an error and not in an answer
    compile_us: float = 0.0  # with the first mask
    step_us: list[float] = field(default_factory=list)  # mask + accept, of each token

    @property
    def is_right(self) -> bool:
        """Compiled, and every instance judged as the data says."""
        return not (self.refused or self.num_valid_refused or self.num_invalid_through or self.num_raised)


class ByteVocabulary(guided.Vocabulary):
    """Every byte a token: for trying this script without a tokenizer."""

    def __init__(self) -> None:
        super().__init__([*(bytes([b]) for b in range(256)), None], eos_ids={256})

    def encode(self, data: bytes) -> list[int]:
        """The bytes themselves."""
        return list(data)


def vocabulary(tokenizer: str) -> guided.Vocabulary:
    """`bytes`, `tekken` (of the package mistral-common), or what `Vocabulary.from_tokenizer` takes."""
    if tokenizer == "bytes":
        return ByteVocabulary()
    if tokenizer != "tekken":
        return guided.Vocabulary.from_tokenizer(tokenizer)
    try:
        import mistral_common
    except ImportError:
        raise SystemExit(
            "the default tokenizer is in a package: pip install mistral-common, or --tokenizer PATH"
        ) from None
    return guided.Vocabulary.from_tokenizer(Path(mistral_common.__file__).parent / "data" / "tekken_240911.json")


def tried(engine: Contender, vocab: guided.Vocabulary, entry: dict[str, Any], clock: Callable[[], int]) -> Result:
    """One schema and all its instances."""
    result = Result()
    begin = clock()
    try:
        engine.compile(entry["schema"])
        engine.start()
        engine.fill()
    except Exception as error:
        result.refused = f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]
        return result
    result.compile_us = (clock() - begin) / 1e3
    for test in entry["tests"]:
        tokens = vocab.encode(json.dumps(test["data"], ensure_ascii=False).encode())
        try:
            is_through = lets_through(engine, tokens, clock, result.step_us)
        except Exception:  # any engine's own; an error is no verdict, not even where a refusal would be right
            result.num_raised += 1
            continue
        result.num_valid_refused += test["valid"] and not is_through
        result.num_invalid_through += is_through and not test["valid"]
    return result


def lets_through(engine: Contender, tokens: Sequence[int], clock: Callable[[], int], step_us: list[float]) -> bool:
    """Whether masks allow each token, and then the end. A token that is accepted against its mask is not allowed."""
    engine.start()
    for token in tokens:
        begin = clock()
        engine.fill()
        is_accepted = engine.accept(token)
        step_us.append((clock() - begin) / 1e3)
        if not (is_accepted and engine.allows(token)):
            return False
    return engine.may_end()


def serve(name: str, tokenizer: str, clock: str, pipe: Connection) -> None:
    """The life of an engine's process."""
    vocab = vocabulary(tokenizer)
    engine = CONTENDERS[name](vocab)
    first = tried(engine, vocab, EASY, CLOCKS[clock])  # makes what is made once for a vocabulary
    if not first.is_right:  # a broken installation is not an engine that refuses everything
        raise SystemExit(f"{name} fails on the easiest of schemas: {first.refused or 'a wrong mask'}")
    pipe.send(None)
    while (entry := pipe.recv()) is not None:
        pipe.send(tried(engine, vocab, entry, CLOCKS[clock]))


class Runner:
    """An engine in its process, started again where it hangs or dies."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self.results: list[Result] = []
        self._options = options
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (self.name, self._options.tokenizer, self._options.clock, theirs)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        if isinstance(self._answer(STARTING), str):
            raise SystemExit(f"{self.name} does not start: its own message is above; leave it out with --engines")

    def _answer(self, seconds: float) -> Any:
        """What the process sends, or a word on why it does not."""
        if not self._pipe.poll(seconds):
            return f"no answer within {seconds:g} s"
        try:
            return self._pipe.recv()
        except EOFError:
            return "the process died"

    def ask(self, entry: dict[str, Any]) -> None:
        """Try one schema."""
        self._pipe.send({"schema": entry["schema"], "tests": entry["tests"]})
        answer = self._answer(self._options.limit)
        if isinstance(answer, str):
            self._process.kill()
            self._process.join()
            self._start()
            answer = Result(refused=answer)
        self.results.append(answer)

    def stop(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join()


def entries(data: Path) -> list[dict[str, Any]]:
    """A folder of .json files, or a .jsonl or .jsonl.gz file with an entry on each line."""
    if data.is_dir():
        texts = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(data.glob("*.json"))]
    else:
        with gzip.open(data, "rt", encoding="utf-8") if data.suffix == ".gz" else data.open(encoding="utf-8") as lines:
            texts = [(f"line {i}", line) for i, line in enumerate(lines, 1) if line.strip()]
    return [{"id": name, **json.loads(text)} for name, text in texts]


COLUMNS = (
    *("schemas", "right", "compile refused", "valid refused", "invalid let through", "raised"),
    *("mask+accept mean", "p50", "p99", "p99.9", "compile+first mask p50", "p99"),
)


def table(runners: Sequence[Runner], which: Sequence[int]) -> str:
    """A row for each engine, over the schemas with these numbers."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    for runner in runners:
        chosen = [runner.results[i] for i in which]
        compiled = [r for r in chosen if not r.refused]
        counts = (
            len(chosen),
            sum(r.is_right for r in chosen),
            len(chosen) - len(compiled),
            sum(r.num_valid_refused > 0 for r in chosen),
            sum(r.num_invalid_through > 0 for r in chosen),
            sum(r.num_raised > 0 for r in chosen),
        )
        steps = np.concatenate([np.asarray(r.step_us) for r in compiled]) if compiled else np.zeros(0)
        compiles = np.array([r.compile_us for r in compiled])
        times = [shown(float(steps.mean()) if steps.size else None)]
        times += [shown(float(np.percentile(steps, at)) if steps.size else None) for at in (50, 99, 99.9)]
        times += [shown(float(np.percentile(compiles, at)) if compiles.size else None) for at in (50, 99)]
        lines.append(f"| {runner.name} | {' | '.join([*map(str, counts), *times])} |")
    return "\n".join(lines)


def shown(microseconds: float | None) -> str:
    """Three digits or so."""
    if microseconds is None:
        return ""
    return f"{microseconds:.1f}" if microseconds < 100 else f"{microseconds:,.0f}"


def chosen_engines(text: str) -> list[str]:
    """Those that were asked for, or all, without the ones that are not installed."""
    names = text.split(",") if text else list(CONTENDERS)
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise SystemExit(f"no such engine: {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
    for name in names:
        if not is_installed(name):
            print(f"{name} is left out: it is not installed (pip install {name})", file=sys.stderr)
    return [name for name in names if is_installed(name)]


def write_wrong(path: Path, chosen: Sequence[dict[str, Any]], runners: Sequence[Runner]) -> None:
    """A JSON line for each schema that an engine did not get right, with why."""
    with path.open("w", encoding="utf-8") as file:
        for runner in runners:
            for entry, result in zip(chosen, runner.results, strict=True):
                if result.is_right:
                    continue
                line: dict[str, Any] = {"engine": runner.name, "id": entry["id"], "refused": result.refused}
                line |= {"valid_refused": result.num_valid_refused, "invalid_through": result.num_invalid_through}
                line |= {"raised": result.num_raised}
                file.write(json.dumps(line) + "\n")


def main() -> None:
    """Run the engines and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("data", type=Path, help="a folder of .json files, or a .jsonl or .jsonl.gz file")
    parser.add_argument("--tokenizer", default="tekken", help="tekken, bytes, or what Vocabulary.from_tokenizer takes")
    parser.add_argument("--engines", default="", help=f"of {','.join(CONTENDERS)}; all that are installed by default")
    parser.add_argument("--sample", type=int, help="so many schemas, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=60, help="seconds for a schema with all its instances")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu where other work shares the machine")
    parser.add_argument(
        "--wrong", type=Path, help="write the schemas that are not right to this file, a JSON line each"
    )
    options = parser.parse_args()
    chosen = entries(options.data)
    if options.sample and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)
    if not chosen:
        raise SystemExit(f"{options.data} holds no schemas")
    runners = [Runner(name, options) for name in chosen_engines(options.engines)]
    for i, entry in enumerate(chosen):
        first = i % len(runners)
        for runner in (*runners[first:], *runners[:first]):
            runner.ask(entry)
    for runner in runners:
        runner.stop()
    if options.wrong:
        write_wrong(options.wrong, chosen, runners)
    print(f"{len(chosen)} schemas, tokenizer {options.tokenizer}, microseconds of {options.clock} time\n")
    print(table(runners, range(len(chosen))))
    common = [i for i in range(len(chosen)) if not any(runner.results[i].refused for runner in runners)]
    if 0 < len(common) < len(chosen):
        print(f"\nThe {len(common)} schemas that all of them compile:\n\n{table(runners, common)}")


if __name__ == "__main__":
    main()
