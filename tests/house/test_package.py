"""The house rules that no linter checks: import cost, public names, sizes of files and functions."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import guided

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("guided", "backends", "tools", "native")
    for pattern in ("*.py", "*.cpp", "*.hpp")
    for path in (ROOT / folder).rglob(pattern)
    if "tests" not in path.parts
)
PROBE = """
import json, sys
import guided
print(json.dumps([m for m in ("torch", "transformers", "guided_backends", "pydantic", "numpy") if m in sys.modules]))
"""


def test_import_loads_nothing_heavy():
    """What keeps `import guided` far under 250 ms."""
    assert json.loads(subprocess.check_output([sys.executable, "-c", PROBE])) == []


def test_a_bare_checkout_says_what_is_missing():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from guided import _native"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)
    assert "the compiled core of guided is missing" in done.stderr
    assert "pip install -e ." in done.stderr


@pytest.mark.parametrize("name", guided.__all__)
def test_every_public_name_exists(name):
    assert getattr(guided, name) is not None


def test_public_names_are_sorted_and_listed_once():
    assert guided.__all__ == sorted(set(guided.__all__))


def test_no_file_is_over_600_lines():
    sizes = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCES}
    assert {path: lines for path, lines in sizes.items() if lines > 600} == {}


def test_no_function_is_over_80_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 80
    ]
    assert long == []
