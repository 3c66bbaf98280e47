"""From a directory: the same engine as from objects, and a typed error for everything that is wrong with it."""

import json
import shutil

import numpy as np
import pytest
import torch

from guided.errors import GuidedError, ModelLoadError
from guided.runtime.engine import Extend
from guided.vocab import Vocabulary
from guided_backends import transformers as backend


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A tiny Llama as save_pretrained writes it. Do not change it: see `folder`."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(4)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=320, **sizes, bos_token_id=0, eos_token_id=1))
    place = tmp_path_factory.mktemp("saved")
    model.save_pretrained(place)
    return place


@pytest.fixture
def folder(saved, tokenizer, tmp_path):
    """A copy that a test may break."""
    place = tmp_path / "model"
    shutil.copytree(saved, place)
    tokenizer.save_pretrained(place)
    return place


def logits(engine, tokens):
    (row,) = engine.step([Extend(engine.open([]), tokens)])
    return engine.logits(row)[0]


def test_a_directory_gives_the_engine_of_its_objects(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded = backend.load(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    objects = backend.from_objects(model, AutoTokenizer.from_pretrained(folder))
    assert loaded.vocab.fingerprint == objects.vocab.fingerprint == Vocabulary.from_tokenizer(folder, 320).fingerprint
    assert loaded.vocab.size == loaded.num_logits == 320
    assert np.array_equal(logits(loaded, [5, 6, 7]), logits(objects, [5, 6, 7]))
    assert loaded.info.name == "transformers"
    assert loaded.info.source == str(folder)


def test_options(folder):
    engine = backend.load(str(folder), device="cpu", dtype="bfloat16", cache_bytes=1 << 16, max_batch=4, num_threads=1)
    assert engine.info.details["dtype"] == "bfloat16"
    exact = logits(backend.load(folder), [5, 6, 7])
    assert np.abs(logits(engine, [5, 6, 7]) - exact).max() < 0.1
    assert backend.load(folder, attn_implementation="eager").info.details["attention"] == "eager"


def test_half_precision_weights_are_run_in_float32_on_a_cpu(folder):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float16).save_pretrained(folder)
    assert backend.load(folder).info.details["dtype"] == "float32"
    assert backend.load(folder, dtype="auto").info.details["dtype"] == "float16"


def cut_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def scramble_header(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(b"\xff" * 200 + weights.read_bytes()[200:])


def drop_a_tensor(folder):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(**changes):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return change


def narrow_the_model(folder):
    change_config(vocab_size=200)(folder)
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = tensors[name][:200].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


BROKEN = {
    "no config": (lambda f: (f / "config.json").unlink(), "it has no config.json"),
    "config is not JSON": (lambda f: (f / "config.json").write_text("{"), "config.json is not a config"),
    "unknown architecture": (change_config(model_type="nonesuch"), "config.json is not a config"),
    "not a language model": (change_config(model_type="clip_vision_model"), "cannot be loaded"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "cannot be loaded"),
    "weights cut off": (cut_weights, "are corrupt"),
    "weights scrambled": (scramble_header, "are corrupt"),
    "a tensor is missing": (drop_a_tensor, r"lack 1 tensors, the first is model\.layers\.1\.mlp\.up_proj\.weight"),
    "another shape": (change_config(hidden_size=64), "cannot be loaded"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer"),
    "tokenizer is not JSON": (lambda f: (f / "tokenizer.json").write_text("{"), "tokenizer.json"),
    "tokenizer of another model": (narrow_the_model, "does not go with the model, whose head gives 200"),
}


@pytest.mark.parametrize(("damage", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_directory(damage, message, folder):
    damage(folder)
    with pytest.raises(ModelLoadError, match=message):
        backend.load(folder)


def test_places_that_are_no_directory(folder, tmp_path):
    with pytest.raises(ModelLoadError, match="guided never downloads"):
        backend.load(tmp_path / "nowhere")
    with pytest.raises(ModelLoadError, match="guided never downloads"):
        backend.load("some-organisation/some-model-that-is-not-here")
    with pytest.raises(ModelLoadError, match="is a file, not a model directory"):
        backend.load(folder / "model.safetensors")
    with pytest.raises(ModelLoadError, match="pass a model directory"):
        backend.load(None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "nonsense"}, "device 'nonsense' cannot be used"),
        ({"device": "cuda:77"}, "device 'cuda:77' cannot be used"),
        ({"dtype": "float99"}, "dtype 'float99' is not one of torch's"),
        ({"dtype": 32}, "dtype 32 is not"),
        ({"attn_implementation": "nonsense"}, "cannot be loaded"),
        ({"no_such_option": 1}, "there is no option 'no_such_option': the transformers backend takes device, dtype"),
        ({"cache_bytes": None}, "cache_bytes=None: pass an integer of at least 1"),
        ({"max_len": "long"}, "max_len='long': pass an integer"),
    ],
    ids=lambda value: next(iter(value.items())) if isinstance(value, dict) else "",
)
def test_options_that_cannot_be(options, message, folder):
    with pytest.raises(ModelLoadError, match=message):
        backend.load(folder, **options)


def test_a_tokenizer_in_two_files_is_read_as_transformers_reads_it(folder):
    """As GPT-2's was, and those of many models that were saved long ago."""
    prompt = b"The quick brown fox"
    expected = backend.load(folder).vocab.encode(prompt)
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in spec["model"]["merges"]]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(spec["model"]["vocab"]), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
    names = {key: settings[key] for key in ("bos_token", "eos_token") if settings.get(key)}
    changed = {"tokenizer_class": "GPT2Tokenizer", "unk_token": settings["eos_token"], **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(changed), encoding="utf-8")
    engine = backend.load(folder)
    assert engine.vocab.encode(prompt) == expected
    (folder / "vocab.json").unlink()
    with pytest.raises(ModelLoadError, match=r"holds no tokenizer that can be read .*put the model's tokenizer\.json"):
        backend.load(folder)


def test_a_chat_model_may_name_more_end_tokens_than_its_tokenizer(folder):
    """Of objects loaded by name, whose folder is not known; a text token that a config calls an end is not one."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.name_or_path = tokenizer.init_kwargs["name_or_path"] = "some/model"
    control, text = tokenizer.bos_token_id, tokenizer.convert_tokens_to_ids("a")
    assert backend.from_objects(model, tokenizer).vocab.eos_ids == {tokenizer.eos_token_id}
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, control, text]
    assert backend.from_objects(model, tokenizer).vocab.eos_ids == {tokenizer.eos_token_id, control}


def test_a_name_in_the_local_cache_is_found_there(folder, tmp_path):
    """The layout of the Hugging Face cache: refs/main names a snapshot."""
    hub = tmp_path / "hub"
    repository = hub / "models--me--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123")
    shutil.copytree(folder, repository / "snapshots" / "abc123")
    engine = backend.load("me/tiny", cache_dir=str(hub))
    assert engine.info.source == "me/tiny"


@pytest.mark.parametrize("missing", [["torch"], ["transformers"], ["torch", "transformers"]], ids="+".join)
def test_without_the_libraries_the_extra_is_named(missing, folder, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in missing else find(name, *a))
    for call in (lambda: backend.load(folder), lambda: backend.from_objects(None, None)):
        with pytest.raises(
            ModelLoadError, match=rf"needs {' and '.join(missing)}: pip install 'guided\[transformers\]'"
        ):
            call()


def test_importing_the_backend_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, guided_backends.transformers as b; assert b.load; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_error_is_a_guided_error():
    assert issubclass(ModelLoadError, GuidedError)
