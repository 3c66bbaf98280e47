"""Doubles of a model's session, so that the loop is tested without weights: one writes a script, one at random.

Both hold to the grammar with the real matcher: what the mask refuses they cannot write.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from guided.errors import BudgetTooSmall
from guided.program.state import Piece
from guided.runtime.engine import Capabilities, EngineStats
from guided.vocab import Vocabulary

CORPUS = [
    "Answer the question. You can use these tools:\n",
    "calculator(expression: string) - Evaluate an arithmetic expression.\n",
    'Thought: I need to work out 12 + 30 first.\nAction: calculator({"expression": "12 + 30"})\nObservation: 42\n',
    "Thought: I know the answer.\nAnswer: 168\n",
] * 4


@pytest.fixture(scope="session")
def vocab() -> Vocabulary:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return Vocabulary.from_tokenizer(tokenizer, eos_ids=[tokenizer.token_to_id("<|end|>")])


@dataclass
class Session:
    """The part of a session that an agent uses. The model's `writes` makes a turn's bytes."""

    model: DoubleModel
    scheduler: None
    seed: int
    text_so_far: str = ""
    is_closed: bool = False
    pieces: list[Piece] = field(default_factory=list)
    stats: EngineStats = field(default_factory=EngineStats)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.model.sessions.append(self)

    def text(self, text: str) -> None:
        self.text_so_far += text

    def close(self) -> None:
        self.is_closed = True

    def gen(self, name, *, constraint, max_tokens, temperature):
        matcher = constraint.compile(self.model.vocab).matcher()
        shortest = len(self.model.vocab.encode(matcher.shortest_completion()))
        if max_tokens is not None and shortest > max_tokens:
            raise BudgetTooSmall(max_tokens, shortest)
        written = self.model.writes(matcher, max_tokens, self.random).decode()
        check = constraint.compile(self.model.vocab).matcher()
        assert check.accept_bytes(written.encode()), f"the grammar refuses {written!r}"
        assert check.is_accepting, f"not complete: {written!r}"
        self.model.turns.append((name, written, max_tokens))
        self.text_so_far += written
        self.pieces.append(Piece(written, "model", name))
        return constraint.parse(written)


@dataclass
class DoubleModel:
    """A model whose sessions write as told."""

    vocab: Vocabulary
    max_len: int = 1 << 20
    script: list[str] = field(default_factory=list)
    turns: list[tuple[str, str, int | None]] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    scheduler: None = None

    @property
    def engine(self) -> DoubleModel:
        return self

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(max_len=self.max_len)

    def writes(self, matcher, max_tokens, random) -> bytes:
        return self.script.pop(0).encode() if self.script else self.shortest(matcher)

    @staticmethod
    def shortest(matcher) -> bytes:
        return matcher.shortest_completion()


@dataclass
class RandomModel(DoubleModel):
    """Every token that the mask allows is equally likely; near the end of its tokens it takes the shortest way out."""

    def writes(self, matcher, max_tokens, random) -> bytes:
        ends = self.vocab.eos_ids
        written, used = b"", 0
        while True:
            allowed = matcher.allowed_tokens()
            choices = [int(t) for t in allowed if int(t) not in ends]
            if not choices or (matcher.is_accepting and random.random() < 0.5):
                return written
            token = choices[random.integers(len(choices))]
            ahead = matcher.fork()
            assert ahead.accept_token(token)
            way_out = len(self.vocab.encode(ahead.shortest_completion()))
            if max_tokens is not None and used + 1 + way_out > max_tokens:
                return written + matcher.shortest_completion()
            matcher, used = ahead, used + 1
            written += self.vocab.tokens[token]


@pytest.fixture
def scripted(vocab, monkeypatch):
    """`scripted("turn", ...)`: a model that writes these turns, then the shortest ones that are allowed."""

    monkeypatch.setattr("guided.agents.writer.Session", Session)

    def make(*script: str, max_len: int = 1 << 20) -> DoubleModel:
        return DoubleModel(vocab, max_len=max_len, script=list(script))

    return make


@pytest.fixture
def random_model(vocab, monkeypatch):
    monkeypatch.setattr("guided.agents.writer.Session", Session)
    return lambda **options: RandomModel(vocab, **options)
