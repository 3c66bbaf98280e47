"""Train the tiny model on one core; stop and resume at any step.

Matrices of the layers are trained with Muon, the embedding and the gains with AdamW. The learning rate is flat
until `--decay-start`, then falls to zero over `--decay-steps`: so a run can be stopped or extended at any time,
and a checkpoint of the flat part can be decayed more than once. The text depends on (seed, step) alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from tools.train_tiny.batches import MicroBatch, micro_batches
from tools.train_tiny.model import TinyConfig, TinyLlama
from tools.train_tiny.score import quick_scores


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a run computes."""

    steps: int = 100000
    decay_start: int = 100000
    decay_steps: int = 1000
    warm_up: int = 60
    muon_lr: float = 6e-3
    adam_lr: float = 3e-3
    weight_decay: float = 0.02
    prompt_share: float = 0.1
    budget: int = 1024
    micro: int = 9
    pool: int = 1536
    easy_pools: int = 3
    seed: int = 20
    clip: float = 1.0


class Trainer:
    """Model, optimizers and position in the stream; `save` and `load` hold all of it."""

    def __init__(self, config: TinyConfig, recipe: Recipe, tokenizer: Tokenizer) -> None:
        torch.manual_seed(recipe.seed)
        self.config, self.recipe, self.tokenizer = config, recipe, tokenizer
        self.model = TinyLlama(config)
        hidden = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(
                hidden,
                lr=recipe.muon_lr,
                weight_decay=recipe.weight_decay,
                momentum=0.95,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(others, lr=recipe.adam_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        ]
        self.base = (recipe.muon_lr, recipe.adam_lr)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.pool_number, self.used = 0, 0
        self._stream: Iterator[MicroBatch] | None = None

    def next_batch(self) -> MicroBatch:
        """The next micro-batch; a resumed run skips what its pool has given."""
        r = self.recipe
        while True:
            if self._stream is None:
                is_easy = self.pool_number < r.easy_pools
                self._stream = micro_batches(
                    self.tokenizer, r.seed, self.pool_number, r.pool, r.budget, r.prompt_share, is_easy
                )
                for _ in range(self.used):
                    next(self._stream)
            batch = next(self._stream, None)
            if batch is not None:
                self.used += 1
                return batch
            self._stream, self.pool_number, self.used = None, self.pool_number + 1, 0

    def rate(self) -> float:
        """Factor on the learning rates at this step."""
        r = self.recipe
        rise = min(1.0, (self.step + 1) / r.warm_up)
        return rise * min(1.0, max(0.0, 1 - (self.step - r.decay_start) / r.decay_steps))

    def train_step(self) -> float:
        """One update; returns the mean loss over the counted tokens."""
        began = time.monotonic()
        batches = [self.next_batch() for _ in range(self.recipe.micro)]
        counted = sum(len(b.labels) for b in batches)
        total = 0.0
        for b in batches:
            with torch.autocast("cpu", torch.bfloat16):
                hidden = self.model(b.ids).flatten(0, 1)[b.counted]
                logits = self.model.logits(hidden)
            loss = F.cross_entropy(logits.float(), b.labels, reduction="sum") / counted
            loss.backward()
            total += loss.item()
            self.tokens += b.ids.numel()
        self._update()
        self.step += 1
        self.seconds += time.monotonic() - began
        return total

    def _update(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        for optimizer, base in zip(self.optimizers, self.base, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * self.rate()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """All that a later run needs."""
        place = {k: getattr(self, k) for k in ("step", "tokens", "seconds", "pool_number", "used")}
        return {
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            **place,
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        partial = path.with_suffix(".partial")
        torch.save(self.state(), partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for key in ("step", "tokens", "seconds", "pool_number", "used"):
            setattr(self, key, state[key])
        self._stream = None


def run(trainer: Trainer, out: Path, args: argparse.Namespace) -> None:
    """Train to the end of the recipe, with a log line, a score and a checkpoint now and then."""
    log, mean, shown = out / "log.jsonl", 0.0, time.monotonic()
    while trainer.step < trainer.recipe.steps:
        mean += trainer.train_step()
        line: dict[str, Any] = {}
        if trainer.step % args.log_every == 0:
            line = {
                "step": trainer.step,
                "loss": round(mean / args.log_every, 4),
                "tokens": trainer.tokens,
                "minutes": round(trainer.seconds / 60, 2),
            }
            mean = 0.0
        is_last = trainer.step == trainer.recipe.steps
        if trainer.step % args.score_every == 0 or is_last:
            line |= {"step": trainer.step, "scores": quick_scores(trainer.model, trainer.tokenizer, args.score_count)}
        if time.monotonic() - shown > args.save_seconds or is_last:
            trainer.save(out / "last.pt")
            shown = time.monotonic()
        if line:
            with log.open("a", encoding="utf-8") as f:
                f.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)


def parse() -> argparse.Namespace:
    """Command line: the recipe's and the network's numbers, and where to write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for last.pt and log.jsonl")
    parser.add_argument("--resume", type=Path, help="checkpoint to continue from")
    parser.add_argument("--log-every", type=int, default=20)
    parser.add_argument("--score-every", type=int, default=250)
    parser.add_argument("--score-count", type=int, default=40)
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile the layers: a sixth faster, needs a C++ compiler"
    )
    for kind in (Recipe, TinyConfig):
        for f in fields(kind):
            parser.add_argument("--" + f.name.replace("_", "-"), type=type(f.default), default=f.default)
    return parser.parse_args()


def main() -> None:
    """Run the trainer."""
    args = parse()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(args.tokenizer / "tokenizer.json"))
    given = vars(args)
    config = TinyConfig(**{f.name: given[f.name] for f in fields(TinyConfig)})
    recipe = Recipe(**{f.name: given[f.name] for f in fields(Recipe)})
    trainer = Trainer(config, recipe, tokenizer)
    if args.resume:
        trainer.load(args.resume)
    if args.compile:
        for layer in trainer.model.model.layers:
            layer.compile(dynamic=True)
    args.out.mkdir(parents=True, exist_ok=True)
    run(trainer, args.out, args)


if __name__ == "__main__":
    main()
