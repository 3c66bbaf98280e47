"""How right a model is on held-out documents, from one forward pass per document.

Given the right text so far, is every token of an answer the most likely one? For a whole completion that is exactly
whether greedy decoding writes it; for one field it leaves out errors that follow from earlier ones. Cheap enough to
run during training; `evaluate.py` generates for real.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from tools.train_tiny.batches import rows_of
from tools.train_tiny.examples import Example
from tools.train_tiny.generate import TASKS, of_task
from tools.train_tiny.model import TinyLlama

QUICK_TASKS = (
    "extract",
    "extract_free",
    "json",
    "copy",
    "links",
    "sentiment",
    "topic",
    "react",
    "react_lookup",
    "react_lookup_two",
    "react_tool",
    "chat",
)


def field_spans(example: Example) -> dict[str, tuple[int, int]]:
    """Character range of each field's value in the document's last completion."""
    fields: dict[str, Any] = example.answer.get("fields", {})
    at = example.text.rfind("{")
    spans = {}
    for key, value in fields.items():
        written = json.dumps(value, ensure_ascii=False)
        begin = example.text.index(written, example.text.index(json.dumps(key) + ":", at) + len(key) + 3)
        spans[key] = (begin, begin + len(written))
        at = begin + len(written)
    return spans


def right_tokens(model: TinyLlama, tokenizer: Tokenizer, examples: list[Example]) -> list[np.ndarray]:
    """bool[n] per document: is the token at that place the arg max of its prediction?"""
    out: list[np.ndarray] = []
    for row in rows_of(tokenizer, examples):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            best = model.logits(model(torch.from_numpy(row.ids)[None])[0]).argmax(-1).numpy()
        out.append(np.concatenate(([True], best[:-1] == row.ids[1:])))
    return out


def _all_right(right: np.ndarray, offsets: list[tuple[int, int]], begin: int, stop: int) -> bool:
    return all(right[i + 1] for i, (a, b) in enumerate(offsets) if a < stop and b > begin)


def score_task(
    model: TinyLlama, tokenizer: Tokenizer, task: str, count: int, seed: int = 99, split: str = "heldout"
) -> dict[str, float]:
    """Shares in percent: `exact` of all completions of a document, `field` of single fields."""
    examples = of_task(task, seed, count, "heldout" if split == "heldout" else "train")
    totals: dict[str, list[bool]] = defaultdict(list)
    for example, right in zip(examples, right_tokens(model, tokenizer, examples), strict=True):
        offsets = tokenizer.encode(example.text, add_special_tokens=False).offsets
        totals["exact"].append(all(_all_right(right, offsets, *span) for span in example.target_spans()))
        if "fields" in example.answer and task != "copy":
            totals["field"] += [_all_right(right, offsets, *span) for span in field_spans(example).values()]
    return {k: round(100 * sum(v) / len(v), 1) for k, v in totals.items()}


def quick_scores(model: TinyLlama, tokenizer: Tokenizer, count: int) -> dict[str, dict[str, float]]:
    """`score_task` for every task that has one right answer."""
    assert set(QUICK_TASKS) <= set(TASKS)
    model.eval()
    with torch.compiler.set_stance("force_eager"):  # rows of every length, one at a time: not worth compiling for
        scores = {task: score_task(model, tokenizer, task, count) for task in QUICK_TASKS}
    model.train()
    return scores
