"""Which backend a name means, and what is said when it is not there."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest

from guided.errors import ModelLoadError
from guided.runtime import load
from guided.runtime.load import default_backend, load_engine

MODULE = "a_backend_for_the_tests"


@pytest.fixture
def points(monkeypatch):
    """Entry points as if these backends were installed."""
    values = {
        "builtin": "json:dumps",
        "transformers": "a_library_that_is_missing:load",
        "echo": "builtins:dict",
    }
    found = {name: EntryPoint(name, value, load.GROUP) for name, value in values.items()}
    monkeypatch.setattr(load, "installed_backends", lambda: found)


@pytest.mark.usefixtures("points")
def test_an_unknown_backend_lists_the_installed_ones():
    with pytest.raises(ModelLoadError, match=r"no backend 'vulkan'.*builtin, echo, transformers"):
        load_engine("x", backend="vulkan")


@pytest.mark.usefixtures("points")
def test_a_missing_library_names_its_extra():
    with pytest.raises(ModelLoadError, match=r'needs a_library_that_is_missing.*pip install "guided\[transformers\]"'):
        load_engine("some/model")


@pytest.mark.usefixtures("points")
def test_options_reach_the_backend():
    assert load_engine({"a": 1}, backend="echo", threads=2) == {"a": 1, "threads": 2}


def write(directory, kind, size):
    (directory / "config.json").write_text(json.dumps({"model_type": kind}))
    (directory / "model.safetensors").write_bytes(bytes(size))
    return directory


def test_the_default_backend(tmp_path, monkeypatch):
    assert default_backend(None) == "builtin"
    assert default_backend(tmp_path) == "transformers"
    assert default_backend("http://127.0.0.1:8000/v1") == "openai"
    assert default_backend(str(write(tmp_path, "llama", 100))) == "builtin"
    monkeypatch.setattr(load, "SMALL_BYTES", 99)
    assert default_backend(tmp_path) == "transformers"
    monkeypatch.undo()
    assert default_backend(write(tmp_path, "gpt2", 100)) == "transformers"
    (tmp_path / "config.json").write_text("[")
    assert default_backend(tmp_path) == "transformers"


def test_a_folder_without_a_model_is_named_before_any_backend(tmp_path):
    with pytest.raises(ModelLoadError, match=r"not a model directory: it has no config\.json"):
        load_engine(tmp_path)


def test_names_that_are_none():
    with pytest.raises(ModelLoadError, match="the name of the model is empty"):
        load_engine("")
    with pytest.raises(ModelLoadError, match=r"backend is the name of a backend, .* not 3"):
        load_engine("x", backend=3)
    with pytest.raises(ModelLoadError, match=r"/v1 is the address of a server, .* load the model itself"):
        load_engine("http://127.0.0.1:8000/v1")
