"""What runs on a CUDA device, as far as it can be run without one.

Choosing tokens: the same tensor code on the CPU, against `guided.runtime.sampling`. The kernel: by Triton's interpreter
where Triton is installed. Recorded decode steps: the padded inputs and the bookkeeping, with a recorder that runs the
work anew at each replay. None of this shows that CUDA itself works.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from guided.errors import GenerationError, ModelLoadError
from guided.runtime import sampling
from guided.runtime.engine import Bias, Extend, Policy
from guided_backends import transformers as backend
from guided_backends.torch_device.device_choice import DeviceChooser, mask_by_torch
from guided_backends.transformers.decode_graphs import DecodeGraphs
from guided_backends.transformers.engine import TransformersEngine
from guided_backends.transformers.runner import ModelRunner
from tests.backends.conftest import tiny_model, tiny_tokenizer
from tests.backends.random_program import Program

CPU = torch.device("cpu")
TEXTS = [[5, 60, 7, 200, 9, 33, 12, 80, 91, 6, 14, 15], [5, 60, 7, 8], [44]]


def random_masks(rng, rows, size, share):
    masks = np.zeros((rows, (size + 31) // 32 * 32), np.uint8)
    masks[:, :size] = rng.random((rows, size)) < share
    masks[:, 0] = 1
    return np.packbits(masks, axis=1, bitorder="little").view(np.int32)


def random_policy(rng):
    return Policy(
        temperature=float(rng.choice([0.0, 0.7, 1.0, 1.8])),
        top_k=None if rng.random() < 0.5 else int(rng.integers(1, 40)),
        top_p=float(rng.choice([1.0, 0.9, 0.3])),
        min_p=float(rng.choice([0.0, 0.05])),
        uniform=float(rng.random()),
    )


@pytest.mark.parametrize("size", [31, 320, 1000])
def test_the_mask_of_bits(size):
    rng = np.random.default_rng(size)
    masks = random_masks(rng, 3, size, 0.4)
    logits = torch.from_numpy(rng.normal(size=(3, size)).astype(np.float32))
    masked = logits.clone()
    mask_by_torch(masked, torch.from_numpy(masks))
    for row in range(3):
        allowed = sampling.allowed_bits(masks[row], size)
        assert np.array_equal(masked[row].numpy(), np.where(allowed, logits[row].numpy(), -np.inf))


@pytest.mark.parametrize("seed", range(20))
def test_choices_are_those_of_the_host(seed):
    rng = np.random.default_rng(seed)
    rows, size = 8, 500
    logits = (rng.normal(size=(rows, size)) * 2).astype(np.float32)
    logits[:, 100:110] = logits[:, 99:100]  # ties
    masks = random_masks(rng, rows, size, rng.choice([0.02, 0.5, 1.0])) if seed % 4 else None
    policies = [random_policy(rng) for _ in range(rows)]
    chooser = DeviceChooser(CPU)
    words = None if masks is None else chooser.upload(masks)
    tokens = chooser.choose(torch.from_numpy(logits.copy()), words, policies)
    for row, policy in enumerate(policies):
        allowed = None if masks is None else sampling.allowed_bits(masks[row], size)
        expected = sampling.choose_from_all(logits[row], allowed, policy).tokens[0]
        assert tokens[row] == expected, policy


def test_rows_with_a_bias_are_left_to_the_host():
    bias = Bias(np.array([1], np.int32), np.array([3], np.float32), np.zeros(0, np.int32))
    assert DeviceChooser.knows(Policy(temperature=1.0))
    assert not DeviceChooser.knows(Policy(temperature=1.0, bias=bias))


def test_a_token_does_not_depend_on_its_batch():
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(16, 700)).astype(np.float32))
    policies = [random_policy(rng) for _ in range(16)]
    together = DeviceChooser(CPU).choose(logits.clone(), None, policies)
    alone = [DeviceChooser(CPU).choose(logits[i : i + 1].clone(), None, policies[i : i + 1])[0] for i in range(16)]
    assert together.tolist() == alone


KERNEL = """
import numpy as np, torch
from guided_backends.torch_device.device_choice import mask_by_torch
from guided_backends.torch_device.triton_mask import mask_logits
rng = np.random.default_rng(0)
for rows, size in ((1, 31), (3, 320), (2, 5000), (4, 2048)):
    words = torch.from_numpy(rng.integers(-2**31, 2**31, (rows, (size + 31) // 32), dtype=np.int64).astype(np.int32))
    logits = torch.from_numpy(rng.normal(size=(rows, size + 5)).astype(np.float32))[:, :size]  # rows lie apart
    expected = logits.clone()
    mask_by_torch(expected, words)
    mask_logits(logits, words)
    assert torch.equal(logits, expected), (rows, size)
print("equal")
"""


def test_the_kernel_in_the_interpreter_of_triton():
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed")
    env = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KERNEL], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "equal\n", done.stderr[-2000:]


def test_without_a_compiler_for_the_kernel_masks_are_applied_by_torch(monkeypatch, caplog):
    launches = []

    def broken(logits, words):
        launches.append(1)
        raise RuntimeError("Failed to find C compiler")

    rng = np.random.default_rng(3)
    chooser = DeviceChooser(CPU)
    monkeypatch.setattr(chooser, "_kernel", lambda: broken)
    for _ in range(2):
        logits, masks = rng.normal(size=(1, 320)).astype(np.float32), random_masks(rng, 1, 320, 0.1)
        (token,) = chooser.choose(torch.from_numpy(logits.copy()), chooser.upload(masks), [Policy()])
        allowed = sampling.allowed_bits(masks[0], 320)
        assert token == sampling.choose_from_all(logits[0], allowed, Policy()).tokens[0]
    assert len(launches) == 1
    assert "Failed to find C compiler" in caplog.text


def on_device(name, **options):
    """An engine that chooses as on a device, on the CPU."""
    runner = ModelRunner(tiny_model(name), **options)
    vocab = backend.from_objects(tiny_model(name), tiny_tokenizer()).vocab
    return TransformersEngine(runner, vocab, chooser=DeviceChooser(CPU))


def test_select_on_the_device_is_select_on_the_host(engine_of):
    rng = np.random.default_rng(2)
    engines = engine_of("llama"), on_device("llama")
    both = [engine.step([Extend(engine.open([]), text) for text in TEXTS]) for engine in engines]
    for share in (0.005, 0.03, 0.5, 1.0, None):
        for _ in range(10):
            masks = None if share is None else random_masks(rng, len(TEXTS), 320, share)
            policies = [random_policy(rng) for _ in TEXTS]
            host, device = (
                [choice.tokens.tolist() for choice in engine.select(rows, masks, policies)]
                for engine, rows in zip(engines, both, strict=True)
            )
            assert device == host
    scored = engines[1].select(both[1], None, [Policy(num=3, logprobs=True)] * 3)
    assert scored[0].logprobs is not None
    nothing = np.zeros((3, 10), np.int32)
    with pytest.raises(GenerationError, match="no token is allowed for row 0"):
        engines[1].select(both[1], nothing, [Policy()] * 3)
    beyond = nothing.copy()
    beyond[:, 0] = 1
    assert [int(c.tokens[0]) for c in engines[1].select(both[1], beyond, [Policy()] * 3)] == [0, 0, 0]


def test_a_bias_is_left_to_the_host(engine_of):
    bias = Bias(
        repeated=np.array([20, 30], np.int32),
        ids=np.array([40], np.int32),
        added=np.array([50.0], np.float32),
        repetition=2.0,
    )
    policies = [Policy(bias=bias), Policy(), Policy(temperature=1.0, uniform=0.3, bias=bias)]
    chosen = []
    for engine in (engine_of("llama"), on_device("llama")):
        rows = engine.step([Extend(engine.open([]), text) for text in TEXTS])
        chosen.append([int(choice.tokens[0]) for choice in engine.select(rows, None, policies)])
    assert chosen[0] == chosen[1]
    assert chosen[0][0] == 40


def test_select_leaves_the_rows_as_they_are():
    engine = on_device("llama")
    rows = engine.step([Extend(engine.open([]), text) for text in TEXTS])
    before = [engine.logits(row).copy() for row in rows]
    engine.select(rows, random_masks(np.random.default_rng(0), 3, 320, 0.3), [Policy()] * 3)
    assert all(np.array_equal(engine.logits(row), old) for row, old in zip(rows, before, strict=True))


def test_logits_that_are_not_finite_are_an_error():
    engine = on_device("llama")
    rows = engine.step([Extend(engine.open([]), text) for text in TEXTS])
    rows[0].states.fill_(torch.nan)
    for temperature in (0.0, 1.0):
        with pytest.raises(GenerationError, match="no finite logit"):
            engine.select(rows, None, [Policy(temperature=temperature)] * 3)


class RunsAgain:
    """A recorder without a device: replaying does the work anew into the same tensor, as a graph would."""

    def __init__(self):
        self.num_recorded = self.num_replayed = 0

    def record(self, work):
        self.num_recorded += 1
        out = work()

        def replay():
            self.num_replayed += 1
            out.copy_(work())

        return replay, out


@pytest.mark.parametrize("attention", [None, "eager"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2", "phi3", "mistral", "gemma3"])
def test_recorded_steps_give_the_same_logits(name, attention, plain):
    recorder = RunsAgain()
    runner = ModelRunner(tiny_model(name, attention), recorder=recorder)
    engine = TransformersEngine(runner, backend.from_objects(tiny_model(name), tiny_tokenizer()).vocab)
    program = Program(engine, lambda tokens: plain(name, tokens), 1)
    for _ in range(60):
        program.turn()
    assert program.checked > 30
    seqs = [engine.open([]) for _ in TEXTS]
    engine.step([Extend(seq, text, "none") for seq, text in zip(seqs, TEXTS, strict=True)])
    for token in range(20, 30):
        rows = engine.step([Extend(seq, [token]) for seq in seqs])
        for seq, row in zip(seqs, rows, strict=True):
            assert np.abs(engine.logits(row)[0] - plain(name, seq.tokens)[-1]).max() < 1e-4
    assert recorder.num_replayed > 10
    assert recorder.num_recorded <= 8  # sizes are powers of two


def test_recordings_end_when_the_arena_moves(plain):
    recorder = RunsAgain()
    runner = ModelRunner(tiny_model("llama"), recorder=recorder)
    engine = TransformersEngine(runner, backend.from_objects(tiny_model("llama"), tiny_tokenizer()).vocab)
    seq = engine.open([])
    engine.step([Extend(seq, TEXTS[0])])
    engine.step([Extend(seq, [7])])
    assert len(runner._graphs) == 1
    before = engine.num_slots
    while engine.num_slots == before:
        engine.step([Extend(engine.open([]), list(np.random.default_rng(engine.num_cached).integers(3, 300, 200)))])
    assert len(runner._graphs) == 0
    (row,) = engine.step([Extend(seq, [9])])
    assert np.abs(engine.logits(row)[0] - plain("llama", [*TEXTS[0], 7, 9])[-1]).max() < 1e-4


def test_a_model_that_cannot_be_recorded_runs_as_it_is(plain):
    class Refuses:
        def record(self, work):
            raise RuntimeError("operation not permitted when stream is capturing")

    runner = ModelRunner(tiny_model("llama"), recorder=Refuses())
    engine = TransformersEngine(runner, backend.from_objects(tiny_model("llama"), tiny_tokenizer()).vocab)
    seq = engine.open([])
    engine.step([Extend(seq, TEXTS[0])])
    (row,) = engine.step([Extend(seq, [7])])
    assert isinstance(runner._graphs, DecodeGraphs)
    assert runner._graphs.is_off
    assert np.abs(engine.logits(row)[0] - plain("llama", [*TEXTS[0], 7])[-1]).max() < 1e-4


def test_graphs_need_cuda(engine_of):
    with pytest.raises(ModelLoadError, match="graphs=True needs a CUDA device"):
        engine_of("llama", graphs=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3"])
def test_on_cuda_the_logits_are_those_of_the_cpu(name, plain):
    """For whoever has a device: recorded steps, the kernel and the choice, against the model on the CPU."""
    import copy

    engine = backend.from_objects(copy.deepcopy(tiny_model(name)).to("cuda"), tiny_tokenizer())
    program = Program(engine, lambda tokens: plain(name, tokens), 1)
    for _ in range(60):
        program.turn()
    assert program.checked > 30
    rows = engine.step([Extend(engine.open([]), text) for text in TEXTS])
    masks = random_masks(np.random.default_rng(0), 3, 320, 0.5)
    chosen = engine.select(rows, masks, [Policy()] * 3)
    for row, choice, mask in zip(rows, chosen, masks, strict=True):
        expected = sampling.choose_from_all(engine.logits(row)[0], sampling.allowed_bits(mask, 320), Policy())
        assert choice.tokens[0] == expected.tokens[0]
