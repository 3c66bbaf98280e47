"""The exllama backend over fakes with the real signatures: pages, refusals, and the logits of another backend.

(The conformance suite runs over the same fakes. Nothing here needs CUDA, and nothing here shows that CUDA works.)
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import guided
from guided.errors import CacheFull, ModelLoadError
from guided.runtime.engine import Extend, Policy
from guided_backends import exllama
from guided_backends.exllama import loading
from guided_backends.exllama.page_table import PageTable
from tests.backends.random_program import Program, run_in_a_tight_cache
from tests.conformance.conftest import write_llama
from tests.fakes.install import install_exllama

VERSIONS = pytest.mark.parametrize("name", ["exllamav2", "exllamav3"])
RNG = np.random.default_rng(5)
PROMPT = RNG.integers(2, 384, 100).tolist()


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture
def load(llama, monkeypatch):
    """Loads the Llama by the named version, with pages of 16 tokens."""

    def load_it(name, page_size=16, cache_bytes=1 << 20, **options):
        install_exllama(monkeypatch, name, page_size)
        by = exllama.load_v2 if name == "exllamav2" else exllama.load_v3
        return by(llama, cache_bytes=cache_bytes, **options)

    return load_it


@pytest.fixture(scope="module")
def reference(llama):
    """Logits after every token, by transformers."""
    from guided_backends import transformers

    engine = transformers.load(llama, reuse=False, num_threads=1)

    def logits(tokens):
        seq = engine.open([])
        (row,) = engine.step([Extend(seq, list(tokens), "all")])
        engine.close(seq)
        return engine.logits(row)

    return logits


@VERSIONS
def test_the_logits_are_those_of_transformers(name, load, reference):
    engine = load(name, page_size=256)
    assert engine.info.name == name
    assert engine.vocab.size == engine.num_logits == 384
    (row,) = engine.step([Extend(engine.open([]), PROMPT, "all")])
    assert np.abs(engine.logits(row) - reference(PROMPT)).max() < 1e-4


@VERSIONS
@pytest.mark.parametrize("seed", range(3))
def test_random_programs_over_small_pages(name, seed, load, reference):
    program = Program(load(name, page_size=4), reference, seed)
    for _ in range(60):
        program.turn()
    assert program.checked > 30
    assert program.engine.stats.tokens_reused > 0


@VERSIONS
def test_a_tight_cache_evicts_but_never_lies(name, load, reference):
    engine = load(name, page_size=4, cache_bytes=120 * load(name).cache_bytes_per_token)
    program = Program(engine, reference, 7)
    refusals = run_in_a_tight_cache(program, 150)
    assert program.checked > 40
    assert refusals
    assert all("cache_bytes" in refusal for refusal in refusals)


@VERSIONS
def test_forks_share_full_pages_and_copy_one_in_part(name, load, monkeypatch):
    engine = load(name)
    copies = []
    copy_page = type(engine._model).copy_page
    monkeypatch.setattr(type(engine._model), "copy_page", lambda *call: copies.append(call[1:]) or copy_page(*call))
    free = engine._runner.table.num_free
    seq = engine.open([])
    engine.step([Extend(seq, PROMPT, "none")])  # 7 pages of 16, the last with 4 tokens
    assert free - engine._runner.table.num_free == 7
    forks = engine.fork(seq, 4)
    assert free - engine._runner.table.num_free == 7
    engine.step([Extend(fork, [7 + i], "none") for i, fork in enumerate(forks)])
    assert [count for _, _, count in copies] == [4, 4, 4]  # the first goes on in the page that is there
    assert free - engine._runner.table.num_free == 10
    engine.step([Extend(fork, [9], "none") for fork in forks])
    assert len(copies) == 3


@VERSIONS
def test_a_page_is_copied_on_the_stream_of_the_forwards_in_every_thread(name, load):
    """A lone caller drives the loop in its own thread, the next call in another one."""
    engine = load(name)
    seq = engine.open([])
    engine.step([Extend(seq, PROMPT, "none")])
    forks = engine.fork(seq, 2)
    with ThreadPoolExecutor(1) as another:
        rows = another.submit(engine.step, [Extend(fork, [7 + i]) for i, fork in enumerate(forks)]).result()
    assert [row.rows for row in rows] == [1, 1]


@VERSIONS
def test_decoding_rows_go_through_the_model_together(name, load):
    engine = load(name, max_batch=3)
    calls = []
    forward = engine._model.forward
    engine._model.forward = lambda tokens, *more: calls.append(tuple(tokens.shape)) or forward(tokens, *more)
    seqs = [engine.open([]) for _ in range(5)]
    engine.step([Extend(seq, [5 + i, 6]) for i, seq in enumerate(seqs)])
    assert calls == [(1, 2)] * 5
    calls.clear()
    engine.step([Extend(seq, [7]) for seq in seqs])
    assert calls == [(3, 1), (2, 1)]
    assert engine.stats.forward_calls == 2


@VERSIONS
def test_a_long_prompt_goes_in_pieces(name, load, reference):
    engine = load(name)
    engine._model.max_tokens = 30
    for want in ("last", "all"):
        (row,) = engine.step([Extend(engine.open([]), PROMPT, want)])
        assert np.abs(engine.logits(row) - reference(PROMPT)[-row.rows :]).max() < 1e-4


@VERSIONS
def test_rows_wait_for_pages_instead_of_failing(name, load):
    page = 16 * load(name).cache_bytes_per_token
    model = guided.Model(load(name, cache_bytes=5 * page))
    prompts = [f"{number} and then" for number in range(8)]
    how = {"constraint": guided.Regex("[a-z ]{12,20}"), "max_tokens": 20, "temperature": 1.0}
    together = model.generate_batch(prompts, **how)
    assert all(row.error is None for row in together)
    alone = [model.generate_batch(prompts[: n + 1], **how)[n] for n in (0, 5)]
    assert [row.text for row in alone] == [together[0].text, together[5].text]


@VERSIONS
def test_a_quantised_cache_holds_more(name, load):
    wide, narrow = load(name), load(name, cache_bits=8)
    assert narrow.num_slots == wide.num_slots  # grows later
    assert narrow.cache_bytes_per_token < wide.cache_bytes_per_token
    assert narrow._model.num_pages > wide._model.num_pages


def test_pages_whose_tokens_are_gone_are_used_again():
    held = set(range(1, 9))
    table = PageTable(2, 4, holds=held.__contains__, evict=lambda count: False)
    table.resize(32)
    assert table.place(np.arange(1, 9, dtype=np.int32), 0) == ([0, 1], None)
    with pytest.raises(CacheFull, match="cache_bytes"):
        table.place(np.array([9], np.int32), 0)
    held -= {1, 2, 3, 4}
    held.add(9)
    assert table.place(np.array([9], np.int32), 0) == ([0], None)
    assert table.pages(np.array([9], np.int32), 1) == [0]


@pytest.fixture
def folder(llama, tmp_path):
    """A directory with a config.json that a test may change."""
    for file in llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def quantised(folder, method):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": method}}))


@pytest.mark.parametrize(("method", "name"), [("exl2", "exllamav2"), ("exl3", "exllamav3"), (None, "exllamav3")])
def test_the_directory_says_which_version(method, name, folder, monkeypatch):
    if method:
        quantised(folder, method)
    for each in ("exllamav2", "exllamav3"):
        install_exllama(monkeypatch, each)
    assert exllama.load(folder, cache_bytes=1 << 20).info.name == name


def test_without_cuda_it_says_so(folder):
    if loading._has_cuda():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ModelLoadError, match="needs a CUDA device, and torch sees none"):
        exllama.load(folder)


@pytest.mark.parametrize("name", ["exllamav2", "exllamav3"])
def test_without_the_package_the_extra_is_named(name, folder, monkeypatch):
    monkeypatch.setattr(loading, "_has_cuda", lambda: True)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda each, *a: None if each == name else find(each, *a))
    with pytest.raises(ModelLoadError, match=rf"pip install 'guided\[{name}\]'"):
        (exllama.load_v2 if name == "exllamav2" else exllama.load_v3)(folder)


def test_a_package_that_does_not_compile(folder, monkeypatch, tmp_path):
    (tmp_path / "exllamav3.py").write_text('raise OSError("CUDA_HOME is not set\\nand more")')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(loading, "_has_cuda", lambda: True)
    with pytest.raises(ModelLoadError, match="cannot be imported: OSError: CUDA_HOME is not set; it compiles CUDA"):
        exllama.load_v3(folder)
    sys.modules.pop("exllamav3", None)


REFUSALS = {
    "option": ({"gpu": 1}, "no option gpu"),
    "cache": ({"cache_bytes": 100}, "too small: a page of 256 tokens"),
    "bits": ({"cache_bits": 5}, "16, 8, 6 and 4 bits"),
    "batch": ({"max_batch": 0}, "max_batch=0"),
    "text": ({"cache_bytes": "2GB"}, "cache_bytes='2GB': pass an integer of at least 1"),
    "length": ({"max_len": 1.5}, "max_len=1.5: pass an integer"),
    "reuse": ({"reuse": "no"}, "reuse='no': pass True or False"),
}


@pytest.mark.parametrize(("options", "message"), REFUSALS.values(), ids=REFUSALS)
def test_options_that_cannot_be(options, message, load):
    with pytest.raises(ModelLoadError, match=message):
        load("exllamav2", page_size=256, **options)


def test_models_and_machines_that_cannot_be(load, folder, monkeypatch):
    fake = install_exllama(monkeypatch, "exllamav3")
    monkeypatch.setattr(fake.Model, "recurrent_layers", ("mamba",))
    with pytest.raises(ModelLoadError, match="recurrent or sliding state"):
        exllama.load_v3(folder)
    fake = install_exllama(monkeypatch, "exllamav2")

    def missing():
        raise AssertionError("Paged attention required Flash Attention 2.5.7 or later")

    monkeypatch.setattr(sys.modules["exllamav2.attn"], "assert_paged_attn", missing)
    with pytest.raises(ModelLoadError, match="pip install flash-attn"):
        exllama.load_v2(folder)
    quantised(folder, "gptq")
    with pytest.raises(ModelLoadError, match="quantised as 'gptq'"):
        exllama.load(folder)
    for source, message in ((None, "ships no model"), (folder / "nowhere", "no config.json")):
        with pytest.raises(ModelLoadError, match=message):
            exllama.load(source)


def test_importing_the_backend_imports_neither_torch_nor_exllama():
    code = "import sys, guided_backends.exllama as b; print([m for m in sys.modules if m in ('torch', 'exllamav3')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@VERSIONS
def test_choosing_on_the_device_is_choosing_on_the_host(name, load):
    """On a GPU the engine makes itself a chooser; here it is given one."""
    from guided_backends.torch_device.device_choice import DeviceChooser

    engine = load(name)
    rows = engine.step([Extend(engine.open([]), PROMPT[:n]) for n in (5, 40)])
    masks = np.full((2, 12), 0x0F0F0F0F, np.int32)
    policies = [Policy(temperature=0.8, top_k=20, uniform=0.4), Policy()]
    host = [choice.tokens.tolist() for choice in engine.select(rows, masks, policies)]
    engine._chooser = DeviceChooser(torch.device("cpu"))
    assert [choice.tokens.tolist() for choice in engine.select(rows, masks, policies)] == host
    assert np.isfinite(engine.logits(rows[0])).all()
