"""Exact match per task on held-out documents, without a constraint and with one.

Names, places, things and syllables of these documents never occur in training. Every target of a document is asked
for on its own, after the right text before it (so observations are given). Shares are in percent.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tools.train_tiny.generate import TASKS, of_task
from tools.train_tiny.writers import GuidedWriter, PlainWriter, Question, Writer

Grades = dict[str, list[bool]]
PLAIN_ONLY = ("chat", "profile")


def questions_of(task: str, seed: int, count: int) -> list[Question]:
    """Every target of `count` documents."""
    found = [Question(p, right, e) for e in of_task(task, seed, count, "heldout") for p, right in e.questions()]
    return [q for q in found if q.right.strip() not in ("", "<|end|>")]


def parsed(text: str) -> Any:
    """The JSON value of a text, or None."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def action_line(text: str) -> str | None:
    """The `Action:` line, if there is one."""
    return next((line for line in text.split("\n") if line.startswith("Action: ")), None)


def grade(q: Question, text: str, grades: Grades) -> None:
    """Append what is right about one completion."""
    grades["exact"].append(text.strip() == q.right.strip().removesuffix("<|end|>").strip())
    fields = q.example.answer.get("fields")
    if fields and q.example.task != "copy":
        got = parsed(text)
        got = got if isinstance(got, dict) else {}
        for key, value in fields.items():
            grades["field"].append(key in got and got[key] == value)
            if isinstance(value, str) and key in (
                "name",
                "customer",
                "author",
                "owner",
                "passenger",
                "sender",
                "recipient",
                "person",
            ):
                grades["name"].append(got.get(key) == value)
    if (wanted := action_line(q.right)) is not None:
        grades["action"].append(action_line(text) == wanted)
    elif "Answer: " in q.right:
        grades["answer"].append(text.strip() == q.right.strip())


def grade_profile(q: Question, text: str, grades: Grades) -> None:
    """A profile has no single answer: does it parse, and do class and armor fit the description?"""
    whole = (q.prompt[q.prompt.index("{") :] + text).split("```")[0]
    got = parsed(whole)
    got = got if isinstance(got, dict) else {}
    grades["parses"].append(bool(got))
    grades["class"].append(got.get("class") == q.example.answer["class"])
    grades["armor"].append(got.get("armor") == q.example.answer["armor"])


def whole_documents(questions: list[Question], texts: list[str]) -> dict[str, list[bool]]:
    """Per task of the documents: are all actions of a document right?"""
    rights: dict[int, list[bool]] = defaultdict(list)
    tasks: dict[int, str] = {}
    for q, text in zip(questions, texts, strict=True):
        if (wanted := action_line(q.right)) is not None:
            rights[id(q.example)].append(action_line(text) == wanted)
            tasks[id(q.example)] = q.example.task
    out: dict[str, list[bool]] = defaultdict(list)
    for key, flags in rights.items():
        out[f"all actions of {tasks[key]}"].append(all(flags))
    return out


def evaluate(writer: Writer, task: str, seed: int, count: int) -> dict[str, float]:
    """Shares of one task."""
    questions = questions_of(task, seed, count)
    texts = writer.write(questions)
    grades: Grades = defaultdict(list)
    for q, text in zip(questions, texts, strict=True):
        (grade_profile if task == "profile" else grade)(q, text, grades)
    grades |= whole_documents(questions, texts)
    return {name: round(100 * sum(flags) / len(flags), 1) for name, flags in grades.items()}


def misses(writer: Writer, task: str, seed: int, count: int) -> None:
    """Print what was wrong."""
    questions = questions_of(task, seed, count)
    for q, text in zip(questions, writer.write(questions), strict=True):
        if text.strip() != q.right.strip():
            print(f"{q.prompt[-200:]!r}\n  right {q.right!r}\n  wrote {text!r}")


def main() -> None:
    """Print one line of JSON per task and way of writing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("--tasks", nargs="+", choices=sorted(TASKS), default=list(TASKS))
    parser.add_argument("--count", type=int, default=200, help="documents per task")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--constrained", action="store_true", help="through guided, with the task's constraint")
    parser.add_argument("--misses", action="store_true", help="print the wrong completions instead")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if not args.constrained:
        import torch

        torch.set_num_threads(args.threads)
    writer: Writer = GuidedWriter(args.model) if args.constrained else PlainWriter(args.model)
    for task in args.tasks:
        if args.constrained and task in PLAIN_ONLY:
            continue
        if args.misses:
            misses(writer, task, args.seed, args.count)
            continue
        began = time.monotonic()
        shares = evaluate(writer, task, args.seed, args.count)
        print(json.dumps({"task": task, **shares, "seconds": round(time.monotonic() - began, 1)}), flush=True)


if __name__ == "__main__":
    main()
