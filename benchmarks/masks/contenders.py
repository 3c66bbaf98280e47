"""The mask engines that run.py compares, behind one small protocol. Rivals are imported only when asked for.

Each is used as its own documentation shows: one thread, no cache of compiled schemas, free white space where it can be
chosen. A mask is `int32[ceil(V/32)]`, bit t & 31 of word t >> 5, which all of them can fill.
"""

from __future__ import annotations

import importlib.util
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from grammars import Tokenizer

import guided


class Contender(ABC):
    """One engine for one vocabulary: `compile` once per schema, `start` once per instance, then `fill` and `accept`."""

    def __init__(self, vocab: guided.Vocabulary) -> None:
        self.mask = np.zeros((vocab.size + 31) // 32, np.int32)
        self.eos = min(vocab.eos_ids)

    @abstractmethod
    def compile(self, schema: Any) -> None:
        """Raises whatever the engine raises where it refuses the schema."""

    @abstractmethod
    def start(self) -> None:
        """Begin a text."""

    @abstractmethod
    def fill(self) -> None:
        """Write the mask."""

    @abstractmethod
    def accept(self, token: int) -> bool:
        """Go on with a token; false, or any error, where the engine says that it may not come."""

    def allows(self, token: int) -> bool:
        """What the mask says that was filled last."""
        return bool(int(self.mask[token >> 5]) >> (token & 31) & 1)

    def may_end(self) -> bool:
        """Whether the text is complete."""
        self.fill()
        return self.allows(self.eos)


class Guided(Contender):
    """guided, keys in declared order."""

    order: Any = "declared"

    def __init__(self, vocab: guided.Vocabulary) -> None:
        super().__init__(vocab)
        self._vocab = vocab

    def compile(self, schema: Any) -> None:
        self.compiled = guided.JsonSchema(schema, order=self.order).compile(self._vocab)

    def start(self) -> None:
        self._matcher = self.compiled.matcher()

    def fill(self) -> None:
        self._matcher.fill_mask(self.mask)

    def accept(self, token: int) -> bool:
        return self._matcher.accept_token(token)


class GuidedAnyOrder(Guided):
    """guided, keys in any order."""

    order = "any"


class Llguidance(Contender):
    """llguidance, by its matcher."""

    def __init__(self, vocab: guided.Vocabulary) -> None:
        import llguidance
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        super().__init__(vocab)
        self._library, self._write = llguidance, fill_next_token_bitmask
        self._tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Tokenizer(vocab)))
        self._rows = allocate_token_bitmask(1, vocab.size)
        self.mask = self._rows[0]

    def compile(self, schema: Any) -> None:
        grammar = self._library.LLMatcher.grammar_from_json_schema(json.dumps(schema))
        self._first = self._library.LLMatcher(self._tokenizer, grammar)
        if self._first.is_error():
            raise ValueError(self._first.get_error())

    def start(self) -> None:
        self._matcher = self._first.deep_copy()

    def fill(self) -> None:
        self._write(self._matcher, self._rows, 0)

    def accept(self, token: int) -> bool:
        return bool(self._matcher.consume_token(token))


class Glrmask(Contender):
    """glrmask: all tables are made when the schema is compiled."""

    def __init__(self, vocab: guided.Vocabulary) -> None:
        import glrmask

        super().__init__(vocab)
        self._grammar = glrmask.Grammar
        by_id = {i: data for i, data in enumerate(vocab.tokens) if data is not None}
        self._vocab = glrmask.Vocab.from_id_to_bytes(by_id)

    def compile(self, schema: Any) -> None:
        self.compiled = self._grammar.from_json_schema(schema).compile(self._vocab)
        self.mask = np.zeros(self.compiled.mask_len(), np.int32)

    def start(self) -> None:
        self._state = self.compiled.start()

    def fill(self) -> None:
        self._state.fill_mask(self.mask)

    def accept(self, token: int) -> bool:
        return bool(self._state.commit_token(token))

    def may_end(self) -> bool:
        return bool(self._state.is_accepting())  # its masks have no end of text


class Xgrammar(Contender):
    """xgrammar, any white space, undeclared keys as the schema says."""

    def __init__(self, vocab: guided.Vocabulary) -> None:
        import torch
        import xgrammar

        super().__init__(vocab)
        self._library = xgrammar
        tokens = [b"<control %d>" % i if data is None else data for i, data in enumerate(vocab.tokens)]
        info = xgrammar.TokenizerInfo(
            tokens, vocab_type=xgrammar.VocabType.RAW, vocab_size=vocab.size, stop_token_ids=[self.eos]
        )
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        rows = self.mask.reshape(1, -1)
        self._rows = torch.from_numpy(rows)

    def compile(self, schema: Any) -> None:
        text = json.dumps(schema)
        self.compiled = self._compiler.compile_json_schema(text, any_whitespace=True, strict_mode=False)

    def start(self) -> None:
        self._matcher = self._library.GrammarMatcher(self.compiled)

    def fill(self) -> None:
        self._matcher.fill_next_token_bitmask(self._rows)

    def accept(self, token: int) -> bool:
        return bool(self._matcher.accept_token(token))


class OutlinesCore(Contender):
    """outlines_core: the schema as one regular expression, all its states tabulated."""

    def __init__(self, vocab: guided.Vocabulary) -> None:
        import outlines_core

        super().__init__(vocab)
        self._library = outlines_core
        ids: dict[bytes, list[int]] = {}
        for i, data in enumerate(vocab.tokens):
            if data is not None:
                ids.setdefault(data, []).append(i)
        self._vocab = outlines_core.Vocabulary(self.eos, ids)

    def compile(self, schema: Any) -> None:
        from outlines_core.json_schema import build_regex_from_schema

        pattern = build_regex_from_schema(json.dumps(schema), r"[ \t\n\r]*")
        self._index = self._library.Index(pattern, self._vocab)

    def start(self) -> None:
        self._guide = self._library.Guide(self._index)

    def fill(self) -> None:
        self._guide.write_mask_into(self.mask.ctypes.data, self.mask.size, self.mask.itemsize)

    def accept(self, token: int) -> bool:
        try:
            self._guide.advance(token, return_tokens=False)
        except ValueError:  # how it says that the token may not come
            return False
        return True

    def may_end(self) -> bool:
        return self._guide.is_finished() or super().may_end()


CONTENDERS: dict[str, Callable[[guided.Vocabulary], Contender]] = {
    "guided": Guided,
    "guided_any": GuidedAnyOrder,
    "llguidance": Llguidance,
    "glrmask": Glrmask,
    "xgrammar": Xgrammar,
    "outlines_core": OutlinesCore,
}


def is_installed(name: str) -> bool:
    """Whether the package of a contender can be imported."""
    return name.startswith("guided") or importlib.util.find_spec(name) is not None
