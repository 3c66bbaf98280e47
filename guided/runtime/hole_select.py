"""Choosing one of several texts by the probability of the whole text.

P(option) is proportional to exp of the sum of log p over the canonical tokens of option + following text, up to the
first token boundary in the following text that all options share. The tokens before the first difference are fixed, so
they are decided without the model. One row gives every option's first token, which bounds its score from above;
greedy scores whole options best bound first until none left can win: mostly one or two forwards. A distribution, a
temperature or `normalize` scores all of them, sharing prefixes, in one more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from guided.errors import GenerationError
from guided.runtime.engine import Policy
from guided.runtime.healing import MAX_BACK, boundaries, utf8_length
from guided.runtime.hole import Healing, HoleResult, HoleToken
from guided.runtime.hole_grammar import RawChoice
from guided.runtime.hole_text import HOLE, OUTSIDE, TextState, append_text, prepare, take
from guided.runtime.scheduler import Ask, Row

if TYPE_CHECKING:
    from guided.runtime.engine import Engine, EngineSequence
    from guided.vocab import Vocabulary

__all__ = ["SelectRequest", "select_option"]

FOLLOWING_BYTES = 64
"""How far into the following text a common boundary is looked for."""

WAVE = 16
"""How many options greedy scores in its first wave; each further wave takes twice as many."""

MARGIN = 3.0
"""How far below the best bound an option may be to be scored in the same forward, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectRequest:
    """Options (distinct, none empty) and how to choose; `uniform` is the row's random number, for a temperature."""

    options: tuple[bytes, ...]
    following: bytes = b""
    temperature: float = 0.0
    uniform: Callable[[int], float] | None = None
    by_length: bool = False  # score per token
    wants_distribution: bool = False
    token_healing: bool = True
    fixed_mark: int = OUTSIDE


@dataclass(frozen=True, slots=True)
class _Paths:
    """The options as tokens after a common start: `tokens[i]`, at least one each; `extra` bytes follow the option.

    `crosses[i]`: a token of option i begins in the text before it.
    """

    text: TextState
    tokens: tuple[tuple[int, ...], ...]
    extra: int
    crosses: tuple[bool, ...]


def select_option(engine: Engine, text: TextState, request: SelectRequest) -> Row[HoleResult]:
    """Choose as a row of the scheduler."""
    if len(request.options) == 1:
        return _only(text, request)
    search = _Search(engine, request, _paths(engine.vocab, text, request))
    try:
        yield from search.run()
        return search.result()
    except BaseException:
        search.close()
        raise


class _Search:
    """The scores so far: exact ones, and bounds for the options not scored yet."""

    def __init__(self, engine: Engine, request: SelectRequest, paths: _Paths) -> None:
        self.engine = engine
        self.request = request
        self.paths = paths
        self.text = prepare(engine, paths.text)
        self.first: dict[int, float] = {}
        self.scores: dict[int, tuple[float, ...]] = {}  # option -> log p of each token
        self.forks: dict[int, EngineSequence] = {}
        self.size = WAVE

    def run(self) -> Row[None]:
        """Score until the choice is certain."""
        yield from self._score_first()
        needs_all = self.request.temperature > 0 or self.request.by_length or self.request.wants_distribution
        while wave := self._wave(needs_all):
            answers = yield [self._ask(option) for option in wave]
            for option, answer in zip(wave, answers, strict=True):
                assert answer.logprobs is not None
                head = self.first[self.paths.tokens[option][0]]
                self.scores[option] = (head, *(float(p) for p in answer.logprobs))

    def _score_first(self) -> Row[None]:
        """log p of every option's first token, from one row."""
        data = [self.engine.vocab.decode(path) for path in self.paths.tokens]
        matcher = RawChoice(data).compile(self.engine.vocab).matcher()
        count = len(matcher.allowed_tokens())
        seq = self.text.seq
        assert seq is not None
        policy = Policy(num=count, logprobs=True)
        answers = yield [Ask(seq, self.text.pending, policy=policy, matcher=matcher)]
        choice = answers[0].choice
        if choice is None or choice.logprobs is None:
            raise GenerationError("the engine gave no log p for a choice that asked for it")
        self.first = {int(t): float(p) for t, p in zip(choice.tokens, choice.logprobs, strict=True)}
        for option, path in enumerate(self.paths.tokens):
            if len(path) == 1:
                self.scores[option] = (self.first[path[0]],)

    def _wave(self, needs_all: bool) -> list[int]:
        """The options to score next; none if the choice is certain."""
        bounds = {i: self.first[p[0]] for i, p in enumerate(self.paths.tokens) if i not in self.scores}
        if needs_all or not bounds:
            return list(bounds)
        best = max((sum(s) for s in self.scores.values()), default=-math.inf)
        top = max(bounds.values())
        able = [i for i, bound in bounds.items() if bound >= best and bound >= top - MARGIN]
        wave = sorted(able, key=lambda i: (-bounds[i], i))[: self.size]
        self.size *= 2
        return wave

    def _ask(self, option: int) -> Ask:
        path = self.paths.tokens[option]
        assert self.text.seq is not None
        fork = self.forks[option] = self.engine.fork(self.text.seq)[0]
        return Ask(fork, path[:-1], want="all", targets=path[1:])

    def result(self) -> HoleResult:
        """The option taken, its sequence kept and the others given back."""
        values = {i: sum(s) / (len(s) if self.request.by_length else 1) for i, s in self.scores.items()}
        taken = self._take(values)
        path, scores = self.paths.tokens[taken], self.scores[taken]
        text = self._text_of(taken)
        self.close(keep=taken)
        option = self.request.options[taken]
        tokens = tuple(
            HoleToken(t, self.engine.vocab.tokens[t] or b"", "sampled", p) for t, p in zip(path, scores, strict=True)
        )
        whole = self.request.wants_distribution or len(values) == len(self.request.options)
        return HoleResult(
            text=option,
            extra=self.request.following[: self.paths.extra],
            lead=0,
            tokens=tokens,
            finish_reason="stop",
            num_sampled=len(path),
            num_forced=0,
            healing=_healing(self.request, self.paths.crosses[taken]),
            state=text,
            logprob=sum(scores),
            distribution=self._distribution(values) if whole else None,
        )

    def _take(self, values: dict[int, float]) -> int:
        request = self.request
        if request.temperature <= 0:
            return max(values, key=lambda i: (values[i], -i))
        order = sorted(values)
        top = max(values.values())
        weights = [math.exp((values[i] - top) / request.temperature) for i in order]
        aim = (request.uniform(0) if request.uniform is not None else 0.0) * sum(weights)
        return next((i for i, total in zip(order, accumulate(weights), strict=True) if total > aim), order[-1])

    def _distribution(self, values: dict[int, float]) -> dict[str, float]:
        """Over all options; it sums to 1."""
        top = max(values.values())
        weights = {i: math.exp(value - top) for i, value in sorted(values.items())}
        total = math.fsum(weights.values())
        return {self.request.options[i].decode(): weight / total for i, weight in weights.items()}

    def _text_of(self, option: int) -> TextState:
        """The text after `option`: all its tokens but the last are computed if it was scored by a fork."""
        path, extra, text = self.paths.tokens[option], self.paths.extra, self.text
        seq = self.forks.get(option, text.seq)
        if option not in self.forks and len(path) > 1:
            raise GenerationError("an option was taken that was not scored")
        mark = bytes([HOLE])
        behind = boundaries(self.engine.vocab, path)[-1] - (len(self.engine.vocab.tokens[path[-1]] or b""))
        is_behind = extra and behind >= self._num_bytes(option) - extra
        return TextState(seq, (path[-1],), bytes([self.request.fixed_mark]) if is_behind else mark)

    def _num_bytes(self, option: int) -> int:
        return sum(len(self.engine.vocab.tokens[t] or b"") for t in self.paths.tokens[option])

    def close(self, keep: int | None = None) -> None:
        """Give back every sequence but that of the option `keep`."""
        for option, seq in self.forks.items():
            if option != keep:
                self.engine.close(seq)
        if self.text.seq is not None and (keep is None or keep in self.forks):
            self.engine.close(self.text.seq)


def _healing(request: SelectRequest, crosses: bool) -> Healing:
    if not request.token_healing:
        return "off"
    return "healed" if crosses else "none"


def _only(text: TextState, request: SelectRequest) -> HoleResult:
    """One option: nothing to choose."""
    option = request.options[0]
    return HoleResult(
        text=option,
        extra=b"",
        lead=len(text.tail),
        tokens=(),
        finish_reason="stop",
        num_sampled=0,
        num_forced=0,
        healing=_healing(request, False),
        state=append_text(text, option, HOLE),
        logprob=0.0,
        distribution={option.decode(): 1.0},
    )


def _paths(vocab: Vocabulary, text: TextState, request: SelectRequest) -> _Paths:
    """The options as tokens, after the tokens that all of them begin with."""
    text = _settle(vocab, text, request.token_healing)
    following = request.following[:FOLLOWING_BYTES]
    following = following[: utf8_length(following)]
    lead = len(text.tail)
    encoded = [vocab.spell(text.tail + option + following) for option in request.options]
    ends = [boundaries(vocab, tokens) for tokens in encoded]
    inside = [lead + len(option) for option in request.options]
    cuts = [{end - size for end in e if end >= size} for e, size in zip(ends, inside, strict=True)]
    extra = min(set.intersection(*cuts))
    paths = [
        tuple(t for t, end in zip(tokens, e, strict=True) if end <= size + extra)
        for tokens, e, size in zip(encoded, ends, inside, strict=True)
    ]
    same = 0
    while all(len(p) > same + 1 for p in paths) and len({p[same] for p in paths}) == 1:
        same += 1
    crosses = tuple(bool(lead) and lead not in e for e in ends)
    return _Paths(_with_common(vocab, text, paths[0][:same]), tuple(p[same:] for p in paths), extra, crosses)


def _settle(vocab: Vocabulary, text: TextState, heal: bool) -> TextState:
    """Tokens for the tail but its last few, which the options may change."""
    tokens = vocab.spell(text.tail)
    keep = 0 if text.seq is not None or text.pending else min(1, len(tokens))
    count = max(keep, len(tokens) - MAX_BACK) if heal else len(tokens)
    return take(vocab, text, tokens[:count], sum(boundaries(vocab, tokens[:count])[-1:]))


def _with_common(vocab: Vocabulary, text: TextState, tokens: Sequence[int]) -> TextState:
    """The tokens that every option begins with, decided; they may reach into the options' text."""
    size = sum(boundaries(vocab, tokens)[-1:])
    missing = vocab.decode(tokens)[len(text.tail) :]
    text = take(vocab, append_text(text, missing, HOLE), tokens, size)
    return replace(text, tail=b"", tail_marks=b"")
