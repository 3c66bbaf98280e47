"""The command line as a user calls it: what goes to which stream, and with which exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import guided
from guided.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
CHARACTER = str(ROOT / "templates" / "character.guided")
CLASSIFY = str(ROOT / "templates" / "classify.guided")
SMALL = """---
inputs: {topic: {type: string, default: cats}, num: {type: integer, default: 2}, tags: {type: "string[]", default: []}}
---
Topic: {{ topic }}, {{ num }}, {{ tags | join("+") }}
Code: {{ gen("code", regex="[0-9]{3}", type=int, temperature=1) }}
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.guided"
    path.write_text(SMALL)
    return str(path)


def guide(*words, stdin=None):
    """Run the command line in this process: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


# guided run.


def test_the_package_is_the_command_line_too():
    done = subprocess.run([sys.executable, "-m", "guided", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "doctor" in done.stdout


def test_run_prints_the_text():
    code, out, err = guide("run", CHARACTER)
    assert (code, err) == (0, "")
    assert out.startswith("The following is a character profile")
    assert out.endswith("```\n")


def test_json_is_one_document_with_the_captures():
    code, out, err = guide("run", CHARACTER, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert type(document["age"]) is int
    assert document["armor"] in ("leather", "chainmail", "plate")
    assert document["weapon"] in ("sword", "axe", "mace", "spear", "bow", "crossbow")
    assert 3 <= len(document["items"]) <= 5


def test_the_same_seed_gives_the_same_bytes(small):
    outs = [guide("run", small, "--seed", seed)[1] for seed in (1, 1, 2, 3, 4)]
    assert outs[0] == outs[1]
    assert len(set(outs)) > 1
    assert guide("run", small, "--greedy", "--seed", 1) == guide("run", small, "--greedy", "--seed", 2)


def test_inputs_are_read_by_their_type(small):
    words = ["--input", "topic=12", "--input", "num=3", "--input", "tags=a", "--input", "tags=b"]
    assert guide("run", small, *words)[1].startswith("Topic: 12, 3, a+b\n")
    assert guide("run", small, "--input", 'tags=["x", "y"]')[1].startswith("Topic: cats, 2, x+y\n")


def test_inputs_come_from_a_file_and_the_command_line_wins(small, tmp_path):
    path = tmp_path / "inputs.json"
    path.write_text('{"topic": "dogs", "num": 9}')
    assert guide("run", small, "--inputs", path, "--input", "num=4")[1].startswith("Topic: dogs, 4")


def test_many_rows_make_an_array_or_a_text_each(small, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"topic": "a"}\n{"topic": "b"}\n')
    code, out, err = guide("run", small, "--inputs", path, "--json")
    assert (code, err) == (0, "")
    assert [type(row["code"]) for row in json.loads(out)] == [int, int]
    code, out, _ = guide("run", small, "--inputs", path)
    assert re.findall("Topic: (.)", out) == ["a", "b"]
    same = guide("run", small, "--inputs", "-", stdin=path.read_text())
    assert same == (code, out, "")


def test_a_template_may_come_from_standard_input():
    code, out, _ = guide("run", "-", "--json", stdin=SMALL)
    assert code == 0
    assert list(json.loads(out)) == ["code"]


def test_defaults_of_holes_can_be_set():
    link = ROOT / "templates" / "link.guided"
    healed = guide("run", link)[1]
    assert 'href="http://' in healed
    assert guide("run", link, "--set", "token_healing=false")[1] != healed


def test_a_trace_is_a_whole_page_or_nothing(small, tmp_path):
    path = tmp_path / "out.html"
    code, out, _ = guide("run", small, "--trace", path, "--input", "topic=<i>x</i>")
    assert code == 0
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "&lt;i&gt;x" in page
    assert "<i>x" not in page
    assert "code: sampled" in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.html", "small.guided"]
    assert out.startswith("Topic: <i>x</i>")


def test_a_run_that_takes_too_long_fails(tmp_path):
    path = tmp_path / "long.guided"
    path.write_text('---\nguided: 1\n---\nDigits: {{ gen("x", regex="[0-9]{900}") }}')
    code, _, err = guide("run", path, "--timeout", "0.01")
    assert code == 1
    assert "0.01" in err


# Wrong usage: exit code 2, nothing on standard output, nothing was run.


@pytest.mark.parametrize(
    ("words", "part"),
    [
        pytest.param(["--input", "colour=red"], "no input 'colour'; its inputs: topic, num, tags", id="unknown input"),
        pytest.param(["--input", "num=x"], "'num' is of type integer", id="input of the wrong type"),
        pytest.param(["--input", "num"], "takes name=value", id="no equals sign"),
        pytest.param(["--input", "num=1", "--input", "num=2"], "given 2 times", id="twice"),
        pytest.param(["--set", "temprature=1"], "temperature", id="unknown default"),
        pytest.param(["--set", "temperature=hot"], "temperature", id="default of the wrong type"),
        pytest.param(["--set", "temperature"], "takes name=value", id="setting without a value"),
        pytest.param(["--inputs", "none.json"], "no such file: none.json", id="no such inputs"),
        pytest.param(["--seed", "x"], "--seed", id="seed of the wrong type"),
        pytest.param(["--seed", "-1"], "--seed is 0 or more", id="negative seed"),
        pytest.param(["--timeout", "0"], "--timeout is a number of seconds above 0", id="no time"),
        pytest.param(["--trace", "none/out.html"], "not a file in an existing directory", id="trace nowhere"),
        pytest.param(["--colour", "red"], "--colour", id="unknown option"),
    ],
)
def test_wrong_usage(small, words, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for mode in ([], ["--json"]):
        code, out, err = guide("run", small, *words, *mode)
        assert (code, out) == (2, "")
        assert part in err
        assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["small.guided"]


def test_a_missing_input_is_wrong_usage(tmp_path):
    path = tmp_path / "x.guided"
    path.write_text("---\ninputs: {topic: string}\n---\n{{ topic }}")
    code, out, err = guide("run", path)
    assert (code, out) == (2, "")
    assert "topic" in err


def test_every_row_is_looked_at_before_the_first_one_runs(small, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"topic": "a"}\n{"topic": 3}\n')
    code, out, err = guide("run", small, "--inputs", path, "--json")
    assert (code, out) == (2, "")
    assert "row 1: " in err
    code, out, err = guide("run", small, "--inputs", path, "--trace", tmp_path / "t.html")
    assert code == 2


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_file_that_is_not_there_is_wrong_usage(command, tmp_path):
    for path, part in ((tmp_path / "none.guided", "no such template"), (tmp_path, "is a directory")):
        code, out, err = guide(command, path)
        assert (code, out) == (2, "")
        assert part in err


def test_both_from_standard_input_is_wrong_usage():
    code, out, err = guide("run", "-", "--inputs", "-", stdin=SMALL)
    assert (code, out) == (2, "")
    assert "cannot both" in err


# Failures: exit code 1, the place and what to do on standard error.


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("a\n{% endfor %}", ["broken.guided:2:4", "^^^^^^", "endfor"], id="broken template"),
        pytest.param(
            '{{ gen("x", json={"type": "integer", "minimum": 3, "maximum": 1}) }}',
            ["broken.guided:1:", "^", "nothing"],
            id="unsatisfiable hole",
        ),
        pytest.param(
            '{{ gen("x", json={"type": "object", "$dynamicRef": "#a"}) }}',
            ["broken.guided:1:", "^", "dynamicRef"],
            id="unsupported keyword",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_broken_template_fails_with_its_place(command, text, parts, tmp_path):
    path = tmp_path / "broken.guided"
    path.write_text(text)
    code, out, err = guide(command, path)
    assert (code, out) == (1, "")
    assert all(part in err for part in parts), err
    assert "Traceback" not in err


def test_a_place_that_is_no_model_fails(small, tmp_path):
    code, out, err = guide("run", small, "--model", tmp_path, "--backend", "builtin")
    assert (code, out) == (1, "")
    assert "config.json" in err
    code, out, err = guide("run", small, "--backend", "nope")
    assert (code, out) == (1, "")
    assert "no backend 'nope'" in err


def test_a_corrupt_model_fails_by_name(small, tmp_path):
    from guided_backends.builtin import shipped_model

    for path in shipped_model().iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes()[: 5000 if path.suffix == ".safetensors" else None])
    code, out, err = guide("run", small, "--model", tmp_path, "--backend", "builtin", "--json")
    assert (code, out) == (1, "")
    assert "model.safetensors" in err
    assert "Traceback" not in err
    with pytest.raises(guided.ModelLoadError, match=r"model\.safetensors"):
        guided.load_model(tmp_path, backend="builtin")


def test_a_tokenizer_that_does_not_round_trip_is_named_and_its_texts_are_spelled(small, tmp_path):
    from guided_backends.builtin import shipped_model

    for path in shipped_model().iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    (tmp_path / "tokenizer.json").write_text(json.dumps({**tokenizer, "normalizer": {"type": "Lowercase"}}))
    code, out, err = guide("run", small, "--model", tmp_path, "--backend", "builtin", "--json")
    assert code == 0
    assert 0 <= json.loads(out)["code"] <= 999
    assert "warning: the tokenizer does not round-trip the text before 'code'" in err
    assert "Lowercase" in err
    with guided.load_model(tmp_path, backend="builtin") as model:
        with pytest.raises(guided.VocabularyError, match="does not round-trip"):
            model.vocab.encode(b"Hello There")
        assert model.generate("Hello There", max_tokens=2).healing == "inexact"
        run = guided.load(small).run(model)
        assert run.text.startswith("Topic: cats")
        assert run.healing("code") == "inexact"


def test_a_failure_on_the_way_keeps_the_text_and_json_stays_silent(tmp_path):
    path = tmp_path / "x.guided"
    path.write_text('A: {{ gen("a", regex="[0-9]") }}\n{% check a == "x", "not x" %}\n')
    code, out, err = guide("run", path)
    assert code == 1
    assert out.startswith("A: ")
    assert "x.guided:2:" in err
    assert "not x" in err
    code, out, err = guide("run", path, "--json")
    assert (code, out) == (1, "")


def test_a_row_that_fails_is_told_and_the_others_are_printed(tmp_path):
    path, rows = tmp_path / "x.guided", tmp_path / "rows.jsonl"
    path.write_text('---\ninputs: {n: integer}\n---\n{{ gen("a", regex="[0-9]") }}{% check n < 2, "too large" %}')
    rows.write_text('{"n": 1}\n{"n": 2}\n{"n": 0}\n')
    code, out, err = guide("run", path, "--inputs", rows, "--json")
    assert code == 1
    one, two, three = json.loads(out)
    assert list(one) == list(three) == ["a"]
    assert "too large" in two["error"]
    assert "row 1: " in err


# guided check, doctor, and the rest.


def test_check_says_what_is_fine_and_goes_on_after_what_is_not(tmp_path):
    broken = tmp_path / "broken.guided"
    broken.write_text("{% if %}")
    code, out, err = guide("check", CHARACTER, broken, CLASSIFY)
    assert code == 1
    assert out.splitlines() == [f"{CHARACTER}: ok (3 inputs, 9 captures)", f"{CLASSIFY}: ok (1 input, 1 capture)"]
    assert "broken.guided:1:" in err


def test_doctor_finds_everything_that_is_here():
    code, out, _ = guide("doctor")
    assert code == 0, out
    states = {line[8:30].strip(): line[:6].strip() for line in out.splitlines()}
    needed = ("python", "native core", "backend builtin", "shipped model", "self-test")
    assert [states[name] for name in needed] == ["ok"] * 5


def test_doctor_says_where_vocabulary_tables_lie(monkeypatch, tmp_path):
    from guided.cli import doctor

    assert doctor._saved_tables().state == "absent"
    monkeypatch.setenv("GUIDED_CACHE_DIR", str(tmp_path))
    (tmp_path / "vocabularies").mkdir()
    (tmp_path / "vocabularies" / "x.tables").write_bytes(bytes(3_000_000))
    found = doctor._saved_tables()
    assert (found.state, found.detail) == ("ok", f"1 kept, 3 MB, in {tmp_path / 'vocabularies'}")


def test_doctor_names_what_is_missing(monkeypatch):
    from guided.cli import doctor

    monkeypatch.setattr(doctor.guided, "load_model", _no_model)
    code, out, _ = guide("doctor")
    assert code == 1
    assert re.search(r"FAILED\s+shipped model\s+no such model", out)
    entry = doctor.EntryPoint("gpu", "no_such_library:load", "guided.backends")
    assert doctor._backend(entry) == doctor.Finding(
        "backend gpu", "absent", "needs no_such_library: pip install 'guided[gpu]'"
    )


def test_doctor_says_how_to_get_a_backend(monkeypatch):
    from guided.cli import doctor

    known = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "torch" else known(name))
    code, out, _ = guide("doctor")
    assert code == 0
    assert re.search(r"--\s+backend transformers\s+needs torch: pip install 'guided\[transformers\]'", out)


def _no_model():
    raise guided.ModelLoadError("no such model")


def test_version_and_help():
    assert guide("--version") == (0, f"guided {guided.__version__}\n", "")
    code, out, _ = guide("--help")
    assert code == 0
    assert all(command in out for command in ("run", "check", "doctor"))


@pytest.mark.parametrize("words", [[], ["dance"], ["run"]])
def test_no_or_an_unknown_command_is_wrong_usage(words):
    code, out, err = guide(*words)
    assert code == 2
    assert "Usage" in out + err


# As processes.


def start(*words, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", "from guided.cli import main; main()", *words], **pipes, **options)


def test_the_installed_command_starts_without_torch():
    code = "import sys; sys.argv = ['guided', 'run', sys.argv[1], '--json']\n"
    code += "import atexit; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
    code += "from guided.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, CHARACTER], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == "False"
    assert json.loads(done.stdout)["age"]


def test_a_terminal_without_a_character_does_not_end_the_run(tmp_path):
    path = tmp_path / "x.guided"
    path.write_text('é {{ gen("x", regex="ü") }}\n', encoding="utf-8")
    process = start("run", str(path), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"\\xe9 \\xfc\n"), err


@pytest.mark.slow
def test_a_reader_that_leaves_ends_the_run_quietly(tmp_path):
    path = tmp_path / "long.guided"
    path.write_text('first line\n{{ gen("x", regex="[0-9]{400}", max_tokens=600) }}')
    process = start("run", str(path))
    assert process.stdout.readline() == b"first line\n"
    process.stdout.close()
    err = process.stderr.read().decode()
    process.wait(timeout=60)
    assert "Traceback" not in err


@pytest.mark.slow
def test_ctrl_c_ends_the_run_quietly(tmp_path):
    path, trace = tmp_path / "long.guided", tmp_path / "out.html"
    path.write_text('first line\n{{ gen("x", regex="[0-9]{400}", max_tokens=600) }}')
    process = start("run", str(path), "--trace", str(trace))
    assert process.stdout.readline() == b"first line\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert not trace.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["character", "extract"])
def test_another_backend_gives_the_same_text(name):
    pytest.importorskip("torch", reason="pip install 'guided[transformers]'")
    pytest.importorskip("transformers", reason="pip install 'guided[transformers]'")
    from guided_backends.builtin import shipped_model

    template = ROOT / "templates" / f"{name}.guided"
    builtin = guide("run", template, "--greedy")
    other = guide("run", template, "--greedy", "--model", shipped_model(), "--backend", "transformers")
    assert other[:2] == builtin[:2] == (0, builtin[1])
