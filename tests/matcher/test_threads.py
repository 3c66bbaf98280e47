"""One compiled grammar used from many threads at once says what it says to one."""

import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import guided
from guided.constraints import compile_cache
from tests.matcher.cases import SCHEMAS

THREADS = 8


def journey(compiled, seed):
    """What a random walk sees: masks, forced bytes, and where it went.

    Of two ways out that are equally short either may be told, whichever was explored first; it must lead out.
    """
    rng, seen = random.Random(seed), []
    matcher = compiled.matcher()
    mask = np.zeros((compiled.vocab.size + 31) // 32, dtype=np.int32)
    for _ in range(25):
        matcher.fill_mask(mask)
        allowed = matcher.allowed_tokens()
        fork = matcher.fork()
        rest = fork.shortest_completion()
        assert fork.accept_bytes(rest)
        assert fork.is_accepting
        seen.append((mask.tobytes(), matcher.forced_bytes(), matcher.is_accepting))
        token = int(rng.choice(allowed))
        seen.append(token)
        if token in compiled.vocab.eos_ids or not matcher.accept_token(token):
            break
    return seen


def together(work, *arguments):
    """`work` on each of these, each in a thread of its own, all at once; what they returned, in order."""
    barrier = threading.Barrier(len(arguments))

    def begin(argument):
        barrier.wait()
        return work(argument)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(begin, arguments))


@pytest.fixture
def quick_switches():
    """Threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("order", ["declared", "any"])
def test_eight_threads_see_what_one_sees(small_vocab, quick_switches, order):
    for name, schema in SCHEMAS.items():
        schema = {} if schema is True else schema
        # two names of the same language, so that nothing is shared by the cache of compiled constraints
        alone = guided.JsonSchema({**schema, "$comment": "alone"}, order=order)
        together = guided.JsonSchema({**schema, "$comment": "together"}, order=order)
        expected = [journey(alone.compile(small_vocab), seed) for seed in range(2 * THREADS)]
        compiled = together.compile(small_vocab)
        got, barrier = {}, threading.Barrier(THREADS)

        def work(start, compiled=compiled, got=got, barrier=barrier):
            barrier.wait()
            for seed in (start, start + THREADS):
                got[seed] = journey(compiled, seed)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [got.get(seed) for seed in range(2 * THREADS)] == expected, name


def test_one_matcher_is_read_by_many_threads(small_vocab, quick_switches):
    matcher = guided.JsonSchema({"type": "object"}).compile(small_vocab).matcher()
    assert matcher.accept_bytes(b'{"a":')
    expected, wrong = matcher.mask_view().copy(), []

    def work():
        for _ in range(200):
            fork = matcher.fork()
            if not fork.accept_bytes(b'"x"') or not (matcher.mask_view() == expected).all():
                wrong.append(fork)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_that_compile_equal_constraints_agree(small_vocab, quick_switches):
    results, barrier = [], threading.Barrier(THREADS)

    def work():
        barrier.wait()
        compiled = guided.JsonSchema({"type": "array", "items": {"$comment": "threads"}}).compile(small_vocab)
        results.append(compiled.matcher().shortest_completion())

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"[]"] * THREADS


def _journeys_of_its_own(vocab, seed):
    """Compiles and uses grammars that nobody else has, in an order of its own: all they share is the vocabulary."""
    compile_cache.clear()
    names = sorted(SCHEMAS)
    random.Random(seed).shuffle(names)
    seen = {}
    for name in names:
        schema = {"$comment": f"thread {seed}", **({} if SCHEMAS[name] is True else SCHEMAS[name])}
        seen[name] = journey(guided.JsonSchema(schema, order="any").compile(vocab), seed)
    return seen


def test_threads_with_grammars_of_their_own_share_a_vocabulary(small_vocab, quick_switches):
    expected = [_journeys_of_its_own(small_vocab, seed) for seed in range(THREADS)]
    fresh = guided.Vocabulary(small_vocab.tokens, small_vocab.eos_ids)  # no tables yet, no rows
    assert together(lambda seed: _journeys_of_its_own(fresh, seed), *range(THREADS)) == expected


def test_forks_of_one_matcher_go_their_ways_in_threads(small_vocab, quick_switches):
    def continued(matcher, seed):
        rng, seen = random.Random(seed), []
        for _ in range(40):
            tokens = [t for t in matcher.allowed_tokens().tolist() if t not in small_vocab.eos_ids]
            if not tokens or not matcher.accept_token(rng.choice(tokens)):
                break
            seen.append((tokens, matcher.fork().mask_view().tobytes()))
        assert matcher.accept_bytes(matcher.shortest_completion())
        return seen, matcher.is_accepting

    def start(comment):
        schema = {"items": {"type": "object", "uniqueItems": True}, "type": "array", "$comment": comment}
        matcher = guided.JsonSchema(schema).compile(small_vocab).matcher()
        assert matcher.accept_bytes(b'[{"a": [1, "')
        return matcher

    alone, shared = start("alone"), start("together")
    expected = [continued(alone.fork(), seed) for seed in range(THREADS)]
    assert together(lambda seed: continued(shared.fork(), seed), *range(THREADS)) == expected
    assert shared == start("together")
