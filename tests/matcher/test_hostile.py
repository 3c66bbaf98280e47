"""The hostile corpus: an answer or a typed error within 2 s and 256 MB, never anything else.

The test allows five times the seconds, and the kernel ends the child at fifteen times, so that a busy machine fails
nothing; what was measured is printed.
"""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.oracles.hostile_cases import CASES, SELF_CHECKS

SECONDS, CPU_SECONDS, MEGABYTES = 10, 30, 256


def examined(names, cpu_seconds, *options):
    command = [sys.executable, "-m", "tests.oracles.hostile", "--cpu-seconds", str(cpu_seconds), *options, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {found.pop("name"): found for found in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def findings():
    return examined(list(CASES), CPU_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_each_is_answered_or_refused_in_bounds(findings, name):
    found = findings[name]
    print(f"{name}: {found['outcome']}, {found['seconds']} s, {found['megabytes']} MB")
    assert not found["outcome"].startswith("FAILED"), found
    assert found["seconds"] <= SECONDS
    assert found["megabytes"] <= MEGABYTES


@pytest.mark.slow
def test_the_examiner_sees_what_happens():
    found = examined(SELF_CHECKS, 1, "--vocabulary", "one byte and merges")
    assert {name: name for name in SELF_CHECKS} == {
        name: name if result["outcome"].startswith(name) else result["outcome"] for name, result in found.items()
    }
