"""The scripts of benchmarks/runtime run on a tiny model and print their tables."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="pip install 'guided[transformers]'")

from tests.benchmarks.conftest import printed
from tests.conformance.conftest import write_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("llama"), max_position_embeddings=16384)


@pytest.mark.slow
def test_whole_programs_run_in_every_system_that_is_installed(model):
    lines = printed("runtime/whole_programs.py", model, "--repeat", 1, "--only", "guided", "generate").splitlines()
    rows = [line.split()[:2] for line in lines[1:]]
    programs = ["plain", "character", "json", "classify", "batch"]
    assert rows == [*([program, "guided"] for program in programs), ["plain", "generate"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "part"),
    [
        ("prefix.py", "time to the first token"),
        ("fork.py", "8 slots"),
        ("concurrent_requests.py", "32 of 32 results the same"),
        ("sparse_head.py", "no constraint"),
        ("step_cost.py", "tokens allowed"),
    ],
)
def test_the_tables_of_one_model(model, script, part):
    assert part in printed(f"runtime/{script}", model, "--repeat", 1)


@pytest.mark.slow
def test_masks_beside_no_masks():
    assert "64" in printed("runtime/masked_step.py", "--hidden", 64, "--layers", 1, "--steps", 4, "--repeat", 1)
