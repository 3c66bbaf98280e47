"""Model directories that are not ones: each gets a `ModelLoadError` that says what, where and what to do."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from guided.errors import ModelLoadError
from guided_backends.builtin import load


@pytest.fixture
def directory(llama_writer, tmp_path):
    return llama_writer(tmp_path / "model")


def refuse(directory, *parts, **options):
    with pytest.raises(ModelLoadError) as caught:
        load(directory, **options)
    for part in parts:
        assert part in str(caught.value), str(caught.value)


def change_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_place_that_is_no_directory(tmp_path):
    refuse(tmp_path / "nothing", "nothing is not a directory", "config.json")
    (tmp_path / "file").write_text("x")
    refuse(tmp_path / "file", "is not a directory")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file(directory, name):
    (directory / name).unlink()
    refuse(directory, f"has no {name}")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}, ["gpt2", "backend='transformers'"]),
        ({"attention_bias": True}, ["attention_bias=True", "backend='transformers'"]),
        ({"hidden_act": "gelu"}, ["hidden_act='gelu'"]),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2}}, ["'yarn'", "backend='transformers'"]),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 2}}, ["'llama3'", "low_freq_factor"]),
        ({"quantization_config": {"bits": 4}}, ["quantised"]),
        ({"hidden_size": "48"}, ["hidden_size must be a positive integer", "'48'"]),
        ({"num_key_value_heads": 3}, ["4 heads, 3 key-value heads"]),
        ({"vocab_size": None}, ["vocab_size must be a positive integer"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_config_that_cannot_be_run(directory, changes, parts):
    change_config(directory, **changes)
    refuse(directory, "config.json", *parts)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"], ids=["empty", "cut", "a list", "binary"])
def test_a_config_that_is_no_json_object(directory, text):
    (directory / "config.json").write_text(text)
    refuse(directory, "config.json")


def test_a_tensor_of_the_wrong_shape(directory):
    change_config(directory, intermediate_size=100)
    refuse(directory, "mlp.gate_proj", "(96, 48)", "(100, 48)")


def test_a_missing_tensor(directory):
    change_config(directory, num_hidden_layers=4)
    refuse(directory, "no tensor 'model.layers.3.")


def test_a_tensor_of_a_type_that_is_not_read(directory):
    tensors = load_file(directory / "model.safetensors")
    tensors["model.norm.weight"] = np.ones(48, np.int64)
    save_file(tensors, directory / "model.safetensors")
    refuse(directory, "'model.norm.weight' is I64", "BF16")


def test_weights_cut_short_anywhere(directory):
    path = directory / "model.safetensors"
    whole = path.read_bytes()
    for size in (0, 7, 8, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refuse(directory, "model.safetensors", "again")


@pytest.mark.parametrize(
    "header",
    [b"{not json", b"[]", b'{"a": 3}', b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}', b"\xff\xfe"],
    ids=["no json", "a list", "no entry", "offsets", "no text"],
)
def test_weights_with_a_corrupt_header(directory, header):
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    refuse(directory, "model.safetensors", "header cannot be read", "again")


def test_a_header_length_of_nonsense(directory):
    (directory / "model.safetensors").write_bytes(b"\xff" * 8 + bytes(64))
    refuse(directory, "header should end")


def test_a_shard_that_is_missing(directory):
    (directory / "model.safetensors").unlink()
    index = directory / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    refuse(directory, "model-1.safetensors, which is missing")
    index.write_text("{}")
    refuse(directory, "no weight_map")


def test_a_tokenizer_of_another_model(directory):
    path = directory / "tokenizer.json"
    raw = json.loads(path.read_text())
    raw["model"]["vocab"]["foreign"] = 384
    path.write_text(json.dumps(raw))
    refuse(directory, "token id 384", "384 embeddings", "another model")


@pytest.mark.parametrize("text", ["", "{}", '{"model": {"vocab": 3}}', "nothing"], ids=["empty", "{}", "3", "text"])
def test_a_tokenizer_that_is_none(directory, text):
    (directory / "tokenizer.json").write_text(text)
    refuse(directory, "tokenizer.json")


def test_an_option_that_does_not_exist(directory):
    refuse(directory, "no option device", "cache_bytes", device="cuda")


def test_a_cache_that_is_too_small(directory):
    refuse(directory, "cache_bytes=100", cache_bytes=100)


@pytest.mark.parametrize("options", [{"cache_bytes": "1GB"}, {"max_len": -3}, {"threads": 0}, {"reuse": "no"}], ids=str)
def test_options_of_the_wrong_type_or_size(directory, options):
    ((name, value),) = options.items()
    refuse(directory, f"{name}={value!r}: pass", **options)
