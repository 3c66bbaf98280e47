"""Rows on one scheduler: merged, isolated from each other, closed, and the same as when they run alone."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from guided.errors import GenerationError, GuidedError, ToolError
from guided.runtime.engine import Policy
from guided.runtime.sampling import uniform_at
from guided.runtime.scheduler import Ask, Scheduler

VOCAB = 40


class Allow:
    """A matcher that allows some tokens, for ever."""

    def __init__(self, *tokens: int) -> None:
        self.tokens = tokens

    def fill_mask(self, out: np.ndarray) -> None:
        out[:] = 0
        for token in self.tokens:
            out[token >> 5] |= np.uint32(1 << (token & 31)).astype(np.int32)


@pytest.fixture(autouse=True)
def _python_masks(monkeypatch):
    def fill_masks(matchers, out):
        for matcher, row in zip(matchers, out, strict=True):
            matcher.fill_mask(row)

    monkeypatch.setitem(sys.modules, "guided.matcher", SimpleNamespace(fill_masks=fill_masks))


@pytest.fixture
def engine(path_engine):
    return path_engine(4000, num_tokens=VOCAB, max_len=200)


def decode(engine, prompt, count, *, matcher=None, seed=None, log=None):
    """A row: `count` tokens after the prompt, greedy or sampled."""
    seq = engine.open(prompt)
    try:
        pending, out = list(prompt[seq.length :]), []
        for position in range(count):
            policy = Policy() if seed is None else Policy(temperature=1.0, uniform=uniform_at(seed, 0, position))
            (answer,) = yield [Ask(seq, pending, policy=policy, matcher=matcher)]
            pending = [int(answer.choice.tokens[0])]
            out += pending
        return out
    finally:
        engine.close(seq)
        if log is not None:
            log.append(prompt)


def live_tokens(engine):
    """Tokens that stay when everything idle is evicted."""
    engine.shutdown()
    return engine.num_cached


PROMPTS = [[1, 2, 3, n % 7, n] for n in range(20)]


@pytest.mark.parametrize("seed", [None, 5], ids=["greedy", "seeded"])
@pytest.mark.parametrize("max_batch", [1, 3, 64])
def test_rows_give_the_same_together_as_alone(path_engine, max_batch, seed):
    def fresh():
        return path_engine(4000, num_tokens=VOCAB, max_len=200)

    alone = []
    for n, prompt in enumerate(PROMPTS):
        engine = fresh()
        alone.append(Scheduler(engine).run_one(decode(engine, prompt, n % 6, seed=seed)))
    engine = fresh()
    rows = (decode(engine, prompt, n % 6, seed=seed) for n, prompt in enumerate(PROMPTS))
    assert Scheduler(engine).run(rows, max_batch=max_batch) == alone
    assert live_tokens(engine) == 0


def test_rows_join_as_others_finish(engine):
    log, started = [], []

    def rows():
        for n, prompt in enumerate(PROMPTS):
            started.append(n)
            assert len(started) - len(log) <= 4
            yield decode(engine, prompt, 1 + n % 5, log=log)

    before = engine.stats.forward_calls
    results = Scheduler(engine).run(rows(), max_batch=4)
    assert [len(result) for result in results] == [1 + n % 5 for n in range(20)]
    assert engine.stats.forward_calls - before <= 60 / 4 + 4  # 60 tokens, four rows at a time


def test_one_forward_per_wave(engine):
    Scheduler(engine).run(decode(engine, prompt, 5) for prompt in PROMPTS)
    assert engine.stats.forward_calls == 5


def test_a_row_that_fails_ends_alone(engine):
    def failing(prompt):
        inner = decode(engine, prompt, 5)
        answers = yield next(inner)
        try:
            yield inner.send(answers)
            raise ToolError("the tool is broken")
        finally:
            inner.close()

    expected = Scheduler(engine).run_one(decode(engine, PROMPTS[0], 5))
    results = Scheduler(engine).run([decode(engine, PROMPTS[0], 5), failing(PROMPTS[1]), decode(engine, PROMPTS[0], 5)])
    assert results[0] == results[2] == expected
    assert isinstance(results[1], ToolError)
    assert live_tokens(engine) == 0


@pytest.mark.parametrize("fault", ["too long", "no such token", "dead mask"])
def test_a_row_that_the_engine_refuses_ends_alone(engine, fault):
    def refused():
        seq = engine.open([])
        try:
            tokens = {"too long": [1] * 201, "no such token": [VOCAB], "dead mask": [1]}[fault]
            yield [Ask(seq, [1], "none")]
            yield [Ask(seq, tokens, policy=Policy(), matcher=Allow())]
        finally:
            engine.close(seq)

    expected = [Scheduler(engine).run_one(decode(engine, prompt, 4, matcher=Allow(5, 6))) for prompt in PROMPTS[:3]]
    computed = engine.stats.tokens_forced
    rows = [decode(engine, prompt, 4, matcher=Allow(5, 6)) for prompt in PROMPTS[:3]]
    results = Scheduler(engine).run([rows[0], refused(), *rows[1:]])
    assert [results[0], *results[2:]] == expected
    assert isinstance(results[1], GenerationError)
    assert engine.stats.tokens_forced == computed
    assert live_tokens(engine) == 0


def test_a_row_may_handle_what_the_engine_refuses(engine):
    def careful():
        seq = engine.open([])
        try:
            yield [Ask(seq, [1] * 500)]
        except GenerationError:
            (answer,) = yield [Ask(seq, [1], policy=Policy(), matcher=Allow(7))]
            return int(answer.choice.tokens[0])
        finally:
            engine.close(seq)

    assert Scheduler(engine).run([careful(), decode(engine, [1, 2], 3)])[0] == 7


def test_other_exceptions_propagate_after_all_rows_are_closed(engine):
    def broken():
        seq = engine.open([])
        yield [Ask(seq, [1], "none")]
        engine.close(seq)
        raise ZeroDivisionError

    log = []
    with pytest.raises(ZeroDivisionError):
        Scheduler(engine).run([decode(engine, [1, 2], 9, log=log), broken(), decode(engine, [3], 9, log=log)])
    assert log == [[1, 2], [3]]
    assert live_tokens(engine) == 0


def test_run_one_raises_the_error_of_its_row(engine):
    with pytest.raises(GenerationError, match="no token is allowed"):
        Scheduler(engine).run_one(decode(engine, [1], 3, matcher=Allow()))


def test_a_row_may_return_at_once_or_ask_for_nothing(engine):
    def idle():
        assert (yield []) == []
        return "done"

    assert Scheduler(engine).run([idle(), decode(engine, [1], 0)]) == ["done", []]
    assert Scheduler(engine).run([]) == []
    assert engine.stats.forward_calls == 0


def test_iterate_gives_control_back_between_waves(engine):
    expected = Scheduler(engine).run_one(decode(engine, [1, 2], 4))
    waves = []

    def consume():
        result = yield from Scheduler(engine).iterate(decode(engine, [1, 2], 4))
        waves.append(result)

    assert len(list(consume())) == 5  # after the start and after each of four waves
    assert waves == [expected]


def test_closing_a_stream_early_closes_the_row(engine):
    log = []
    waves = Scheduler(engine).iterate(decode(engine, [1, 2], 9, log=log))
    next(waves)
    next(waves)
    waves.close()
    assert log == [[1, 2]]
    assert live_tokens(engine) == 0


def test_iterate_raises_the_error_of_its_row(engine):
    with pytest.raises(GuidedError, match="no token is allowed"):
        list(Scheduler(engine).iterate(decode(engine, [1], 3, matcher=Allow())))


def test_a_row_may_ask_for_many_sequences_at_once(engine):
    def beam():
        seq = engine.open([])
        (answer,) = yield [Ask(seq, [1, 2], policy=Policy(num=3, logprobs=True), matcher=Allow(4, 5, 6, 7))]
        twins = engine.fork(seq, 3)
        asks = [
            Ask(t, [int(k)], policy=Policy(num=2, logprobs=True))
            for t, k in zip(twins, answer.choice.tokens, strict=True)
        ]
        second = yield asks
        for one in [seq, *twins]:
            engine.close(one)
        return [len(a.choice.tokens) for a in second]

    assert Scheduler(engine).run_one(beam()) == [2, 2, 2]
    assert engine.stats.forward_calls == 2
    assert live_tokens(engine) == 0


def test_fixed_text_is_scored_and_the_next_token_chosen_in_one_forward(engine):
    def row():
        seq = engine.open([])
        ask = Ask(seq, [3, 4, 5], "all", policy=Policy(), matcher=Allow(9, 11), targets=[4, 5], num_forced=2)
        (answer,) = yield [ask]
        (alone,) = yield [Ask(seq, [6], policy=Policy(num=VOCAB, logprobs=True))]
        engine.close(seq)
        return answer, alone

    answer, _ = Scheduler(engine).run_one(row())
    assert answer.choice.tokens[0] in (9, 11)
    rows = [engine.head(np.array([engine.number(text)], object), None)[0] for text in ([3], [3, 4])]
    expected = [float(r[t] - np.log(np.exp(r.astype(float)).sum())) for r, t in zip(rows, (4, 5), strict=True)]
    assert np.allclose(answer.logprobs, expected)
    assert engine.stats.tokens_forced == 2
    assert engine.stats.mask_seconds > 0


def test_threads_share_one_scheduler(engine):
    scheduler = Scheduler(engine)
    expected = [scheduler.run_one(decode(engine, prompt, 6)) for prompt in PROMPTS]
    results: list = [None] * len(PROMPTS)

    def work(n):
        results[n] = scheduler.run_one(decode(engine, PROMPTS[n], 6))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(PROMPTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == expected
