"""A vocabulary of single bytes and a few words, and an engine whose logits are a function of the tokens before them.

The engine's distribution can be enumerated, so what decoders do is compared with what they should do. With `says` it
prefers the tokens of a given text and is otherwise the same.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

import guided
from guided.errors import GenerationError
from guided.lang import parse
from guided.program import Program, RunResult, compile_program, readable, segments
from guided.runtime import sampling
from guided.runtime.engine import Capabilities, EngineInfo, EngineStats
from guided.runtime.scheduler import Scheduler
from guided.source import Source
from guided.vocab import Vocabulary

WORDS = (
    "://",
    "http",
    '{"',
    '":',
    '",',
    " is",
    " island",
    "sword",
    "the",
    " cross",
    " crossbow",
    "no",
    "nothing",
    "ing",
)
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_vocab(words: Iterable[str] = WORDS, *, chat: bool | str = False) -> Vocabulary:
    """Byte-level BPE: every byte, and `words` by merges from the left."""
    letters = {chr(byte): letter for byte, letter in enumerate(_alphabet())}
    vocab = {letter: i for i, letter in enumerate(_alphabet())}
    merges = []
    for word in words:
        spelled = [letters[chr(byte)] for byte in word.encode()]
        for size in range(1, len(spelled)):
            pair = ("".join(spelled[:size]), spelled[size])
            if "".join(pair) not in vocab:
                vocab["".join(pair)] = len(vocab)
                merges.append(pair)
    tokenizer = Tokenizer(BPE(vocab, merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = ByteLevelDecoder()
    special = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special])
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(f"{folder}/tokenizer.json")
        config = {"eos_token": "<|end|>", **({"chat_template": CHAT if chat is True else chat} if chat else {})}
        Path(folder, "tokenizer_config.json").write_text(json.dumps(config))
        return Vocabulary.from_tokenizer(folder)


def _alphabet() -> list[str]:
    """The letter that byte-level BPE writes for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) if byte in plain else chr(256 + others.index(byte)) for byte in range(256)]


class Sequence_:
    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = list(tokens)
        self.is_closed = False

    @property
    def length(self) -> int:
        return len(self.tokens)


@dataclass
class Rows:
    prefixes: list[tuple[int, ...]]

    @property
    def rows(self) -> int:
        return len(self.prefixes)

    def row(self, index: int) -> Rows:
        return Rows([self.prefixes[index]])


class ScriptedEngine:
    """Logits are a hash of the tokens so far; `says` is a text that the model wants to have written."""

    def __init__(self, vocab: Vocabulary, *, seed: int = 0, says: str = "", scale: float = 1.5) -> None:
        self.vocab = vocab
        self.capabilities = Capabilities()
        self.stats = EngineStats()
        self.info = EngineInfo("scripted", "tests")
        self.says = says.encode()
        self._seed = seed
        self._scale = scale
        self._cache: dict[tuple[int, ...], np.ndarray] = {}
        self.opened: list[Sequence_] = []

    def logits_after(self, prefix: tuple[int, ...]) -> np.ndarray:
        """float32[V]."""
        if prefix not in self._cache:
            digest = hashlib.blake2b(repr((self._seed, prefix)).encode(), digest_size=8).digest()
            rng = np.random.default_rng(int.from_bytes(digest, "little"))
            row = (rng.standard_normal(self.vocab.size) * self._scale).astype(np.float32)
            if self.says:
                row += self._wish(self.vocab.decode(prefix))
            self._cache[prefix] = row
        return self._cache[prefix]

    def logprobs_after(self, prefix: Sequence[int]) -> np.ndarray:
        """float64[V]: log p of each next token."""
        return sampling.log_softmax(self.logits_after(tuple(prefix)))

    def _wish(self, text: bytes) -> np.ndarray:
        """The longer a token goes on with the wanted text, the better; at its end, the end token."""
        wish = np.zeros(self.vocab.size, np.float32)
        if not self.says.startswith(text):
            return wish
        rest = self.says[len(text) :]
        for token, data in enumerate(self.vocab.tokens):
            if data and rest.startswith(data):
                wish[token] = 30 + 10 * len(data)
        if not rest:
            wish[sorted(self.vocab.eos_ids)] = 40
        return wish

    def open(self, tokens: Sequence[int]) -> Sequence_:
        self.opened.append(Sequence_([]))
        return self.opened[-1]

    def fork(self, seq: Sequence_, n: int = 1) -> list[Sequence_]:
        assert not seq.is_closed
        made = [Sequence_(seq.tokens) for _ in range(n)]
        self.opened += made
        return made

    def crop(self, seq: Sequence_, length: int) -> None:
        assert not seq.is_closed
        assert 0 <= length <= seq.length
        del seq.tokens[length:]

    def close(self, seq: Sequence_) -> None:
        seq.is_closed = True

    def step(self, work: Sequence) -> list[Rows]:
        assert len({id(item.seq) for item in work}) == len(work), "a sequence stands twice in one step"
        made = []
        for item in work:
            assert not item.seq.is_closed
            assert len(item.tokens)
            start = item.seq.length
            item.seq.tokens.extend(int(t) for t in item.tokens)
            stops = range(start + 1, item.seq.length + 1)
            wanted = {"all": list(stops), "last": list(stops)[-1:], "none": []}[item.want]
            made.append(Rows([tuple(item.seq.tokens[:stop]) for stop in wanted]))
            self.stats.tokens_computed += len(item.tokens)
        self.stats.forward_calls += 1
        return made

    def select(self, rows: Sequence[Rows], masks, policies) -> list:
        chosen = []
        for i, (row, policy) in enumerate(zip(rows, policies, strict=True)):
            assert row.rows == 1
            ids = np.arange(self.vocab.size, dtype=np.int32)
            if masks is not None:
                bits = np.unpackbits(masks[i].view(np.uint8), count=self.vocab.size, bitorder="little")
                ids = np.flatnonzero(bits).astype(np.int32)
            if not len(ids):
                raise GenerationError("no token is allowed")
            logits = self.logits_after(row.prefixes[0])
            log_total = float(sampling.logsumexp(logits)) if policy.logprobs else None
            chosen.append(sampling.choose(logits[ids], ids, policy, log_total=log_total))
        return chosen

    def logits(self, hidden: Rows) -> np.ndarray:
        return np.stack([self.logits_after(prefix) for prefix in hidden.prefixes])

    def logprobs(self, hidden: Rows, targets: Sequence[int]) -> np.ndarray:
        return np.array([self.logprobs_after(p)[t] for p, t in zip(hidden.prefixes, targets, strict=False)], np.float64)

    def shutdown(self) -> None:
        pass

    @property
    def num_open(self) -> int:
        return sum(not seq.is_closed for seq in self.opened)


@dataclass(frozen=True)
class Play:
    """A run, its engine, and how it reads."""

    result: RunResult
    engine: ScriptedEngine
    events: list

    @property
    def trace(self) -> str:
        return readable(segments(self.result.pieces))

    @property
    def calls(self) -> int:
        return self.engine.stats.forward_calls


def program(text: str) -> Program:
    return compile_program(parse(Source(text, "test.guided")))


def play_template(text: str, *, says: str = "", words=WORDS, seed: int = 0, chat: bool | str = False, **run) -> Play:
    """Run a template; `says` is the text that the model wants, from the template's start."""
    engine = ScriptedEngine(make_vocab(words, chat=chat), says=says, seed=seed)
    events: list = []
    inputs = run.pop("inputs", {})
    row = program(text).row(engine, inputs, seed=seed, emit=events.append, **run)
    result = Scheduler(engine).run_one(row)
    assert engine.num_open == 0, "a sequence was not given back"
    return Play(result, engine, events)


@pytest.fixture(scope="session")
def play() -> Callable[..., Play]:
    return play_template


@pytest.fixture(scope="module")
def model() -> Iterator[guided.Model]:
    """The shipped one."""
    with guided.load_model() as loaded:
        yield loaded


@pytest.fixture(scope="session")
def vocab() -> Vocabulary:
    return make_vocab()


@pytest.fixture(scope="session")
def bytewise() -> Vocabulary:
    """Single bytes only: every text has exactly one spelling."""
    return make_vocab(())


@pytest.fixture
def engine_of() -> Callable[..., ScriptedEngine]:
    return ScriptedEngine


@pytest.fixture(scope="session")
def vocab_of() -> Callable[..., Vocabulary]:
    return make_vocab


@pytest.fixture(scope="session")
def compiled() -> Callable[[str], Program]:
    return program
