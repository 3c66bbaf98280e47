"""The traps that docs/masks.md lists are tests of that name, which run."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT

ROWS = re.findall(r"^\| .*\| `(tests/\S+\.py)::(test_\w+)` \|$", (ROOT / "docs" / "masks.md").read_text(), re.MULTILINE)


def test_they_are_all_listed():
    assert len(ROWS) >= 19
    assert len(set(ROWS)) == len(ROWS)


@pytest.mark.parametrize(("path", "name"), ROWS)
def test_each_is_a_test(path, name):
    functions = [node for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    found = {function.name: function for function in functions}
    assert name in found
    told = [ast.unparse(decorator) for decorator in found[name].decorator_list]
    assert not any("skip" in text for text in told)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(found[name]))
