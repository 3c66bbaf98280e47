"""benchmarks/masks/memory.py and startup.py run and print their tables."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.conftest import printed

SCHEMAS = [{"type": "object"}, {"enum": ["a", "b"]}, {"items": {"type": "string"}}, False]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory.py reads /proc")
@pytest.mark.parametrize("order", ["declared", "any"])
def test_memory_is_told_for_schemas_texts_and_grammars(tmp_path, order):
    data = tmp_path / "schemas.jsonl"
    entries = [{"schema": schema, "tests": [{"valid": True, "data": {"a": 1}}]} for schema in SCHEMAS]
    data.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    out = printed("masks/memory.py", data, "--tokenizer", "bytes", "--texts", 30, "--order", order)
    tables = [part.splitlines() for part in out.split("\n\n") if part.startswith("|")]
    assert [len(lines) for lines in tables] == [2 + 5, 2 + 16, 2 + 3]
    assert all(float(lines[-1].split("|")[2]) > 10 for lines in tables[:2])
    assert "After the first 3: " in out
    assert "of 3 |" in tables[2][-1]


@pytest.mark.slow
def test_startup_is_told_for_each_way_to_get_tables():
    lines = printed("masks/startup.py", "bytes", "--runs", 1).splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith(("| built", "| opened"))]
    assert [row[0] for row in rows][:3] == ["| built", "| built and written", "| opened, warm"]
    assert all(len(row) == 7 for row in rows)
    assert "Too small to be kept." in lines
