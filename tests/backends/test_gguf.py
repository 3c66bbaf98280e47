"""A GGUF file, written here, gives the logits of the model that was written into it."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from guided.errors import ModelLoadError
from guided.runtime.engine import Extend
from guided.runtime.load import default_backend
from guided_backends import transformers as backend

gguf = pytest.importorskip("gguf")
pytest.importorskip("accelerate")  # transformers reads no GGUF file without it

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def interleaved(weight, heads):
    """llama.cpp rotates neighbouring dimensions, transformers the halves: its files hold the rows in its own order."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path, model, tokenizer, kind):
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    tokens += [f"<unused{i}>" for i in range(config.vocab_size - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [3 if token.startswith("<") and token.endswith(">") and len(token) > 1 else 1 for token in tokens]
    )
    merges = [" ".join(pair) for pair in json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for name, tensor in model.state_dict().items():
        add_tensor(writer, name, tensor.numpy(), config, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tensor(writer, name, weight, config, kind):
    parts = name.removeprefix("model.").removesuffix(".weight")
    if parts.startswith("layers."):
        _, layer, rest = parts.split(".", 2)
        heads = {"self_attn.q_proj": config.num_attention_heads, "self_attn.k_proj": config.num_key_value_heads}
        weight = interleaved(weight, heads[rest]) if rest in heads else weight
        parts = f"blk.{layer}.{NAMES[rest]}"
    else:
        parts = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[parts]
    if weight.ndim > 1 and kind is not None and weight.shape[1] % 32 == 0:
        writer.add_tensor(f"{parts}.weight", gguf.quants.quantize(weight, kind), raw_dtype=kind)
    else:
        writer.add_tensor(f"{parts}.weight", np.ascontiguousarray(weight, np.float32))


@pytest.fixture(params=["F32", "Q8_0"])
def file(request, tmp_path, model_of, tokenizer):
    path = tmp_path / "tiny.gguf"
    kind = None if request.param == "F32" else gguf.GGMLQuantizationType[request.param]
    write_gguf(path, model_of("llama"), tokenizer, kind)
    return path


def test_a_file_gives_the_logits_of_its_model(file, request, plain, tokenizer):
    assert default_backend(file) == "transformers"
    engine = backend.load(file, num_threads=1)
    assert engine.info.source == str(file)
    text = [5, 60, 7, 200, 9, 33]
    (row,) = engine.step([Extend(engine.open([]), text, "all")])
    exact = request.node.callspec.params["file"] == "F32"
    assert np.abs(engine.logits(row) - plain("llama", text)).max() < (1e-4 if exact else 0.5)
    assert engine.vocab.encode(b'{"name": 12}') == tokenizer.encode('{"name": 12}')


def test_files_that_cannot_be(tmp_path, monkeypatch):
    with pytest.raises(ModelLoadError, match=r"no model at .*nowhere\.gguf"):
        backend.load(tmp_path / "nowhere.gguf")
    (tmp_path / "text.gguf").write_text("not a model")
    with pytest.raises(ModelLoadError, match="is not a GGUF file: it begins with b'not '"):
        backend.load(tmp_path / "text.gguf")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00")
    with pytest.raises(ModelLoadError, match=r"cut\.gguf"):
        backend.load(tmp_path / "cut.gguf")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "gguf" else object())
    with pytest.raises(ModelLoadError, match=r"pip install 'guided\[gguf\]'"):
        backend.load(tmp_path / "cut.gguf")
