"""The example of docs/backends.md: installed as a package, found by its entry point, held to the conformance suite."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

for tool in ("pip", "setuptools"):  # found, not imported: setuptools must come before distutils or not at all
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"building a package needs {tool}", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tests" / "third_party_backend"
SUITE = ["tests/conformance/test_engine.py", "tests/conformance/test_masked_decode.py"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment in which the package is installed, without the network."""
    source = tmp_path_factory.mktemp("source") / "package"
    place = tmp_path_factory.mktemp("site")
    subprocess.run(["cp", "-r", str(PACKAGE), str(source)], check=True)  # building writes beside the sources
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(place), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(place), str(ROOT), str(ROOT / "backends"), *sys.path])
    return {**os.environ, "PYTHONPATH": path}


def python(env, *arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_it_passes_the_conformance_suite(installed):
    done = python({**installed, "GUIDED_BACKEND": "decay"}, "-m", "pytest", "-p", "no:cacheprovider", *SUITE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "skipped" not in done.stdout
    collected = python({**installed, "GUIDED_BACKEND": "decay"}, "-m", "pytest", "--collect-only", *SUITE).stdout
    assert collected.count("[decay") > 20
    assert "[builtin" not in collected


def test_a_model_loads_by_its_name(installed):
    code = (
        "import guided, guided_backends.builtin as b;"
        "m = guided.load_model(b.shipped_model(), backend='decay');"
        "r = m.generate('Is it good? ', constraint=guided.Choice(['yes', 'no']));"
        "print(m.engine.info.name, r.text in ('yes', 'no'))"
    )
    done = python(installed, "-c", code)
    assert done.stdout == "decay True\n", done.stderr


def test_the_page_shows_the_package_that_is_tested():
    page = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```[a-z]+(?: no-run)?\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for file in ("pyproject.toml", "src/guided_decay/__init__.py"):
        assert (PACKAGE / file).read_text(encoding="utf-8") in blocks, f"docs/backends.md differs from {file}"
