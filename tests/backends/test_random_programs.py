"""Any sequence of opens, extends, forks, crops and closes gives the model's own logits: random programs against it."""

import pytest

from tests.backends.random_program import Program, run_in_a_tight_cache

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"form": "batched"}, {"max_batch": 2}], ids=["free", "batched", "cut"])
@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2"])
def test_random_programs(name, options, seed, engine_of, plain):
    program = Program(engine_of(name, **options), lambda tokens: plain(name, tokens), seed)
    for _ in range(80):
        program.turn()
    assert program.checked > 40
    assert program.engine.stats.tokens_reused > 0


def test_a_tight_cache_evicts_but_never_lies(engine_of, plain):
    engine = engine_of("llama", cache_bytes=80 * 256)  # 80 slots of 256 bytes
    program = Program(engine, lambda tokens: plain("llama", tokens), 7)
    refusals = run_in_a_tight_cache(program, 200)
    assert program.checked > 40
    assert refusals
    assert all("cache_bytes" in refusal for refusal in refusals)
