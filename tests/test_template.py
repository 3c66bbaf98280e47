"""Templates as applications hold them, on the shipped model; nothing here depends on how well it was trained."""

import json
import threading
import time
from pathlib import Path

import pytest

import guided
from guided.program import HoleClosed, RunFinished, TextAppended

ROOT = Path(__file__).resolve().parent.parent
CHARACTER = ROOT / "templates" / "character.guided"
SMALL = """---
inputs: {topic: string, num: {type: integer, default: 2}}
---
Topic: {{ topic }}, {{ num }}
Code: {{ gen("code", regex="[0-9]{3}", type=int) }}
Label: {{ select("label", ["good", "bad"], dist=true) }}
"""


@pytest.fixture(scope="module")
def model():
    with guided.load_model() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def template():
    return guided.Template(SMALL, name="small.guided")


# What a template declares.


def test_inputs_and_captures_are_typed(template):
    assert {name: (d.type, d.has_default) for name, d in template.inputs.items()} == {
        "topic": ("string", False),
        "num": ("integer", True),
    }
    assert {name: d.type for name, d in template.captures.items()} == {"code": "integer", "label": "string"}
    assert repr(template) == "<guided.Template 'small.guided': topic, num -> code, label>"
    with pytest.raises(TypeError):
        template.inputs["x"] = 1


def test_a_template_is_loaded_from_a_file(tmp_path):
    template = guided.load(CHARACTER)
    assert template.name == str(CHARACTER)
    assert template.text == CHARACTER.read_text(encoding="utf-8")
    windows = tmp_path / "windows.guided"
    windows.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert list(guided.load(str(windows)).inputs) == ["topic", "num"]


@pytest.mark.parametrize("path", sorted((ROOT / "templates").glob("*.guided")), ids=lambda p: p.stem)
def test_every_shipped_template_compiles(path):
    assert guided.load(path).captures


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda path: path / "none.guided", "no such template: .*none.guided"),
        (lambda path: path, "is a directory"),
        (lambda path: _written(path / "x.guided", b"a\nb\xff"), r"x.guided:2: not UTF-8 text \(byte 3 is 0xff\)"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_typed_error(tmp_path, make, part):
    with pytest.raises(guided.InputError, match=part):
        guided.load(make(tmp_path))


def _written(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("a {{ gen('x' }}", ":1:", ""),
        ("a\n{% endfor %}", ":2:", "endfor"),
        ('{{ gen("x", regx="a") }}', ":1:13", "regex"),
        ('{{ gen("x", regex="[") }}', ":1:", ""),
        ('{{ gen("x", json={"type": "object", "$dynamicRef": "#a"}) }}', ":1:", "dynamicRef"),
        ('{{ gen("x", json={"type": "integer", "minimum": 3, "maximum": 1}) }}', ":1:", "nothing"),
        ("{{ nope }}", ":1:4", "nope"),
        ("---\ninputs: {seed: integer}\n---\n", ":2:", "called 'seed'"),
        ("---\ninputs: {logprobs: boolean}\n---\n", ":2:", "called 'logprobs'"),
        ("---\ninputs: {a: strin}\n---\n", ":2:", "string"),
    ],
)
def test_a_broken_template_names_the_place_and_draws_it(text, place, part):
    with pytest.raises(guided.TemplateSyntaxError) as raised:
        guided.Template(text, name="broken.guided")
    message = str(raised.value)
    assert f"broken.guided{place}" in message
    assert part in message
    assert "^" in message


def test_a_template_is_text():
    with pytest.raises(guided.InputError, match=r"for a file use guided.load"):
        guided.Template(Path("x.guided"))


# A run.


def test_a_run_fills_the_holes_with_typed_values(model, template):
    result = template.run(model, {"topic": "cats"}, num=5)
    assert result.error is None
    assert isinstance(result["code"], int)
    assert result["label"] in ("good", "bad")
    assert result.captures == {"code": result["code"], "label": result["label"]}
    assert list(result) == ["code", "label"]
    assert "label" in result
    assert result.text == f"Topic: cats, 5\nCode: {result['code']:03}\nLabel: {result['label']}\n" == str(result)


def test_the_shipped_character_has_the_shape_that_its_template_says(model):
    result = guided.load(CHARACTER).run(model, seed=3)
    assert result.error is None
    assert isinstance(result["age"], int)
    assert result["armor"] in ("leather", "chainmail", "plate")
    assert result["weapon"] in ("sword", "axe", "mace", "spear", "bow", "crossbow")
    assert 3 <= len(result["items"]) <= 5
    body = json.loads(result.text.split("```json\n")[1].split("```")[0])
    assert body["age"] == result["age"]
    assert body["items"] == result["items"]


def test_the_same_seed_gives_the_same_text(model):
    template = guided.load(CHARACTER)
    texts = [template.run(model, seed=seed, defaults={"temperature": 1.5}).text for seed in (1, 1, 2, 3, 4)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    greedy = template.run(model, seed=1, greedy=True)
    assert greedy.text == template.run(model, seed=2, greedy=True).text


def test_defaults_are_for_holes_that_do_not_say(model):
    template = guided.Template('A{{ gen("a", max_tokens=3) }}\nB{{ gen("b") }}\nend')
    result = template.run(model, defaults={"max_tokens": 1})
    tokens = {piece.hole: len([t for t in piece.tokens if t.is_inside]) for piece in result.trace if piece.hole}
    assert tokens["a"] <= 3
    assert tokens["b"] <= 1


def test_work_is_counted(model, template):
    result = template.run(model, topic="a topic that was not seen before")
    again = template.run(model, topic="a topic that was not seen before")
    assert 0 < again.stats.tokens_computed < result.stats.tokens_computed


@pytest.mark.parametrize(
    ("arguments", "options", "part"),
    [
        ({}, {}, "topic"),
        ({"topic": "a", "colour": "red"}, {}, "colour"),
        ({"topic": 3}, {}, "declared as string"),
        ({"topic": "a", "num": "3"}, {}, "declared as integer"),
        ({"topic": "a"}, {"topic": "b"}, "given twice"),
        ("cats", {}, "inputs is a mapping"),
        ({"topic": "a"}, {"seed": -1}, "seed is an integer"),
        ({"topic": "a"}, {"greedy": 1}, "greedy is true or false"),
        ({"topic": "a"}, {"defaults": {"temprature": 1}}, "temperature"),
        ({"topic": "a"}, {"defaults": {"max_tokens": 0}}, "max_tokens"),
    ],
)
def test_wrong_inputs_are_typed_errors_and_nothing_is_computed(model, template, arguments, options, part):
    before = model.stats
    for call in (template.run, template.stream):
        with pytest.raises(guided.InputError, match=part):
            call(model, arguments, **options)
    assert model.stats == before


def test_a_template_runs_on_a_model(template):
    with pytest.raises(guided.InputError, match=r"such as guided.load_model"):
        template.run("shipped", topic="a")


def test_tools_are_given_or_imported_where_that_is_allowed(model, tmp_path):
    def double(n: int) -> int:
        """Twice the number."""
        return 2 * n

    given = guided.Template('---\ntools: [double]\n---\n{{ tools["double"](n=4) }}', tools=[double])
    assert given.run(model).text == "8"
    path = tmp_path / "x.guided"
    path.write_text('---\ntools: {root: "math:isqrt"}\n---\n{{ tools["root"] is defined }}')
    with pytest.raises(guided.TemplateError, match="may not be imported"):
        guided.load(path)
    with pytest.raises(guided.TemplateError, match="no built-in tool 'double'"):
        guided.Template("---\ntools: [double]\n---\n")


# What is kept of a run.


def test_log_p_and_distributions(model, template):
    result = template.run(model, topic="cats", logprobs=True)
    assert result.logprob("code") < 0
    assert result.logprob("label") < 0
    assert set(result.distribution("label")) == {"good", "bad"}
    assert sum(result.distribution("label").values()) == pytest.approx(1)
    plain = template.run(model, topic="cats")
    assert plain.text == result.text
    with pytest.raises(guided.InputError, match="logprobs=True"):
        plain.logprob("code")
    with pytest.raises(guided.InputError, match="dist=true"):
        plain.distribution("code")
    with pytest.raises(KeyError, match="code, label"):
        plain.logprob("colour")


def test_a_trace_says_who_wrote_what(model, template):
    result = template.run(model, topic="<b>cats</b>")
    assert "".join(piece.text for piece in result.trace) == result.text
    by = {piece.text: piece.provenance for piece in result.trace}
    assert by["<b>cats</b>"] == "input"
    assert by[result["label"]] == "model"
    html = result._repr_html_()
    assert "&lt;b&gt;cats" in html
    assert "<b>cats" not in html
    assert str(result["code"])[0] in str(result.trace)


def test_a_saved_run_has_everything_that_was_written(model, template, tmp_path):
    path = tmp_path / "run.jsonl"
    result = template.run(model, topic="cäts", seed=4, logprobs=True)
    result.save(path)
    head, *middle, end = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert (head["source"], head["inputs"], head["seed"]) == (SMALL, {"topic": "cäts", "num": 2}, 4)
    assert end == {"type": "end", "error": None}
    pieces = [entry for entry in middle if entry["type"] == "piece"]
    assert "".join(piece["text"] for piece in pieces) == result.text
    captures = {entry["name"]: entry["value"] for entry in middle if entry["type"] == "capture"}
    assert captures == result.captures
    (code,) = [piece for piece in pieces if piece.get("hole") == "code"]
    assert "".join(token[1] for token in code["tokens"]).endswith(code["text"])
    assert all(token[3] < 0 for token in code["tokens"])


def test_an_error_on_the_way_keeps_what_was_done(model):
    template = guided.Template(
        'A: {{ gen("a", regex="[0-9]") }}\n{% check a == "x", "not x" %}{{ gen("b", regex="[0-9]") }}'
    )
    result = template.run(model)
    assert isinstance(result.error, guided.TemplateRuntimeError)
    assert "not x" in str(result.error)
    assert result["a"].isdigit()
    assert result.text.startswith(f"A: {result['a']}")
    with pytest.raises(guided.TemplateRuntimeError):
        result["b"]
    assert "not x" in result._repr_html_()


# Streams and rows.


def test_a_stream_tells_the_same_story_as_a_run(model, template):
    run = template.run(model, topic="cats", seed=2)
    events = list(template.stream(model, topic="cats", seed=2))
    assert "".join(e.text for e in events if isinstance(e, TextAppended)) == run.text
    assert {e.name: e.value for e in events if isinstance(e, HoleClosed)} == run.captures
    assert events[-1] == RunFinished(captures=run.captures)
    seen = []
    template.run(model, topic="cats", seed=2, on_event=seen.append)
    assert seen == events


def test_a_stream_returns_the_result_and_can_be_left(model, template):
    def drive():
        result = yield from template.stream(model, topic="cats")
        results.append(result)

    results = []
    for _ in drive():
        pass
    assert results[0].text == template.run(model, topic="cats").text
    stream = template.stream(model, topic="cats")
    next(stream)
    stream.close()
    assert template.run(model, topic="cats").text == results[0].text


def test_rows_come_in_order_and_fail_alone(model, template):
    rows = [{"topic": f"topic {i}", "num": i} for i in range(7)]
    rows[3] = {"topic": 3}
    done = []
    results = template.map(model, rows, batch=3, on_done=done.append)
    assert done == list(range(1, 8))
    assert [result.text.split("\n")[0] for result in results if not result.error] == [
        f"Topic: topic {i}, {i}" for i in range(7) if i != 3
    ]
    assert isinstance(results[3].error, guided.InputError)
    assert results[3].captures == {}
    alone = template.run(model, rows[5])
    assert results[5].text == alone.text


def test_rows_that_sample_do_not_depend_on_the_batch(model, template):
    rows = [{"topic": "same"} for _ in range(5)]
    how = {"defaults": {"temperature": 1.5}, "seed": 8}
    texts = [[r.text for r in template.map(model, rows, batch=batch, **how)] for batch in (1, 2, 16)]
    assert texts[0] == texts[1] == texts[2]
    assert len(set(texts[0])) > 1
    assert template.run(model, topic="same", **how).text == texts[0][0]


@pytest.mark.parametrize(
    ("rows", "options", "part"),
    [
        ({"topic": "a"}, {}, "rows is a list of mappings"),
        ("rows", {}, "rows is a list of mappings"),
        (["a"], {}, "row 0 is a mapping"),
        ([], {"batch": 0}, "batch is an integer"),
    ],
)
def test_wrong_rows_are_refused(model, template, rows, options, part):
    with pytest.raises(guided.InputError, match=part):
        template.map(model, rows, **options)


def test_no_rows_give_no_results(model, template):
    assert template.map(model, []) == []


LONG = guided.Template(
    '---\nguided: 1\n---\nFirst {{ gen("a", regex="[a-z]{2}") }}, then {{ gen("b", regex="[0-9]{400}") }}'
)


def test_a_run_that_takes_too_long_keeps_what_it_has(model):
    LONG.run(model)  # compiled
    for result in (LONG.run(model, timeout=0.01), *LONG.map(model, [{}, {}, {}], batch=2, timeout=0.01)):
        assert isinstance(result.error, guided.DeadlineExceeded)
        assert len(result.text) < 100
    *_, last = LONG.stream(model, timeout=0.01)
    assert "0.01" in last.error
    assert LONG.run(model, timeout=600).error is None


def test_a_template_of_higher_priority_goes_first():
    order = []

    def noted(name):
        return lambda event: order.append(name) if isinstance(event, RunFinished) else None

    with guided.load_model(max_batch=1) as model:
        low = threading.Thread(target=lambda: LONG.run(model, on_event=noted("low")))
        low.start()
        while not model.stats.tokens_computed:
            time.sleep(0.001)
        LONG.run(model, priority=1, on_event=noted("high"))
        low.join()
    assert order == ["high", "low"]


@pytest.mark.parametrize("how", [{"timeout": 0}, {"timeout": "1"}, {"priority": 1.5}, {"timeout": float("inf")}])
def test_wrong_urgency_is_refused(model, how):
    (name,) = how
    for call in (
        lambda: LONG.run(model, **how),
        lambda: LONG.map(model, [{}], **how),
        lambda: LONG.stream(model, **how),
    ):
        with pytest.raises(guided.InputError, match=name):
            call()
