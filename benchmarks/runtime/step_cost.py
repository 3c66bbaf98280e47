"""What one decode step costs: plain `transformers.generate` beside our engine, the same model object, alternating.

    python step_cost.py [MODEL_DIR] [--threads 1] [--steps 128] [--repeat 7] [--cpu-time]

Without MODEL_DIR a random Llama of 40M parameters (the one of the end-to-end comparison) is made in memory. Prints
tables and asserts nothing. Run it alone on the machine; quote ratios within a run. `--cpu-time` counts the seconds
of the process instead of the wall's, for a busy machine; it means something with one thread only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from guided.runtime.engine import Extend, Policy
from guided.vocab import Vocabulary
from guided_backends.transformers.engine import TransformersEngine
from guided_backends.transformers.runner import ModelRunner

GREEDY = Policy()
FORMS = ("packed", "ragged", "batched", None)


class Clock:
    """Seconds, by the wall or of this process."""

    now: Callable[[], float] = staticmethod(time.perf_counter)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args()
    if options.cpu_time:
        Clock.now = staticmethod(time.process_time)
    torch.set_num_threads(options.threads)
    model = load(options.model)
    print(f"{type(model).__name__}, {model.num_parameters() / 1e6:.0f}M parameters, {options.threads} thread(s)\n")
    single_rows(model, options.steps, options.repeat)
    heads(model, options.repeat)
    forms(model, options.repeat)


def load(place: str | None) -> Any:
    """The model in a directory, or the random Llama."""
    if place is not None:
        return AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, local_files_only=True).eval()
    torch.manual_seed(0)
    sizes = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8}
    heads = {"num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 8192}
    return LlamaForCausalLM(LlamaConfig(vocab_size=32000, **sizes, **heads, tie_word_embeddings=True)).eval()


def engine_of(model: Any, form: str | None = None) -> TransformersEngine:
    """An engine that shares nothing between runs, with a vocabulary of the right width."""
    runner = ModelRunner(model, form=form)
    words = [None, *(b"t%d" % i for i in range(runner.num_logits - 1))]
    return TransformersEngine(runner, Vocabulary(words, eos_ids={0}), reuse=False)


def prompt(length: int) -> list[int]:
    """`length` token ids, the same every time."""
    return np.random.default_rng(length).integers(3, 300, length).tolist()


def single_rows(model: Any, steps: int, repeat: int) -> None:
    """One sequence, greedy, unconstrained: the whole loop over both."""
    engine, watch = engine_of(model), Watch(model)
    print("one sequence, greedy, ms a step (median of repeats; prefill included in both)")
    print(
        f"{'context':>8} {'generate':>9} {'guided':>8} {'ratio':>6} "
        f"{'decoder':>8} {'head':>6} {'rest':>6} {'rest %':>7}"
    )
    for length in (8, 500, 2000):
        tokens, theirs, ours, inside = prompt(length), [], [], []
        for _ in range(repeat):
            theirs.append(timed(lambda tokens=tokens: generate(model, tokens, steps)) / steps)
            watch.reset()
            ours.append(timed(lambda tokens=tokens: decode(engine, tokens, steps)) / steps)
            inside.append((watch.decoder * 1000 / steps, watch.head * 1000 / steps))
        total, decoder, head = (statistics.median(x) for x in (ours, *zip(*inside, strict=True)))
        rest = statistics.median(t - sum(i) for t, i in zip(ours, inside, strict=True))
        reference = statistics.median(theirs)
        print(
            f"{length:>8} {reference:>9.2f} {total:>8.2f} {total / reference:>6.2f} "
            f"{decoder:>8.2f} {head:>6.2f} {rest:>6.2f} {100 * rest / total:>6.1f}%"
        )
    watch.remove()


def heads(model: Any, repeat: int) -> None:
    """Choosing one token under masks of several sizes."""
    engine = engine_of(model)
    (row,) = engine.step([Extend(engine.open([]), prompt(20))])
    print("\nselect, ms (the whole head below: no mask)")
    for allowed in (2, 16, 256, 2048, engine.num_logits // 9, engine.num_logits):
        ids = np.random.default_rng(allowed).permutation(engine.num_logits)[:allowed]
        bits = np.zeros((engine.num_logits + 31) // 32 * 32, np.uint8)
        bits[ids] = 1
        mask = None if allowed == engine.num_logits else np.packbits(bits, bitorder="little").view(np.int32)[None]
        cost = best(lambda mask=mask: engine.select([row], mask, [GREEDY]), 3 * repeat)
        print(f"{allowed:>8} tokens allowed {cost:>8.3f}")


def forms(model: Any, repeat: int) -> None:
    """Rows decoded together: what the forms of a forward cost, and which one is taken."""
    print("\nrows together, one token each, ms a step")
    print(f"{'rows':>6} {'shared':>7} {'own':>5} " + " ".join(f"{form or 'taken':>8}" for form in FORMS))
    for rows, shared, own in ((4, 100, 30), (8, 0, 150), (8, 0, 500), (16, 2000, 20), (32, 0, 200), (32, 500, 10)):
        costs = [rows_together(model, form, rows, shared, own, repeat) for form in FORMS]
        print(f"{rows:>6} {shared:>7} {own:>5} " + " ".join(f"{cost:>8.2f}" for cost in costs))


def rows_together(model: Any, form: str | None, rows: int, shared: int, own: int, repeat: int) -> float:
    """Milliseconds of one step in which every row gets one token."""
    engine = engine_of(model, form)
    root = engine.open([])
    if shared:
        engine.step([Extend(root, prompt(shared), "none")])
    seqs = engine.fork(root, rows)
    for i, seq in enumerate(seqs):
        engine.step([Extend(seq, [i + 3, *prompt(own)], "none")])
    return best(lambda: engine.step([Extend(seq, [7]) for seq in seqs]), repeat)


def decode(engine: TransformersEngine, tokens: list[int], steps: int) -> None:
    """Greedy decoding by our engine."""
    seq, pending = engine.open(tokens), tokens
    for _ in range(steps):
        (row,) = engine.step([Extend(seq, pending)])
        pending = engine.select([row], None, [GREEDY])[0].tokens.tolist()
    engine.close(seq)


def generate(model: Any, tokens: list[int], steps: int) -> None:
    """Greedy decoding by transformers."""
    ids = torch.tensor([tokens])
    with torch.no_grad():
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=steps,
            min_new_tokens=steps,
            do_sample=False,
            pad_token_id=2,
        )


class Watch:
    """Seconds inside the decoder and inside the head of our engine, by hooks on the two modules."""

    def __init__(self, model: Any) -> None:
        self.reset()
        self._hooks = []
        for name, module in (("decoder", model.get_decoder()), ("head", model.get_output_embeddings())):
            self._hooks.append(module.register_forward_pre_hook(self._enter))
            self._hooks.append(module.register_forward_hook(partial(self._leave, name)))

    def reset(self) -> None:
        self.decoder = self.head = self._since = 0.0

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, *_: Any) -> None:
        self._since = Clock.now()

    def _leave(self, name: str, *_: Any) -> None:
        setattr(self, name, getattr(self, name) + Clock.now() - self._since)


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds."""
    start = Clock.now()
    work()
    return (Clock.now() - start) * 1000


def best(work: Callable[[], Any], repeat: int) -> float:
    """Milliseconds of the fastest of `repeat` calls, after one to warm up."""
    work()
    return min(timed(work) for _ in range(repeat))


if __name__ == "__main__":
    main()
