"""Whole programs in each system that is installed, with the same model and the same work, in one run.

    python whole_programs.py [MODEL_DIR] [--only SYSTEM ...] [--tasks TASK ...] [--threads 1] [--repeat 3] [--cpu-time]

Tasks: plain (256 free tokens), character (a text with ten holes), json (twelve schemas, one after the other), classify
(30 choices after a shared text of 2,000 tokens), batch (eight JSON texts at once). Systems: guided, generate (that of
transformers), guidance, outlines. A rival that needs other versions runs in an environment of its own, which needs
MODEL_DIR and nothing of guided: run the two in turns. A random model writes other texts in each system, so read the
milliseconds a forward beside the seconds. The first run of each, which compiles, is told apart. Asserts nothing but
that the answers are answers.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from work import HOLES, LABELS, PROFILE, REVIEWS, SCHEMAS, SHOTS

TASKS = ("plain", "character", "json", "classify", "batch")
MOST = 400


class System:
    """A loaded model, and how often its first decoder layer is called; `run` is the number of the repeat."""

    needs = ""

    def __init__(self, directory: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
        self.model.generation_config.eos_token_id = self.tokenizer.eos_token_id  # a random model's may be another
        self.run = self.num_calls = 0
        self.model.model.layers[0].register_forward_pre_hook(self._count)

    def _count(self, *_: object) -> None:
        self.num_calls += 1


class Guided(System):
    """This library."""

    needs = "guided"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        import guided

        self.guided = guided
        self.lm = guided.from_transformers(self.model, self.tokenizer)
        holes = "".join(before + self._hole(f"x{i}", what) + after for i, (before, what, after) in enumerate(HOLES))
        self.profile = guided.Template(f"---\ninputs: {{number: integer}}\n---\n{{{{ number }}}}. {PROFILE}{holes}")
        options = json.dumps(LABELS)
        self.label = guided.Template(
            "---\ninputs: {number: integer, shots: string, review: string}\n---\n"
            f'{{{{ number }}}}. {{{{ shots }}}}{{{{ review }}}}{{{{ select("label", {options}) }}}}'
        )

    def _hole(self, name: str, what: str | tuple[str, ...]) -> str:
        if isinstance(what, tuple):
            return f'{{{{ select("{name}", {json.dumps(what)}) }}}}'
        return f'{{{{ gen("{name}", regex={json.dumps(what)}, max_tokens=40) }}}}'

    def plain(self) -> None:
        assert len(self.lm.generate(f"{self.run} Once upon a time", max_tokens=256).tokens) > 200

    def character(self) -> None:
        assert self.profile.run(self.lm, {"number": self.run}).error is None

    def json(self) -> None:
        for schema in SCHEMAS:
            constraint = self.guided.JsonSchema(schema, whitespace="dumps")
            json.loads(self.lm.generate(self._object(), constraint=constraint, max_tokens=MOST).text)

    def classify(self) -> None:
        rows = [{"number": self.run, "shots": SHOTS, "review": review} for review in REVIEWS]
        assert all(row["label"] in LABELS for row in self.label.map(self.lm, rows))

    def batch(self) -> None:
        constraint = self.guided.JsonSchema(SCHEMAS[0], whitespace="dumps")
        prompts = [f"{row}: {self._object()}" for row in range(8)]
        for result in self.lm.generate_batch(prompts, constraint=constraint, max_tokens=MOST):
            json.loads(result.text)

    def _object(self) -> str:
        return f"{self.run} Make an object.\n"


class Generate(System):
    """transformers itself, without any constraint: the floor under all."""

    def plain(self) -> None:
        ids = self.tokenizer(f"{self.run} Once upon a time", return_tensors="pt")["input_ids"]
        with torch.no_grad():
            out = self.model.generate(input_ids=ids, max_new_tokens=256, do_sample=False, pad_token_id=2)
        assert out.shape[1] > ids.shape[1] + 200


class Guidance(System):
    """It runs one text after the other."""

    needs = "guidance"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        import guidance

        self.guidance = guidance
        self.lm = guidance.models.Transformers(self.model, self.tokenizer, echo=False)

    def plain(self) -> None:
        lm = self.lm + f"{self.run} Once upon a time" + self.guidance.gen("text", max_tokens=256)
        assert lm["text"]

    def character(self) -> None:
        lm = self.lm + f"{self.run}. {PROFILE}"
        for number, (before, what, after) in enumerate(HOLES):
            name = f"x{number}"
            is_choice = isinstance(what, tuple)
            hole = self.guidance.select(list(what), name=name) if is_choice else self.guidance.gen(name, regex=what)
            lm = lm + before + hole + after
        assert lm["x2"] in HOLES[2][1]

    def json(self) -> None:
        for schema in SCHEMAS:
            hole = self.guidance.json("x", schema=schema, max_tokens=MOST, whitespace_flexible=False)
            json.loads((self.lm + f"{self.run} Make an object.\n" + hole)["x"])

    def classify(self) -> None:
        base = self.lm + f"{self.run}. {SHOTS}"
        for review in REVIEWS:
            assert (base + review + self.guidance.select(list(LABELS), name="label"))["label"] in LABELS


class Outlines(System):
    """It has no holes: a text with several is as many calls."""

    needs = "outlines"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        import outlines

        self.outlines = outlines
        self.lm = outlines.from_transformers(self.model, self.tokenizer)

    def character(self) -> None:
        text = f"{self.run}. {PROFILE}"
        for before, what, after in HOLES:
            kind = Literal[what] if isinstance(what, tuple) else self.outlines.types.Regex(what)
            text += before
            text += self._write(text, kind, 40) + after

    def json(self) -> None:
        for schema in SCHEMAS:
            json.loads(self._write(f"{self.run} Make an object.\n", self._schema(schema), MOST))

    def classify(self) -> None:
        for review in REVIEWS:
            assert self._write(f"{self.run}. {SHOTS}{review}", Literal[LABELS], 8) in LABELS

    def batch(self) -> None:
        writer = self.outlines.Generator(self.lm, self._schema(SCHEMAS[0]))
        prompts = [f"{row}: {self.run} Make an object.\n" for row in range(8)]
        for text in writer.batch(prompts, max_new_tokens=MOST, do_sample=False, pad_token_id=2):
            json.loads(text)

    def _schema(self, schema: dict[str, Any]) -> Any:
        return self.outlines.types.JsonSchema(json.dumps(schema), whitespace_pattern="")

    def _write(self, prompt: str, kind: Any, most: int) -> str:
        return str(self.lm(prompt, kind, max_new_tokens=most, do_sample=False, pad_token_id=2))


SYSTEMS: dict[str, type[System]] = {
    "guided": Guided,
    "generate": Generate,
    "guidance": Guidance,
    "outlines": Outlines,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="a model directory; without it the random Llama")
    parser.add_argument("--only", nargs="*", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true", help="seconds of this process, for a busy machine")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.model is None:
        from bench_model import model_directory  # needs guided

        options.model = model_directory()
    now = time.process_time if options.cpu_time else time.perf_counter
    print(f"{'program':>10} {'system':>9} {'first':>8} {'later':>8}  seconds {'calls':>6} {'ms/call':>8}")
    for name in options.only:
        if SYSTEMS[name].needs and importlib.util.find_spec(SYSTEMS[name].needs) is None:
            print(f"{'':>10} {name:>9} is not installed")
            continue
        system = SYSTEMS[name](options.model)
        for task in options.tasks:
            if hasattr(system, task):
                _measure(system, name, task, options.repeat, now)


def _measure(system: System, name: str, task: str, repeat: int, now: Callable[[], float]) -> None:
    costs = []
    for _ in range(repeat + 1):
        system.run += 1
        system.num_calls = 0
        started = now()
        getattr(system, task)()
        costs.append(now() - started)
    later = statistics.median(costs[1:])
    ms = 1000 * later / max(1, system.num_calls)
    print(f"{task:>10} {name:>9} {costs[0]:>8.2f} {later:>8.2f}  {'':7} {system.num_calls:>6} {ms:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
