"""What is remembered between calls, for whom, and for how long; on the shipped model."""

import time
import tracemalloc

import pytest

import guided
from guided.runtime.arena import Arena
from guided.runtime.engine import Extend

PROMPT = "The following is a secret plan, in seven parts, of which the first is: "
LETTERS = guided.Regex("[a-z]{4,8}")


@pytest.fixture(scope="module")
def model():
    with guided.load_model() as loaded:
        yield loaded


def computed(model, prompt, **options):
    before = model.stats
    result = model.generate(prompt, constraint=LETTERS, max_tokens=6, **options)
    return result, model.stats_since(before)


def test_one_tenant_never_gets_hits_from_another(model):
    alice, bob = model.tenant("alice"), model.tenant("bob")
    first, cold = computed(alice, PROMPT)
    for other in (bob, model):
        result, used = computed(other, PROMPT)
        assert (result.text, used.tokens_reused, used.tokens_computed) == (first.text, 0, cold.tokens_computed)
    again, warm = computed(model.tenant("alice"), PROMPT)
    assert again.text == first.text
    assert warm.tokens_computed < cold.tokens_computed
    assert warm.tokens_reused > 0


def test_tenants_are_apart_in_one_batch_in_sessions_templates_and_beams(model):
    prompt = "A prompt that every tenant sends, number 5521: "
    tenants = [model.tenant(name) for name in ("a", "b")]
    for use in (_template, _session, _beam):
        costs = []
        for tenant in tenants:
            before = model.stats
            use(tenant, f"{use.__name__} {prompt}")
            costs.append(model.stats_since(before).tokens_computed)
        assert costs[0] == costs[1]


def _template(model, prompt):
    text = "---\nguided: 1\ninputs: {prompt: string}\n---\n{{ prompt }}{{ gen('x', regex=r'[a-z]{3,6}') }}"
    assert guided.Template(text).run(model, {"prompt": prompt}).error is None


def _session(model, prompt):
    session = model.session()
    session.text(prompt)
    session.fork().gen("y", regex="[a-z]{3}")
    session.gen("x", regex="[a-z]{4}")


def _beam(model, prompt):
    session = model.session()
    session.text(prompt)
    with session.beam(n=2):
        session.gen("x", regex="[a-z]{4}")


def test_a_tenant_is_a_model_with_the_life_of_its_owner():
    model = guided.load_model()
    tenant = model.tenant("a")
    tenant.close()
    with pytest.raises(guided.GuidedError, match="closed"):
        tenant.generate("a")
    assert model.generate("a", max_tokens=2).error is None
    other = model.tenant("b").tenant("c")
    model.close()
    with pytest.raises(guided.GuidedError, match="closed"):
        other.generate("a")
    for name in ("", None, 3):
        with pytest.raises(guided.GuidedError):
            model.tenant(name)


def test_the_cache_tells_what_it_holds():
    with guided.load_model(cache_bytes=2_000_000) as model:
        empty = model.cache_stats
        assert (empty.num_cached, empty.num_live, empty.hit_rate) == (0, 0, 0.0)
        session = model.session()
        session.text(PROMPT)
        session.gen("x", regex="[a-z]{4}")
        held = model.cache_stats
        assert 0 < held.num_live <= held.num_cached
        session.close()
        assert model.cache_stats.num_live == 0
        for i in range(60):
            model.generate(f"{i} " + "word " * 60, max_tokens=4)
        full = model.cache_stats
        assert full.num_evicted > 0
        assert full.num_cached <= full.capacity
        assert full.num_slots * full.bytes_per_token <= 2_000_000
        assert model.generate("59 " + "word " * 60, max_tokens=4).stats.tokens_reused > 50  # used last, kept
        assert model.generate("0 " + "word " * 60, max_tokens=4).stats.tokens_reused < 10  # used least recently, gone


def test_a_fork_at_4000_tokens_copies_no_keys_and_values(model):
    engine = model.engine
    tokens = [5 + i % 300 for i in range(4000)]
    if engine.capabilities.max_len < len(tokens):
        engine.capabilities = type(engine.capabilities)(tree=True, max_len=5000, namespaces=True)
    seq = engine.open(tokens)
    for first in range(seq.length, 4000, 500):
        engine.step([Extend(seq, tokens[first : first + 500], "none")])
    cached, arenas = engine.num_cached, [keys.ctypes.data for keys in engine._model._keys]
    tracemalloc.start()
    started = time.thread_time()
    twins = engine.fork(seq, 20)
    seconds = time.thread_time() - started
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert engine.num_cached == cached
    assert [keys.ctypes.data for keys in engine._model._keys] == arenas
    assert taken / 20 < 4000 * engine.cache_bytes_per_token / 20  # two lists of numbers, not keys and values
    assert seconds < 0.5
    for one in [seq, *twins]:
        engine.close(one)


def test_every_step_of_an_agent_computes_only_what_is_new(model):
    session = model.session()
    session.text("Thought: ")
    for turn in range(5):
        before = model.stats
        session.gen(f"thought{turn}", regex="[a-z ]{5,20}", max_tokens=10)
        session.text(f"\nObservation: {turn} items.\nThought: ")
        used = model.stats_since(before)
        assert used.tokens_computed <= 40


def test_the_arena_grows_before_a_run_is_broken_up():
    arena = Arena(64, 256)
    slots = arena.allocate(60, -1)
    arena.free(slots[::2])
    assert not arena.has_room(10, slots[-1])
    arena.grow()
    assert arena.has_room(10, slots[-1])
    new = arena.allocate(10, slots[-1])
    assert new == list(range(new[0], new[0] + 10))


def test_a_run_that_goes_on_elsewhere_stays_near():
    arena = Arena(8192, 8192)
    first = arena.allocate(100, -1)
    second = arena.allocate(100, first[-1])  # takes the neighbour
    third = arena.allocate(50, first[-1])
    assert second[0] == first[-1] + 1
    assert 0 < third[0] - first[-1] <= 1024 + 256
