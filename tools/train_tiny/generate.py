"""The mixture of tasks, and a command that prints samples of it.

`example(seed, index, split)` depends on its arguments alone: a trainer can resume at any index, and two runs with
a seed see the same text. About three quarters of the documents are copying tasks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from random import Random

from tools.train_tiny import (
    tasks_chat,
    tasks_extract,
    tasks_json,
    tasks_labels,
    tasks_links,
    tasks_profile,
    tasks_react,
    values,
)
from tools.train_tiny.examples import Example, Segment, pair
from tools.train_tiny.words import Split


def copying(rng: Random, split: Split) -> Example:
    """Pure copying: a list of strings repeated in JSON, or picked by key."""
    items = [values.word(rng, split) for _ in range(rng.randint(2, 6))]
    return pair(
        "copy", f"Copy: {' | '.join(items)}\nJSON:", f" {tasks_extract.dumps(items)}\n", fields={"items": items}
    )


def extract_canonical(rng: Random, split: Split) -> Example:
    """Extraction with every field in its declared order: what evaluation asks for."""
    return tasks_extract.person_like(rng, split, True)


def extract_any(rng: Random, split: Split) -> Example:
    """Extraction with the fields sometimes shuffled or left out."""
    return tasks_extract.person_like(rng, split, False)


TaskMaker = Callable[[Random, Split], Example]

MIXTURE: tuple[tuple[TaskMaker, float], ...] = (
    (extract_any, 30),
    (tasks_extract.free, 12),
    (tasks_json.described, 8),
    (copying, 4),
    (tasks_links.link, 7),
    (tasks_profile.profile, 5),
    (tasks_labels.sentiment, 8),
    (tasks_labels.topic, 5),
    (tasks_react.calculation, 18),
    (tasks_react.look_up, 3),
    (tasks_react.look_up_then_calculate, 5),
    (tasks_react.other_tool, 3),
    (tasks_chat.chat_task, 8),
    (tasks_chat.small_talk, 2),
)
TASKS: dict[str, TaskMaker] = {
    "extract": extract_canonical,
    "extract_free": tasks_extract.free,
    "json": tasks_json.described,
    "copy": copying,
    "links": tasks_links.link,
    "profile": tasks_profile.profile,
    "sentiment": tasks_labels.sentiment,
    "topic": tasks_labels.topic,
    "react": tasks_react.calculation,
    "react_lookup": tasks_react.look_up,
    "react_lookup_two": tasks_react.look_up_then_calculate,
    "react_tool": tasks_react.other_tool,
    "chat": tasks_chat.chat_task,
}
WARM_UP: tuple[tuple[TaskMaker, float], ...] = (
    (copying, 4),
    (tasks_extract.free, 5),
    (tasks_extract.free, 1),
    (extract_any, 3),
    (tasks_json.described, 2),
)


def example(
    seed: int, index: int, split: Split = "train", mixture: tuple[tuple[TaskMaker, float], ...] = MIXTURE
) -> Example:
    """Document number `index` of the stream `seed`."""
    rng = Random(f"{seed}/{split}/{index}")
    makers, weights = zip(*mixture, strict=True)
    made: Example = rng.choices(makers, weights)[0](rng, split)
    if rng.random() < 0.06 and not made.task.startswith(("chat", "react", "profile")):
        return few_shot(rng, split, made)
    return made


def few_shot(rng: Random, split: Split, last: Example) -> Example:
    """The document after others, each with its answer, parted by an empty line; a few are long."""
    segments: list[Segment] = []
    for _ in range(rng.randint(1, 3) if rng.random() < 0.9 else rng.randint(5, 9)):
        maker = TASKS.get(last.task, tasks_extract.free)
        segments += [*maker(rng, split).segments, Segment("\n", False)]
    return Example(last.task, (*segments, *last.segments), last.answer)


def of_task(task: str, seed: int, count: int, split: Split) -> list[Example]:
    """`count` documents of one task."""
    return [TASKS[task](Random(f"{seed}/{split}/{task}/{i}"), split) for i in range(count)]


def main() -> None:
    """Print samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--task", choices=sorted(TASKS), help="one task instead of the mixture")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    args = parser.parse_args()
    made = (
        of_task(args.task, args.seed, args.count, args.split)
        if args.task
        else [example(args.seed, i, args.split) for i in range(args.count)]
    )
    for item in made:
        print(f"--- {item.task}")
        print("".join(f"[[{s.text}]]" if s.is_target else s.text for s in item.segments))


if __name__ == "__main__":
    main()
