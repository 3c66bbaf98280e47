"""Reading a Hugging Face `tokenizer.json` (or a `tokenizers.Tokenizer`, which is the same thing in memory).

Tokens get their bytes by `byte_rules`; the encoder is a copy of the tokenizer that puts nothing in front of the
text, runs no post-processor, and cannot see control tokens: their names are plain text to it.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Collection
from typing import Any

from guided.errors import VocabularyError
from guided.vocab.byte_rules import SPACE_MARK, bytes_of_piece, components
from guided.vocab.token_table import TokenTable

__all__ = ["HuggingFaceEncoder", "guess_eos", "read_spec"]

_EXACT_NORMALIZERS = {"Prepend", "ByteLevel"}
_EXACT_SPLITTERS = {"Metaspace", "ByteLevel", "Split", "Digits", "Punctuation", "UnicodeScripts", "FixedLength"}
_USUAL_EOS = (
    "</s>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end|>",
    "<eos>",
    "<end_of_turn>",
    "[EOS]",
)


def read_spec(spec: dict[str, Any]) -> TokenTable:
    """Tokens, control tokens and encoder of a parsed `tokenizer.json`; bos and eos are the caller's to find."""
    try:
        model_pieces = _model_pieces(spec["model"])
        added = {int(a["id"]): a for a in spec.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError) as problem:
        raise VocabularyError(f"this tokenizer.json has not the shape of one: {problem!r}") from problem
    to_bytes = bytes_of_piece(spec)
    tokens: list[bytes | None] = [None] * (max([*model_pieces.values(), *added], default=-1) + 1)
    for piece, token in model_pieces.items():
        tokens[token] = to_bytes(piece) or None
    special: dict[str, int] = {}
    for token, entry in added.items():
        tokens[token] = None if entry.get("special") else entry["content"].encode() or None
        if entry.get("special"):
            special[entry["content"]] = token
    for name in _unknown_pieces(spec["model"]):
        if name in model_pieces:
            special.setdefault(name, model_pieces[name])
            tokens[model_pieces[name]] = None
    return TokenTable(
        tokens=tokens,
        special=special,
        encoder=HuggingFaceEncoder(spec, frozenset(special.values())),
        space_prefix=_prepends_space(spec),
        strips_after=frozenset(t for t, a in added.items() if a.get("special") and a.get("rstrip")),
        strips_before=frozenset(t for t, a in added.items() if a.get("special") and a.get("lstrip")),
    )


def guess_eos(special: dict[str, int]) -> frozenset[int]:
    """The end token, by its usual names, where no configuration names it."""
    return (
        frozenset([special[next(n for n in _USUAL_EOS if n in special)]])
        if special.keys() & set(_USUAL_EOS)
        else frozenset()
    )


def _model_pieces(model: dict[str, Any]) -> dict[str, int]:
    vocab = model["vocab"]
    return dict(vocab) if isinstance(vocab, dict) else {piece: i for i, (piece, _) in enumerate(vocab)}


def _unknown_pieces(model: dict[str, Any]) -> list[str]:
    if model.get("unk_token"):
        return [model["unk_token"]]
    if model.get("unk_id") is not None and isinstance(model["vocab"], list):
        return [model["vocab"][model["unk_id"]][0]]
    return []


def _prepends_space(spec: dict[str, Any]) -> bool:
    steps = [*components(spec.get("normalizer")), *components(spec.get("pre_tokenizer"))]
    return any(
        s["type"] == "Prepend"
        or (
            s["type"] == "Metaspace"
            and s.get("prepend_scheme", "always") != "never"
            and s.get("add_prefix_space", True)
        )
        or (s["type"] == "ByteLevel" and s.get("add_prefix_space", False))
        for s in steps
    )


class HuggingFaceEncoder:
    """The tokenizer's own model and pre-tokenizer; built at the first use."""

    def __init__(self, spec: dict[str, Any], control_ids: frozenset[int]) -> None:
        self._spec = spec
        self._control_ids = control_ids

    @functools.cached_property
    def changes_text(self) -> str | None:
        """The first step that may change text, in words."""
        return self._change()

    @functools.cached_property
    def only_composes(self) -> bool:
        """Whether it changes text at most by composing characters (NFC, as Qwen's), which little text needs."""
        return self._change(harmless=("NFC",)) is None

    def _change(self, harmless: Collection[str] = ()) -> str | None:
        for step in components(self._spec.get("normalizer")):
            if step["type"] in _EXACT_NORMALIZERS or step["type"] in harmless or _marks_spaces(step):
                continue
            return f"its normalizer ({step['type']}) changes text"
        for step in components(self._spec.get("pre_tokenizer")):
            if step["type"] not in _EXACT_SPLITTERS or step.get("behavior") in ("Removed", "removed"):
                return f"its pre-tokenizer ({step['type']}) drops characters"
        return None

    @property
    def is_byte_pair(self) -> bool:
        """Whether its model merges pairs, always the same."""
        model = self._spec["model"]
        return (model.get("type") or "BPE") == "BPE" and not model.get("dropout")

    def encode(self, text: str) -> list[int]:
        """Ids of `text` as the tokenizer's model spells it in the middle of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    @functools.cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer  # a third of a second to load; only needed once text is encoded

        try:
            tokenizer = Tokenizer.from_str(json.dumps(_plain_spec(self._spec, self._control_ids)))
        except Exception as problem:  # the library raises bare Exception
            raise VocabularyError(f"the tokenizers library cannot load this tokenizer: {problem}") from problem
        tokenizer.encode_special_tokens = True
        return tokenizer


def _marks_spaces(step: dict[str, Any]) -> bool:
    pattern = step.get("pattern") or {}
    return step["type"] == "Replace" and pattern.get("String") == " " and step.get("content") == SPACE_MARK


def _plain_spec(spec: dict[str, Any], control_ids: frozenset[int]) -> dict[str, Any]:
    """A copy that spells any text as it stands: nothing put in front, no post-processor, no way to a control id."""
    plain = {**spec, "post_processor": None, "truncation": None, "padding": None}
    plain["normalizer"] = _without_prefix(spec.get("normalizer"))
    plain["pre_tokenizer"] = _without_prefix(spec.get("pre_tokenizer"))
    plain["added_tokens"] = [
        a if a.get("special") else {**a, "lstrip": False, "rstrip": False} for a in spec.get("added_tokens") or ()
    ]
    plain["model"] = _without_control_pieces(spec["model"], control_ids)
    return plain


def _without_prefix(part: Any) -> Any:
    """A normalizer or pre-tokenizer that no longer prepends a space."""
    if not isinstance(part, dict):
        return part
    part = copy.deepcopy(part)
    pending = [part]
    while pending:
        step = pending.pop()
        for key in ("normalizers", "pretokenizers"):
            if key in step:
                step[key] = [s for s in step[key] if s["type"] != "Prepend"]
                pending.extend(step[key])
        if step["type"] == "Metaspace":
            step["prepend_scheme"] = "never"
            step.pop("add_prefix_space", None)
        elif step["type"] == "ByteLevel" and "add_prefix_space" in step:
            step["add_prefix_space"] = False
    return None if part["type"] == "Prepend" else part


def _without_control_pieces(model: dict[str, Any], control_ids: frozenset[int]) -> dict[str, Any]:
    """The model with control pieces renamed (Unigram would match them in text) and no merge that makes one."""
    vocab = model["vocab"]
    if isinstance(vocab, list):
        renamed = [
            [f"\U0010fffd{i}\U0010fffd", score] if i in control_ids and i != model.get("unk_id") else [piece, score]
            for i, (piece, score) in enumerate(vocab)
        ]
        return {**model, "vocab": renamed}
    control = {piece for piece, token in vocab.items() if token in control_ids}
    merges = model.get("merges") or []
    kept = [m for m in merges if (m.replace(" ", "") if isinstance(m, str) else m[0] + m[1]) not in control]
    return {**model, "merges": kept, "ignore_merges": False} if len(kept) != len(merges) else {**model}
