"""Write a checkpoint as a Hugging Face folder: config, generation config, tokenizer and fp16 weights.

`dtype` in config.json says float32 although the file stores fp16: halves are for the size of the package, and a CPU
computes faster and more exactly in single precision. The tied head is not stored.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tools.train_tiny.model import TinyConfig
from tools.train_tiny.tokenizer import BOS, END, PAD


def llama_config(c: TinyConfig) -> dict[str, Any]:
    """config.json of LlamaForCausalLM; the rotary base stands both where 4.x and where 5.x looks for it."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": c.vocab_size,
        "hidden_size": c.hidden,
        "intermediate_size": c.mlp,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": c.context,
        "rms_norm_eps": c.norm_eps,
        "rope_theta": c.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta},
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": BOS,
        "eos_token_id": END,
        "pad_token_id": PAD,
        "use_cache": True,
        "dtype": "float32",
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Indented, with a newline at the end."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def export(checkpoint: Path, tokenizer: Path, out: Path) -> None:
    """Fill `out`; files that are there already are replaced."""
    out.mkdir(parents=True, exist_ok=True)
    state = torch.load(checkpoint, weights_only=True)
    write_json(out / "config.json", llama_config(TinyConfig(**state["config"])))
    write_json(
        out / "generation_config.json",
        {"bos_token_id": BOS, "eos_token_id": END, "pad_token_id": PAD, "do_sample": False, "max_new_tokens": 256},
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (tokenizer / name).resolve() != (out / name).resolve():
            shutil.copyfile(tokenizer / name, out / name)
    weights = {name: value.to(torch.float16).contiguous() for name, value in state["model"].items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)


def main() -> None:
    """Export one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    args = parser.parse_args()
    export(args.checkpoint, args.tokenizer, args.out)
    print(f"{sum(f.stat().st_size for f in args.out.iterdir()) / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
