"""The training text of the shipped model: reproducible, parseable, without held-out words; and the trainer resumes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.train_tiny import words
from tools.train_tiny.examples import Example
from tools.train_tiny.generate import example, of_task
from tools.train_tiny.words import is_heldout, part, syllables

COPIED = (
    *(words.FIRST_NAMES, words.CITIES, words.JOBS, words.THINGS, words.ADJECTIVES),
    *(words.FRUITS, words.ANIMALS, words.COLOURS, words.COUNTRIES),
)


@pytest.fixture(scope="module")
def training() -> list[Example]:
    return [example(3, i) for i in range(1500)]


def test_a_document_depends_on_seed_and_index_alone(training: list[Example]) -> None:
    assert [example(3, i).text for i in range(50)] == [e.text for e in training[:50]]
    assert example(4, 0).text != training[0].text


@pytest.mark.parametrize("task", ["extract", "extract_free", "json"])
@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_answer_is_the_json_of_the_fields(task: str, split: words.Split) -> None:
    for e in of_task(task, 5, 100, split):
        [(_, written)] = e.questions()
        assert json.loads(written) == e.answer["fields"]
        assert written == " " + json.dumps(e.answer["fields"], ensure_ascii=False) + "\n"


def test_tool_calls_parse_and_name_an_offered_tool() -> None:
    for task in ("react", "react_lookup", "react_lookup_two", "react_tool"):
        for e in of_task(task, 5, 50, "heldout"):
            calls = re.findall(r"^Action: (\w+)\((.*)\)$", e.text, flags=re.MULTILINE)
            assert calls
            assert {name for name, _ in calls} <= set(e.answer["tools"])
            assert all(isinstance(json.loads(arguments), dict) for _, arguments in calls)


def test_a_profile_is_json() -> None:
    for e in of_task("profile", 5, 50, "train"):
        profile = json.loads(e.text.split("```json\n")[1].split("```")[0])
        assert list(profile)[:2] == ["id", "description"]
        assert 3 <= len(profile["items"]) <= 5


def test_held_out_words_are_never_in_training_text(training: list[Example]) -> None:
    kept_back = {w for pool in COPIED for phrase in part(pool, "heldout") for w in phrase.split() if is_heldout(w)}
    # Some held-out words are also ordinary words of the sentences (`book`, `new`); copied values never hold them.
    values = {
        w
        for e in training
        for v in e.answer.get("fields", {}).values()
        if isinstance(v, str)
        for w in re.findall(r"[^\W\d_]+", v)
    }
    assert len(kept_back) > 40
    assert not {w for w in values if w.lower() in {k.lower() for k in kept_back}}


def test_held_out_syllables_are_apart() -> None:
    for is_simple in (False, True):
        assert not set(syllables("train", is_simple)) & set(syllables("heldout", is_simple))
        assert len(syllables("heldout", is_simple)) > 50


def test_a_colon_alone_is_never_followed_by_slashes(training: list[Example]) -> None:
    for e in training:
        assert not re.search(r":\s+//|[^\s\w]://", e.text)


def test_the_trainer_resumes_to_the_same_loss(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tools.train_tiny.model import TinyConfig
    from tools.train_tiny.tokenizer import build
    from tools.train_tiny.train import Recipe, Trainer

    tokenizer = build(seed=1, count=300, size=1200)
    config = TinyConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden=32, layers=1, heads=2, kv_heads=1, head_dim=16, mlp=32
    )
    recipe = Recipe(budget=512, micro=2, pool=24, easy_pools=0, warm_up=2)
    straight = Trainer(config, recipe, tokenizer)
    straight.train_step()
    straight.save(tmp_path / "one.pt")
    resumed = Trainer(config, recipe, tokenizer)
    resumed.load(tmp_path / "one.pt")
    assert resumed.train_step() == pytest.approx(straight.train_step(), abs=1e-6)
    assert resumed.step == straight.step == 2
