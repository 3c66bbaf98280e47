"""benchmarks/masks/run.py on schemas made here counts what it says it counts, whatever the form of the data."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "masks" / "run.py"
POINT = {
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
    "required": ["x"],
    "additionalProperties": False,
}


def case(data, valid):
    return {"valid": valid, "data": data, "description": ""}


ENTRIES = [
    {"id": "in order", "schema": POINT, "tests": [case({"x": 1, "y": 2}, True), case({"z": 1}, False)]},
    {"id": "out of order", "schema": POINT, "tests": [case({"y": 1, "x": 2}, True)]},
    {"id": "told wrong", "schema": POINT, "tests": [case({"x": 1}, False)]},
    {"id": "refused", "schema": {"$schema": "http://json-schema.org/draft-03/schema#"}, "tests": [case("a", True)]},
]


def as_folder(folder):
    for i, entry in enumerate(ENTRIES):
        (folder / f"{i}.json").write_text(json.dumps(entry))
    return folder


def as_lines(folder):
    path = folder / "schemas.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in ENTRIES))
    return path


def as_zipped_lines(folder):
    path = folder / "schemas.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(entry) + "\n" for entry in ENTRIES).encode()))
    return path


def ran(*arguments, path=""):
    """Runs the script, with a folder of modules that come before those that are installed."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(path), os.environ.get("PYTHONPATH")]))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("form", [as_folder, as_lines, as_zipped_lines])
def test_the_table_counts_schemas_by_what_became_of_them(tmp_path, form):
    wrong = tmp_path / "wrong"
    done = ran(form(tmp_path), "--tokenizer", "bytes", "--engines", "guided,guided_any", "--wrong", wrong)
    assert done.returncode == 0, done.stderr
    first = [line for line in done.stdout.splitlines() if line.startswith("| guided")][:2]
    assert [line.split(" | ")[:6] for line in first] == [
        ["| guided", "4", "1", "1", "1", "1"],
        ["| guided_any", "4", "2", "1", "0", "1"],
    ]
    told = [json.loads(line) for line in wrong.read_text().splitlines()]
    assert [(one["engine"], one["id"]) for one in told] == [
        *(("guided", name) for name in ("out of order", "told wrong", "refused")),
        *(("guided_any", name) for name in ("told wrong", "refused")),
    ]
    assert "UnsupportedSchema" in told[-1]["refused"]


@pytest.mark.slow
def test_an_engine_that_does_not_answer_costs_its_schema_alone(tmp_path):
    endless = {"id": "endless", "schema": {}, "tests": [case("x" * 9_000_000, True)]}
    path = tmp_path / "schemas.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in (endless, ENTRIES[0])))
    done = ran(path, "--tokenizer", "bytes", "--engines", "guided", "--limit", "1.5", "--wrong", tmp_path / "wrong")
    assert done.returncode == 0, done.stderr
    assert "| guided | 2 | 1 | 1 | 0 | 0 |" in done.stdout
    assert "no answer within 1.5 s" in (tmp_path / "wrong").read_text()


@pytest.mark.slow
def test_an_engine_that_is_broken_is_not_taken_for_one_that_refuses_everything(tmp_path):
    (tmp_path / "glrmask.py").write_text("raise RuntimeError('its library is missing')")
    done = ran(as_lines(tmp_path), "--tokenizer", "bytes", "--engines", "glrmask", path=tmp_path)
    assert done.returncode == 1
    assert "its library is missing" in done.stderr
    assert "glrmask does not start" in done.stderr


def test_an_unknown_engine_is_named(tmp_path):
    done = ran(as_lines(tmp_path), "--engines", "guided,gided")
    assert done.returncode == 1
    assert "no such engine: gided; there are guided," in done.stderr
