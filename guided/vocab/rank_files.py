"""Reading tokenizers kept as byte ranks: Mistral's `tekken.json`, `.tiktoken` files, `tiktoken.Encoding` objects.

Their tokens are bytes already. What differs is where control tokens stand and which pattern cuts words; a bare
rank file has no pattern in it, so only files with a known name are taken.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guided.errors import VocabularyError
from guided.vocab.byte_pairs import RankEncoder
from guided.vocab.token_table import TokenTable

__all__ = ["read_encoding", "read_ranks", "read_tekken"]

# files before version 8 name no control tokens; these are mistral-common's
_TEKKEN_CONTROL = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CL100K = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN = _CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
_O200K = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _CONTRACTIONS + "?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _CONTRACTIONS + "?",
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
)


@dataclass(frozen=True, slots=True)
class _KnownRanks:
    pattern: str
    control: Mapping[str, int]
    eos: str


_END = "<|endoftext|>"
_KNOWN = {
    "gpt2": _KnownRanks(_GPT2, {_END: 50256}, _END),
    "r50k_base": _KnownRanks(_GPT2, {_END: 50256}, _END),
    "p50k_base": _KnownRanks(_GPT2, {_END: 50256}, _END),
    "cl100k_base": _KnownRanks(
        _CL100K,
        {
            _END: 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
        _END,
    ),
    "o200k_base": _KnownRanks(_O200K, {_END: 199999, "<|endofprompt|>": 200018}, _END),
    "qwen": _KnownRanks(_QWEN, {_END: 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}, _END),
}


def read_tekken(spec: dict[str, Any]) -> TokenTable:
    """Mistral's tekken: control tokens first, then ranks."""
    try:
        config = spec["config"]
        num_control = int(config["default_num_special_tokens"])
        num_ranks = int(config["default_vocab_size"]) - num_control
        ranks = {base64.b64decode(e["token_bytes"]): int(e["rank"]) for e in spec["vocab"][:num_ranks]}
        named = spec.get("special_tokens") or [{"rank": i, "token_str": t} for i, t in enumerate(_TEKKEN_CONTROL)]
        special = {e["token_str"]: int(e["rank"]) for e in named}
        pattern = config["pattern"]
    except (KeyError, TypeError, ValueError) as problem:
        raise VocabularyError(f"this tekken file has not the shape of one: {problem!r}") from problem
    taken = set(special.values())
    special |= {f"<SPECIAL_{i}>": i for i in range(num_control) if i not in taken}
    return TokenTable(
        tokens=_table(ranks, {}, num_control),
        special=special,
        encoder=RankEncoder(pattern, ranks, num_control),
        eos_ids=frozenset([special["</s>"]]) if "</s>" in special else frozenset(),
        bos_id=special.get("<s>"),
        add_bos="<s>" in special,
    )


def read_ranks(data: bytes, name: str) -> TokenTable:
    """A `.tiktoken` file: a line each of base64 bytes and rank. `name` (without suffix) says which it is."""
    ranks = _parse_ranks(data, name)
    known = _KNOWN.get(name)
    if known is None:
        raise VocabularyError(
            f"the rank file {name!r} does not say how words are cut; known names are {', '.join(sorted(_KNOWN))}. "
            "Pass the tiktoken.Encoding object instead"
        )
    return TokenTable(
        tokens=_table(ranks, known.control, 0),
        special=dict(known.control),
        encoder=RankEncoder(known.pattern, ranks),
        eos_ids=frozenset([known.control[known.eos]]),
    )


def _parse_ranks(data: bytes, name: str) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    try:
        for line in data.splitlines():
            if line.strip():
                spelled, rank = line.split()
                ranks[base64.b64decode(spelled, validate=True)] = int(rank)
    except (ValueError, binascii.Error) as problem:
        raise VocabularyError(
            f"{name} is neither a SentencePiece model nor a tiktoken rank file: {problem}"
        ) from problem
    return ranks


class _EncodingEncoder:
    """A `tiktoken.Encoding`'s own ordinary encoding."""

    changes_text: str | None = None
    is_byte_pair = True

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding

    def encode(self, text: str) -> list[int]:
        return list(self._encoding.encode_ordinary(text))


def read_encoding(encoding: Any) -> TokenTable:
    """A `tiktoken.Encoding` object."""
    special: dict[str, int] = {name: encoding.encode_single_token(name) for name in encoding.special_tokens_set}
    tokens: list[bytes | None] = [None] * encoding.n_vocab
    control = set(special.values())
    for token in range(encoding.n_vocab):
        if token not in control:
            try:
                tokens[token] = encoding.decode_single_token_bytes(token)
            except KeyError:
                continue  # a hole in the numbering
    eos = encoding.eot_token if _END in special else None
    return TokenTable(
        tokens=tokens,
        special=special,
        encoder=_EncodingEncoder(encoding),
        eos_ids=frozenset() if eos is None else frozenset([eos]),
    )


def _table(ranks: Mapping[bytes, int], control: Mapping[str, int], offset: int) -> list[bytes | None]:
    size = max(max(ranks.values(), default=-1) + offset, *control.values(), -1) + 1
    tokens: list[bytes | None] = [None] * size
    for spelled, rank in ranks.items():
        tokens[rank + offset] = spelled
    return tokens
