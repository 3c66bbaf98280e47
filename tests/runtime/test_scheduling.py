"""Many calls on one loop: threads, tasks, priorities, deadlines, cancellation, long prompts beside short steps."""

from __future__ import annotations

import gc
import threading
import time
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from guided.errors import CacheFull, Cancelled, DeadlineExceeded, GenerationError
from guided.runtime import wave
from guided.runtime.engine import Policy
from guided.runtime.scheduler import Ask, Job, Scheduler

VOCAB = 40
PROMPTS = [[1, 2, 3, n % 7, n] for n in range(20)]


@pytest.fixture(scope="module")
def quick_engine(path_engine):
    """For long texts: hidden rows are check sums of what is attended to."""

    class QuickEngine(path_engine):
        def forward(self, plan):
            self.memory[plan.write] = plan.tokens
            seen = [slots for segment in plan.segments for slots in self._seen(segment)]
            return np.array([zlib.crc32(self.memory[seen[i]].tobytes()) for i in plan.wanted], np.int64)

        def _seen(self, segment):
            return [segment.slots[: segment.start + i + 1] for i in range(len(segment.tokens))]

        def head(self, states, token_ids):
            wide = (states[:, None] * 2654435761 + np.arange(self.num_logits) * 40503 * states[:, None]) % 9973
            logits = (wide / 1000).astype(np.float32)
            return logits if token_ids is None else logits[:, token_ids]

    return QuickEngine


@pytest.fixture
def engine(quick_engine):
    return quick_engine(6000, num_tokens=VOCAB, max_len=3000)


def decode(engine, prompt, count, *, log=None, name=None, on_step=None):
    """A row: `count` greedy tokens after the prompt."""
    seq = engine.open(prompt)
    try:
        pending, out = list(prompt[seq.length :]), []
        for _ in range(count):
            (answer,) = yield [Ask(seq, pending, policy=Policy())]
            pending = [int(answer.choice.tokens[0])]
            out += pending
            if on_step is not None:
                on_step()
        return out
    finally:
        engine.close(seq)
        if log is not None:
            log.append(name if name is not None else tuple(prompt))


def live_tokens(engine):
    engine.shutdown()
    return engine.num_cached


def in_threads(calls):
    results = [None] * len(calls)

    def work(i):
        try:
            results[i] = calls[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return results


# One loop for all callers.


def test_a_lone_caller_needs_no_thread(engine):
    scheduler = Scheduler(engine)
    before = threading.active_count()
    scheduler.run(decode(engine, prompt, 5) for prompt in PROMPTS)
    list(scheduler.iterate(decode(engine, [1], 5)))
    assert threading.active_count() == before
    assert scheduler._thread is None


def test_calls_from_many_threads_share_their_forwards(engine):
    scheduler = Scheduler(engine)
    expected = [scheduler.run_one(decode(engine, prompt, 30)) for prompt in PROMPTS]
    gate, before = threading.Barrier(len(PROMPTS)), engine.stats.forward_calls

    def call(prompt):
        gate.wait()
        return scheduler.run_one(decode(engine, prompt, 30, on_step=lambda: time.sleep(0.0005)))

    assert in_threads([lambda p=p: call(p) for p in PROMPTS]) == expected
    assert engine.stats.forward_calls - before < 0.5 * 30 * len(PROMPTS)
    assert live_tokens(engine) == 0


def test_the_decode_thread_ends_when_it_is_idle(engine, monkeypatch):
    monkeypatch.setattr("guided.runtime.scheduler.IDLE_SECONDS", 0.05)
    scheduler = Scheduler(engine)
    job = Job([decode(engine, [1], 3)], max_batch=1)
    scheduler.submit(job)
    job.wait()
    thread = scheduler._thread
    thread.join(5)
    assert not thread.is_alive()
    assert scheduler.run_one(decode(engine, [1], 3)) == job.only_result()
    assert scheduler._thread is None


def test_rows_join_while_others_run(engine):
    scheduler = Scheduler(engine)
    started, joined = threading.Event(), threading.Event()
    finished: list[bool] = []  # whether the long one was, at each step of the other

    def wait_for_the_other():
        started.set()
        joined.wait(0.02)

    def note():
        joined.set()
        finished.append(long.is_finished)

    long = Job([decode(engine, [1], 400, on_step=wait_for_the_other)], max_batch=1)
    scheduler.submit(long)
    assert started.wait(10)
    assert len(scheduler.run_one(decode(engine, [2], 3, on_step=note))) == 3
    assert finished == [False, False, False]
    scheduler.cancel(long)
    long.wait()
    scheduler.close()


def test_a_long_batch_does_not_shut_out_a_short_call(engine):
    scheduler = Scheduler(engine, max_batch=4)
    log: list = []
    batch = Job((decode(engine, [n % VOCAB], 8, log=log, name="batch") for n in range(40)), max_batch=4)
    scheduler._inbox.put(batch)
    scheduler.run_one(decode(engine, [3], 8, log=log, name="call"))
    assert log.index("call") <= 9
    scheduler.cancel(batch)


def test_what_a_row_asks_for_itself_runs_inside_of_it(engine):
    scheduler = Scheduler(engine)

    def nesting():
        inner = scheduler.run_one(decode(engine, [7, 8], 4))
        streamed = list(scheduler.iterate(decode(engine, [7, 8], 4)))
        outer = yield from decode(engine, [7, 8], 4)
        return inner, len(streamed), outer

    expected = scheduler.run_one(decode(engine, [7, 8], 4))
    rows = scheduler.run([nesting(), decode(engine, [1], 9)])
    assert rows[0] == (expected, 5, expected)
    job = Job([nesting()], max_batch=1)
    scheduler.submit(job)
    job.wait()
    assert job.only_result() == (expected, 5, expected)
    scheduler.close()


# Long prompts.


def long_prompt(seed, length=700):
    return np.random.default_rng(seed).integers(0, VOCAB, length).tolist()


@pytest.mark.parametrize("step_tokens", [64, 100, 5000])
def test_chunked_prefill_changes_no_token_and_computes_each_once(quick_engine, step_tokens):
    prompts = [[1, 2], long_prompt(1), long_prompt(2), [*long_prompt(1)[:500], 3], [4]]

    def fresh():
        return quick_engine(6000, num_tokens=VOCAB, max_len=3000)

    engine = fresh()
    alone = [Scheduler(engine).run_one(decode(engine, prompt, 20)) for prompt in prompts]
    engine = fresh()
    assert Scheduler(engine, step_tokens=step_tokens).run(decode(engine, p, 20) for p in prompts) == alone
    new = 2 + 700 + 700 + 1 + 1 + 19 * len(prompts)
    assert engine.stats.tokens_computed == new


def test_a_lone_long_prompt_goes_in_by_chunks_too(quick_engine, monkeypatch):
    """So that a deadline, or a call that comes meanwhile, does not wait for all of it."""
    prompt = long_prompt(4, 2500)
    monkeypatch.setattr(wave, "PREFILL_TOKENS", 1000)
    engine = quick_engine(6000, num_tokens=VOCAB, max_len=3000)
    sizes: list[int] = []
    step = engine.step
    engine.step = lambda work: sizes.append(sum(len(item.tokens) for item in work)) or step(work)
    decoded = Scheduler(engine).run_one(decode(engine, prompt, 3))
    assert sizes == [1000, 1000, 500, 1, 1]
    monkeypatch.undo()
    engine = quick_engine(6000, num_tokens=VOCAB, max_len=3000)
    assert Scheduler(engine).run_one(decode(engine, prompt, 3)) == decoded


def test_a_long_prompt_does_not_hold_up_those_who_decode(engine):
    sizes: list[int] = []
    step = engine.step

    def watched(work):
        sizes.append(sum(len(item.tokens) for item in work))
        return step(work)

    engine.step = watched
    scheduler = Scheduler(engine, step_tokens=100)

    def rows():
        yield decode(engine, [1], 60)
        yield decode(engine, [2], 60)
        yield decode(engine, long_prompt(3, 2000), 5)

    scheduler.run(rows())
    assert max(sizes) <= 100
    assert len(sizes) == 60


def test_scores_of_a_long_text_are_the_same_by_chunks(quick_engine):
    text = long_prompt(5, 300)

    def score(engine):
        seq = engine.open([])
        (answer,) = yield [Ask(seq, text[:-1], "all", policy=Policy(), targets=text[1:])]
        engine.close(seq)
        return answer

    whole_engine, engine = (quick_engine(6000, num_tokens=VOCAB, max_len=3000) for _ in range(2))
    whole = Scheduler(whole_engine).run_one(score(whole_engine))
    parts, _ = Scheduler(engine, step_tokens=64).run([score(engine), decode(engine, [1], 30)])
    assert np.allclose(whole.logprobs, parts.logprobs)
    assert whole.choice.tokens == parts.choice.tokens


def test_a_prefix_is_computed_once_for_all_who_ask_at_once(engine):
    prefix = long_prompt(7, 2000)
    prompts = [[*prefix, n % VOCAB, n // VOCAB] for n in range(50)]
    results = Scheduler(engine).run(decode(engine, prompt, 8) for prompt in prompts)
    assert all(len(result) == 8 for result in results)
    # The prefix, two tokens behind it (the first of which 10 pairs share), and seven of the eight generated.
    behind = len({p[2000] for p in prompts}) + len(prompts)
    assert engine.stats.tokens_computed == 2000 + behind + 7 * 50


# Priorities.


def test_rows_of_a_higher_priority_go_first(engine):
    scheduler = Scheduler(engine, max_batch=2)
    log: list = []
    for name, priority in (("low", -1), ("normal", 0), ("high", 5)):
        rows = [decode(engine, [n], 6, log=log, name=name) for n in range(4)]
        scheduler._inbox.put(Job(rows, max_batch=4, priority=priority))
    scheduler.run_one(decode(engine, [9], 60), priority=-2)
    assert log == ["high"] * 4 + ["normal"] * 4 + ["low"] * 4


def test_a_late_call_of_high_priority_overtakes_rows_under_way(engine):
    scheduler = Scheduler(engine, max_batch=2)
    log: list = []
    ready = threading.Event()
    low = Job((decode(engine, [n], 300, log=log, name="low", on_step=ready.set) for n in range(2)), max_batch=2)
    scheduler.submit(low)
    assert ready.wait(10)
    scheduler.run([decode(engine, [n], 20, log=log, name="high") for n in range(2)], priority=1)
    assert log[:2] == ["high", "high"]
    low.wait()
    assert [len(result) for result in low.results()] == [300, 300]
    scheduler.close()


# Deadlines, cancellation, faults.


def branching(engine, first, count):
    """A row with two sequences: each goes on from its own token, and both are scored."""
    one = engine.open([first])
    (answer,) = yield [Ask(one, [first], policy=Policy(num=2))]
    two = engine.fork(one)[0]
    tokens = [[int(token)] for token in answer.choice.tokens]
    out = []
    for _ in range(count):
        answers = yield [
            Ask(one, tokens[0], policy=Policy()),
            Ask(two, tokens[1] * 3, "all", Policy(), targets=[1, 2, 3]),
        ]
        tokens = [[int(answer.choice.tokens[0])] for answer in answers]
        out.append((tokens, answers[1].logprobs.round(4).tolist()))
    engine.close(one)
    engine.close(two)
    return out


def test_what_is_late_ends_with_its_error_and_gives_its_place_back(engine):
    scheduler = Scheduler(engine)
    slow = [decode(engine, [n], 2000, on_step=lambda: time.sleep(0.001)) for n in range(3)]
    results = scheduler.run(slow, timeout=0.05, max_batch=2)
    assert all(isinstance(result, DeadlineExceeded) for result in results)
    assert "timeout=0.05" in str(results[0])
    with pytest.raises(DeadlineExceeded):
        scheduler.run_one(decode(engine, [1], 2000, on_step=lambda: time.sleep(0.001)), timeout=0.02)
    assert len(scheduler.run_one(decode(engine, [1], 5), timeout=60)) == 5
    assert live_tokens(engine) == 0


def test_others_go_on_when_one_is_late(engine):
    scheduler = Scheduler(engine)
    expected = scheduler.run_one(decode(engine, [5], 80))
    late = Job(
        [decode(engine, [n], 2000, on_step=lambda: time.sleep(0.001)) for n in range(2)], max_batch=2, timeout=0.03
    )
    scheduler._inbox.put(late)
    assert scheduler.run_one(decode(engine, [5], 80)) == expected
    late.wait()
    assert [type(one) for one in late.results()] == [DeadlineExceeded] * 2
    assert live_tokens(engine) == 0


def test_a_cancelled_job_gives_its_slots_back(engine):
    scheduler = Scheduler(engine)
    log: list = []
    started = threading.Event()
    rows = (decode(engine, [n], 2500, log=log, on_step=started.set) for n in range(5))
    job = Job(rows, max_batch=3)
    scheduler.submit(job)
    assert started.wait(10)
    scheduler.cancel(job)
    job.wait()
    assert len(log) == 3
    assert all(isinstance(one, Cancelled) for one in job.results())
    scheduler.close()
    assert live_tokens(engine) == 0


@pytest.mark.parametrize("has_thread", [False, True])
def test_a_forgotten_stream_is_closed_by_the_garbage_collector(engine, has_thread):
    scheduler = Scheduler(engine)
    if has_thread:
        scheduler._call_thread()
    log: list = []
    stream = scheduler.iterate(decode(engine, [4], 2500, log=log))
    next(stream)
    next(stream)
    del stream
    gc.collect()
    deadline = time.monotonic() + 10
    while not log and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log == [(4,)]
    scheduler.close()
    assert live_tokens(engine) == 0


def test_a_paused_stream_holds_up_nobody(engine):
    scheduler = Scheduler(engine)
    stream = scheduler.iterate(decode(engine, [4], 30))
    next(stream)
    expected = Scheduler(engine).run_one(decode(engine, [5], 40))
    assert in_threads([lambda: scheduler.run_one(decode(engine, [5], 40))] * 3) == [expected] * 3

    def rest():
        return (yield from stream)

    collected = []

    def consume():
        collected.append((yield from rest()))

    list(consume())
    assert collected == [Scheduler(engine).run_one(decode(engine, [4], 30))]
    scheduler.close()


def test_an_error_that_is_none_of_ours_is_raised_to_its_caller_alone(engine):
    scheduler = Scheduler(engine)

    def broken():
        yield from decode(engine, [1], 3)
        raise ZeroDivisionError("a bug in a tool")

    expected = scheduler.run_one(decode(engine, [2], 200))
    got = in_threads([lambda: scheduler.run_one(decode(engine, [2], 200)), lambda: scheduler.run_one(broken())])
    assert got[0] == expected
    assert isinstance(got[1], ZeroDivisionError)
    scheduler.close()


def test_a_failure_of_the_device_reaches_those_whose_work_it_was(engine):
    forward = engine.forward

    def failing(plan):
        if any(segment.tokens.tolist() == [33] * 3 for segment in plan.segments):
            raise RuntimeError("out of memory")
        return forward(plan)

    engine.forward = failing
    scheduler = Scheduler(engine)
    expected = scheduler.run_one(decode(engine, [2], 10))
    bad, good = Job([decode(engine, [33] * 3, 4)], max_batch=1), Job([decode(engine, [2], 10)], max_batch=1)
    for job in (bad, good):
        scheduler.submit(job)
    bad.wait()
    good.wait()
    assert good.only_result() == expected
    with pytest.raises(GenerationError, match=r"the model failed: RuntimeError: .*out of memory.*max_batch") as raised:
        bad.only_result()
    assert isinstance(raised.value.__cause__, RuntimeError)
    scheduler.close()


def test_rows_wait_for_room_in_the_cache_instead_of_failing(quick_engine):
    engine = quick_engine(64, num_tokens=VOCAB, max_len=90)
    expected = [Scheduler(engine).run_one(decode(engine, [n, 1], 25)) for n in range(6)]
    assert Scheduler(engine).run(decode(engine, [n, 1], 25) for n in range(6)) == expected
    alone = [Scheduler(engine).run_one(branching(engine, n, 12)) for n in range(4)]
    assert Scheduler(engine).run(branching(engine, n, 12) for n in range(4)) == alone
    results = Scheduler(engine).run([decode(engine, [0, 1], 25), decode(engine, [9] * 50, 30)])
    assert results[0] == expected[0]
    assert isinstance(results[1], CacheFull)
    assert live_tokens(engine) == 0


def test_an_interrupt_ends_the_call_and_leaves_the_loop_usable(engine):
    scheduler = Scheduler(engine)

    def interrupted():
        yield from decode(engine, [1], 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scheduler.run([interrupted(), decode(engine, [2], 50)])
    assert len(scheduler.run_one(decode(engine, [2], 5))) == 5
    assert live_tokens(engine) == 0


def test_closing_ends_all_that_runs_and_refuses_the_rest(engine):
    scheduler = Scheduler(engine)
    one, many = threading.Event(), threading.Event()
    calls = [
        lambda: scheduler.run_one(decode(engine, [1], 2900, on_step=one.set)),
        lambda: scheduler.run([decode(engine, [n], 2900, on_step=many.set) for n in range(3)]),
        lambda: one.wait(20) and many.wait(20) and scheduler.close(),
    ]
    got = in_threads(calls)
    assert isinstance(got[0], Cancelled)
    assert [type(one) for one in got[1]] == [Cancelled] * 3
    assert scheduler._thread is None
    with pytest.raises(GenerationError, match="closed"):
        scheduler.run_one(decode(engine, [1], 1))
    assert live_tokens(engine) == 0


def test_a_callback_that_fails_cancels_its_job(engine):
    scheduler = Scheduler(engine)
    job = Job([decode(engine, [1], 2000)], max_batch=1, on_change=lambda: 1 / 0)
    scheduler.submit(job)
    job.wait()
    assert isinstance(job.results()[0], Cancelled)
    scheduler.close()


def test_no_matcher_is_needed_for_a_free_row(engine):
    assert Scheduler(SimpleNamespace(step=engine.step, select=engine.select, stats=engine.stats)).run([]) == []
