"""The tokenizer: byte-level BPE whose tokens inside a word do not depend on the space before it.

Merges are learned on words without their space; the merges that attach a space to a frequent word come last. So a
name is cut the same way after a space and after a quote, and copying it means repeating the very same tokens.
All bytes are tokens, digits stand alone, `://` is always one token.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tools.train_tiny.generate import example

SPECIALS = ("<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
PAD, BOS, END = 0, 1, 2
TRAINING_SPLIT = r"://|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
FINAL_SPLIT = r"://| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SPACE = "Ġ"  # the byte-level spelling of a space
CAPITALS = (
    "The",
    "It",
    "She",
    "He",
    "They",
    "We",
    "In",
    "At",
    "On",
    "For",
    "What",
    "How",
    "My",
    "Its",
    "Please",
    "Send",
    "Answer",
    "I",
    "A",
    "JSON",
    "You",
    "This",
    "Look",
    "Write",
    "Now",
    "Add",
)
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def documents(seed: int, count: int) -> Iterator[str]:
    """Training texts without their control tokens."""
    for i in range(count):
        yield re.sub(r"<\|\w+\|>", "", example(seed, i).text)


def _byte_level(pattern: str) -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def learn_words(seed: int, count: int, size: int) -> dict[str, Any]:
    """Vocabulary and merges learned without spaces, as tokenizer.json's `model`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _byte_level(TRAINING_SPLIT)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=16,
    )
    tokenizer.train_from_iterator(documents(seed, count), trainer)
    learned: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return learned


def spaced_words(seed: int, count: int, vocab: dict[str, int]) -> list[str]:
    """The most frequent tokens that stand whole behind a space, most frequent first."""
    seen: Counter[str] = Counter()
    for text in documents(seed, count):
        seen.update(re.findall(r" ((?:[a-z]{2,}|a|[A-Z][A-Za-z]*)(?![A-Za-z])|[^\w\s]+)", text))
    wanted = (w for w, n in seen.most_common() if n >= 40 and (not w[0].isupper() or w in CAPITALS))
    return [w for w in wanted if w in vocab]


def build(seed: int, count: int, size: int) -> Tokenizer:
    """A tokenizer of exactly `size` tokens; those that attach a space come last."""
    first = learn_words(seed, count, size - size // 5)["vocab"]
    spaced = spaced_words(seed, count, first)
    address = [pair for pair in ((":", "/"), (":/", "/")) if "".join(pair) not in first]
    model = learn_words(seed, count, size - len(spaced) - len(address))
    vocab: dict[str, int] = model["vocab"]
    merges: list[tuple[str, str]] = [tuple(m) for m in model["merges"]]
    for left, right in (*address, *((SPACE, word) for word in spaced)):
        if left + right not in vocab:
            vocab[left + right] = len(vocab)
            merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.pre_tokenizer = _byte_level(FINAL_SPLIT)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", pair="<|bos|> $A $B", special_tokens=[("<|bos|>", BOS)]
    )
    return tokenizer


def settings(context: int) -> dict[str, Any]:
    """tokenizer_config.json: plain text gets its bos from the post-processor, a chat from its template."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "additional_special_tokens": list(SPECIALS[3:]),
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
        "chat_template": CHAT_TEMPLATE,
    }


def save(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings(context), indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Train and save the tokenizer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for tokenizer.json and tokenizer_config.json")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--documents", type=int, default=40000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--context", type=int, default=2048)
    args = parser.parse_args()
    tokenizer = build(args.seed, args.documents, args.size)
    save(tokenizer, args.out, args.context)
    print(f"{tokenizer.get_vocab_size()} tokens in {args.out}")


if __name__ == "__main__":
    main()
