"""The model that the tables are made with: a random Llama of 40M parameters and a byte-level BPE of 32,000 tokens.

Both are made from scratch, the BPE from the text of this repository, and kept in a folder for the next run. A random
model writes nonsense at the speed of a trained one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import guided

__all__ = ["arguments", "filler", "load", "model_directory"]

ROOT = Path(__file__).resolve().parents[2]
NUM_TOKENS = 32_000
SIZES = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8}
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 8192}


def arguments(description: str | None, *, cpu_time: bool = False) -> argparse.Namespace:
    """The options that all tables share; `cpu_time`: and a choice of clock."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="a model directory; without it the random Llama")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    if cpu_time:
        parser.add_argument("--cpu-time", action="store_true")
    return parser.parse_args()


def load(options: argparse.Namespace, **more: object) -> guided.Model:
    """The model by the transformers backend."""
    torch.set_num_threads(options.threads)
    directory = options.model or model_directory()
    model = guided.load_model(directory, backend="transformers", device=options.device, **more)
    details = model.engine.info.details
    print(f"{details['model']}, {details['dtype']}, {details['device']}, {options.threads} thread(s)\n")
    return model


def model_directory() -> Path:
    """Where the random Llama lies; made if it is not there."""
    directory = Path(tempfile.gettempdir()) / "guided-random-llama-40m"
    if not (directory / "config.json").is_file():
        directory.mkdir(parents=True, exist_ok=True)
        _write_tokenizer(directory)
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=NUM_TOKENS, **SIZES, **HEADS, tie_word_embeddings=True)
        LlamaForCausalLM(config).save_pretrained(directory)
    return directory


def filler(model: guided.Model, num_tokens: int, start: str) -> str:
    """A text that is exactly `num_tokens` long."""
    ids = model.vocab.encode((start + " " + "".join(_texts())).encode())
    for count in range(num_tokens, num_tokens + 50):
        text = model.vocab.decode(ids[:count]).decode("utf-8", "ignore")
        if len(model.vocab.encode(text.encode())) == num_tokens:
            return text
    raise SystemExit(f"no text of {num_tokens} tokens found; use the model's own tokenizer")


def _texts() -> Iterator[str]:
    for folder, pattern in (("docs", "*.md"), ("guided", "*.py"), ("native", "*.cpp"), ("tests", "*.py")):
        for path in sorted((ROOT / folder).rglob(pattern)):
            yield path.read_text(encoding="utf-8")


def _write_tokenizer(directory: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=NUM_TOKENS,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
