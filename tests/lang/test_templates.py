"""The shipped templates: they compile, run bare, and their text is that of the shipped model's training documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from guided.lang import Scope, bind_inputs, check, load_tools, nodes, parse, start_scope
from guided.lang.captures import bodies_of
from guided.lang.evaluate import evaluate_text
from guided.lang.render import loop_frames
from guided.source import Source

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").glob("*.guided"))


def read(name: str):
    path = ROOT / "templates" / f"{name}.guided"
    return parse(Source(path.read_text(encoding="utf-8"), str(path)))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_it_compiles_and_needs_no_input(path):
    file = read(path.stem)
    assert check(file)
    assert bind_inputs(file.front.inputs, {})
    load_tools(file)


def test_every_skill_has_one():
    assert {path.stem for path in TEMPLATES} >= {"character", "classify", "extract", "joke", "link", "react"}


def test_character_is_the_one_of_the_design():
    text = read("character").source.text
    assert '"items": [{% repeat "items", min=3, max=5, sep=", " %}' in text
    assert [t.name for t in read("character").front.tests] == ["fighter", "age is digits"]


class Script:
    """Fills the holes with given answers, in order of their names: what a run without a model would write."""

    def __init__(self, file, answers, inputs=None):
        self.file = file
        self.answers = {name: list(a) if isinstance(a, list) else [a] for name, a in answers.items()}
        self.scope = start_scope(file, bind_inputs(file.front.inputs, inputs or {}), load_tools(file))
        self.text = ""

    def answer(self, name):
        queue = self.answers[name]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def run(self, body=None):
        for node in self.file.body if body is None else body:
            self.node(node)
        return self.text

    def node(self, node):
        match node:
            case nodes.Text():
                self.text += node.value
            case nodes.Output():
                self.text += evaluate_text(node.value, self.scope, self.file.source)
            case nodes.Hole():
                given = self.answer(node.name)
                self.text += given if isinstance(given, str) else json.dumps(given)
                self.scope = self.scope.capture(node.name, given)
            case nodes.Repeat():
                for index in range(3):
                    self.text += ", " if index else ""
                    self.run(node.body)
            case nodes.For():
                for frame in loop_frames(node, self.scope, self.file.source):
                    outer, self.scope = self.scope, self.scope.push(frame)
                    self.run(node.body)
                    self.scope = Scope((*self.scope.frames[:1], *outer.frames[1:]))
            case nodes.Loop():
                for _ in range(9):
                    self.run(node.body)
                    if self.scope["move"] == "finish":
                        break
            case nodes.Choose():
                self.scope = self.scope.capture(node.name, self.answer(node.name))
                self.run(next(o.body for o in node.options if o.name == self.scope[node.name]))
            case nodes.Break():
                pass
            case nodes.Role():
                self.text += f"<|{node.role}|>\n"
                self.run(node.body)
                self.text += "<|end|>\n"
            case _:
                for body in bodies_of(node):
                    self.run(body)


@pytest.fixture(scope="module")
def training():
    """The generator of the training documents, which lies beside the package in a checkout."""
    if not (ROOT / "tools" / "train_tiny").is_dir():
        pytest.skip("tools/train_tiny is not here")
    sys.path.insert(0, str(ROOT))
    import tools.train_tiny.generate as generate

    yield generate
    sys.path.remove(str(ROOT))


def test_extract(training):
    from tools.train_tiny.tasks_extract import INSTRUCTION

    answer = {"name": "Mira Tolvan", "age": 34, "city": "Lisbon", "job": "baker"}
    text = "Mira Tolvan is a 34-year-old baker from Lisbon."
    expected = f"{INSTRUCTION}\nText: {text}\nJSON: {json.dumps(answer)}\n"
    assert Script(read("extract"), answer).run() == expected


def test_classify(training):
    from tools.train_tiny.tasks_labels import SENTIMENT

    expected = (
        f"{SENTIMENT}\nReview: Everything about the hotel was terrible. I want my money back.\nSentiment: negative\n"
    )
    assert Script(read("classify"), {"label": "negative"}).run() == expected


def test_link(training):
    from tools.train_tiny.tasks_links import SITE_FORMS

    expected = SITE_FORMS[0].replace("|", "").format(s="tilva")
    assert Script(read("link"), {"rest": "//www.tilva.com/"}).run() == expected


def test_react(training):
    from tools.train_tiny.tasks_react import HEADER
    from tools.train_tiny.tools import LINES

    answers = {
        "thought": ["I need to work out 12 + 30 first.", "Now I need to multiply 42 by 4.", "I know the answer."],
        "move": ["act", "act", "finish"],
        "tool": "calculator",
        "args": [{"expression": "12 + 30"}, {"expression": "42 * 4"}],
        "answer": "168",
    }
    assert Script(read("react"), answers).run() == (
        f"{HEADER}{LINES['calculator']}\n\nQuestion: What is (12 + 30) * 4?\n"
        'Thought: I need to work out 12 + 30 first.\nAction: calculator({"expression": "12 + 30"})\nObservation: 42\n'
        'Thought: Now I need to multiply 42 by 4.\nAction: calculator({"expression": "42 * 4"})\nObservation: 168\n'
        "Thought: I know the answer.\nAnswer: 168\n"
    )


def test_character(training):
    answers = {"name": "Aria", "age": 27, "armor": "leather", "weapon": "bow", "class": "fighter"}
    answers |= {"mantra": "Be quick.", "strength": 60, "item": ["rope", "torch", "quiver"]}
    found = Script(read("character"), answers).run()
    for document in training.of_task("profile", 5, 40, "train"):
        keys = [line.split(":")[0] for line in document.text.splitlines()]
        assert [line.split(":")[0] for line in found.splitlines()] == keys
    assert '"items": ["rope", "torch", "quiver"]\n}\n```\n' in found


def test_joke(training):
    answers = {"joke": "Why did the horse run?", "punchline": "To look new.", "tone": " kind"}
    assert Script(read("joke"), answers).run() == (
        "<|user|>\nTell a joke about horse.<|end|>\n<|assistant|>\nQ:Why did the horse run?\nA:To look new.\n"
        "Is this joke kind, neutral or mean? Answer: kind\n<|end|>\n"
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_the_tests_in_the_file_say_what_its_script_writes(path):
    file = read(path.stem)
    for test in file.front.tests:
        if "contains" not in test.expect or path.stem in ("character", "extract"):
            continue  # their answers are values, which a run spells as JSON
        assert test.expect["contains"] in Script(file, test.script, test.inputs).run()
