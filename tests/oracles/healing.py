"""Healing over real text: cut it anywhere, and go on with a model that knows the text in its canonical tokens alone.

    python -m tests.oracles.healing [--cuts 2000] [--seed 0]

takes pages and sources of this repository, three tokenizers, and `cuts` places in all. At each, one model writes what
comes next: it knows the text by heart, but only after tokens as the tokenizer makes them of the uncut text; so without
healing it is lost at most cuts. Another model has random logits and writes under a constraint.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from guided.constraints import Regex
from guided.program import GenerateRequest, generate_row
from guided.runtime.scheduler import Scheduler
from guided.vocab import Vocabulary
from tests.program.conftest import ScriptedEngine

__all__ = ["Cut", "Findings", "cuts_of", "judge", "vocabularies"]

ROOT = Path(__file__).parents[2]
CONSTRAINTS = (r"[a-z ]{1,20}", r"[0-9]{1,6}", r"[^\n]{3,12}", r"(?:the|a|an|of) [a-z]{2,8}", r"[A-Z][a-z]+\.")
BEFORE, AFTER, TOKENS = 240, 120, 6


@dataclass(frozen=True)
class Cut:
    """A window of a real text, cut after `at` characters."""

    window: str
    at: int

    @property
    def prompt(self) -> str:
        return self.window[: self.at]


@dataclass
class Findings:
    """How many cuts were tried, and where something was not as it should be."""

    num_cuts: int = 0
    lost: list[str] = field(default_factory=list)  # another continuation than the uncut one
    changed: list[str] = field(default_factory=list)  # bytes before the cut are not those of the prompt
    violated: list[str] = field(default_factory=list)  # a text that its constraint refuses

    def add(self, other: Findings) -> None:
        self.num_cuts += other.num_cuts
        self.lost += other.lost
        self.changed += other.changed
        self.violated += other.violated


class ByHeart(ScriptedEngine):
    """Knows one text, as tokens; after any other tokens its logits are noise."""

    def __init__(self, vocab: Vocabulary, tokens: Sequence[int]) -> None:
        super().__init__(vocab)
        self._known = tuple(tokens)

    def logits_after(self, prefix: tuple[int, ...]) -> np.ndarray:
        start = prefix[1:] if prefix and prefix[0] == self.vocab.bos_id else prefix
        row = super().logits_after(prefix)
        self._cache.clear()
        if start == self._known[: len(start)] and len(start) < len(self._known):
            row = row.copy()
            row[self._known[len(start)]] += 100
        return row


def vocabularies() -> Iterator[tuple[str, Vocabulary]]:
    """The shipped byte-level BPE, and, where mistral-common is installed, tekken and a SentencePiece model."""
    from guided_backends.builtin import shipped_model

    yield "shipped", Vocabulary.from_tokenizer(str(shipped_model()))
    try:
        import mistral_common
    except ImportError:
        return
    data = Path(mistral_common.__file__).parent / "data"
    yield "tekken", Vocabulary.from_tokenizer(data / "tekken_240911.json")
    yield "sentencepiece", Vocabulary.from_tokenizer(data / "mistral_instruct_tokenizer_240323.model.v3")


def cuts_of(count: int, seed: int = 0, pages: Sequence[str] = ("docs/*.md", "guided/*/*.py")) -> list[Cut]:
    """Random places in the pages and sources of this repository."""
    rng = random.Random(seed)
    paths = sorted(path for pattern in pages for path in ROOT.glob(pattern))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    made = []
    for _ in range(count):
        text = rng.choice([text for text in texts if len(text) > BEFORE + AFTER])
        place = rng.randrange(40, len(text) - AFTER)
        start = max(0, place - rng.randrange(20, BEFORE))
        made.append(Cut(text[start : place + AFTER], place - start))
    return made


def judge(vocab: Vocabulary, cuts: Sequence[Cut], *, heal: bool = True, seed: int = 0) -> Findings:
    """Both models at every cut."""
    found = Findings(len(cuts))
    noise = ScriptedEngine(vocab, seed=seed)
    for number, cut in enumerate(cuts):
        place = f"{cut.prompt[-30:]!r} | {cut.window[cut.at : cut.at + 20]!r}"
        text = _write(ByHeart(vocab, vocab.encode(cut.window.encode())), cut, found, place, heal)
        if not cut.window[cut.at :].startswith(text.rstrip("\ufffd")):
            found.lost.append(f"{place}: {text!r}")
        pattern = CONSTRAINTS[number % len(CONSTRAINTS)]
        options: dict[str, Any] = {"constraint": Regex(pattern), "temperature": 1.0, "row": number}
        text = _write(noise, cut, found, place, heal, **options)
        if not re.fullmatch(pattern, text):
            found.violated.append(f"{place}: {text!r}, {pattern}")
    return found


def _write(engine: Any, cut: Cut, found: Findings, place: str, heal: bool, **options: Any) -> str:
    """What the model writes; notes a prompt whose bytes are not in the cache as they were given."""
    options.setdefault("max_tokens", TOKENS)
    engine.opened.clear()
    if "constraint" in options:
        options["max_tokens"] = 60
    request = GenerateRequest(prompt=cut.prompt, token_healing=heal, **options)
    made = Scheduler(engine).run_one(generate_row(engine, request))
    (sequence,) = engine.opened
    computed = engine.vocab.decode([t for t in sequence.tokens if engine.vocab.tokens[t] is not None])
    spelled = (cut.prompt + made.text.rstrip("\ufffd")).encode()
    if not spelled.startswith(computed[: len(spelled)]) or len(computed) < len(cut.prompt.encode()) - 64:
        found.changed.append(f"{place}: {computed[-60:]!r}")
    return made.text


def main() -> None:
    """Judge, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    vocabs = list(vocabularies())
    for number, (name, vocab) in enumerate(vocabs):
        cuts = cuts_of(options.cuts // len(vocabs), options.seed + number)
        found = judge(vocab, cuts, seed=options.seed)
        unhealed = judge(vocab, cuts[:100], heal=False)
        without = f"{len(unhealed.lost)} of {unhealed.num_cuts} without healing"
        print(f"{name}: {found.num_cuts} cuts, {len(found.lost)} continued otherwise ({without}),", end=" ")
        print(f"{len(found.changed)} with other bytes, {len(found.violated)} violations")
        for line in [*found.lost[:8], *found.changed[:8], *found.violated[:8]]:
            print("  ", line)


if __name__ == "__main__":
    main()
