"""The model in the package: it loads without torch, and gives transformers' logits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from guided.runtime.engine import Extend
from guided.runtime.load import load_engine
from guided_backends.builtin import shipped_model

TEXT = b'The following is a character profile for an RPG game in JSON format.\n```json\n{\n    "id": "e1f491f7",'


def test_it_loads_without_torch():
    code = "import sys; from guided.runtime.load import load_engine; load_engine(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_its_logits_are_those_of_transformers():
    torch = pytest.importorskip("torch", reason="the reference is transformers' Llama, which needs torch")
    transformers = pytest.importorskip("transformers")
    torch.set_num_threads(1)
    engine = load_engine()
    tokens = engine.vocab.encode(TEXT)
    (hidden,) = engine.step([Extend(engine.open([]), tokens, "all")])
    model = transformers.LlamaForCausalLM.from_pretrained(shipped_model(), dtype=torch.float32)
    with torch.no_grad():
        reference = model.eval()(torch.tensor([tokens])).logits[0].numpy()
    logits = engine.logits(hidden)
    assert np.abs(logits - reference).max() < 1e-4 * max(1.0, np.abs(reference).max())
    assert (logits.argmax(1) == reference.argmax(1)).all()
