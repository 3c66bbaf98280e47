"""The compiled core: plain data in, plain data out. Ids are small integers that belong to one `Builder`."""

from collections.abc import Callable, Sequence
from mmap import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

class Vocabulary:
    """Token bytes as a trie; shared by every grammar compiled for it."""

    def __init__(self, tokens: Sequence[bytes | None], eos_ids: Sequence[int]) -> None: ...
    @staticmethod
    def from_saved(
        file: bytes | mmap, key: bytes, eos_ids: Sequence[int]
    ) -> Vocabulary: ...  # ValueError: why it cannot be used
    def saved(self, key: bytes) -> bytes: ...  # key: 32 bytes that stand for the vocabulary
    @property
    def size(self) -> int: ...
    @property
    def max_token_bytes(self) -> int: ...
    @property
    def num_rows(self) -> int: ...  # of lexemes, kept for all grammars of the vocabulary
    @property
    def num_row_bytes(self) -> int: ...

class SlotAttention:
    """Attention of a few queries of many texts over an arena of keys and values, on the CPU; float32."""

    # slots: int32, of all queries; queries: int32[n, 3], each its row and where its slots begin and end in the list
    def __init__(self, slots: npt.NDArray[np.int32], queries: npt.NDArray[np.int32]) -> None: ...
    def attend(  # queries [heads, rows, dim]; keys, values [slots, key heads, dim]; out [rows, heads, dim]
        self,
        queries: npt.NDArray[np.float32],
        keys: npt.NDArray[np.float32],
        values: npt.NDArray[np.float32],
        scale: float,
        out: npt.NDArray[np.float32],
    ) -> None: ...

class ExpressionCache:
    """Expressions that were built lately, outside of any builder, by what they were built from."""

    # bounded by the bytes of all; what is larger than `largest` is not kept
    def __init__(self, max_bytes: int, largest: int) -> None: ...
    @property
    def num_bytes(self) -> int: ...
    def __len__(self) -> int: ...

class Document:
    """A JSON value, frozen: equal ones are spelled alike, with keys in the same order."""

    def __init__(self) -> None: ...  # empty; it grows by `add`
    def add(self, value: object, ids: dict[int, int], objects: dict[int, Any]) -> int: ...  # see json_schema/beyond.py
    def thaw(self) -> Any: ...  # as Python's values; numbers are int or Decimal
    def is_plain(self, draft: int) -> bool: ...  # whether no base URI, anchor or other document matters
    def root_member(self, key: str) -> Any: ...  # None where there is none, () for an array or object
    @property
    def text(self) -> str: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

def freeze(value: object) -> Document: ...  # raises InvalidSchema at what is not JSON
def keywords() -> list[tuple[str, int, int]]: ...  # that say something of values: name, first draft, last draft

class Builder:
    """Collects expressions, schema nodes and grammar nodes; `compile` turns one root into a grammar."""

    def __init__(self, **limits: int) -> None: ...  # fields of guided.Limits

    # Regular expressions over Unicode code points; each call returns an expression id.
    def empty(self) -> int: ...  # matches nothing at all
    def epsilon(self) -> int: ...  # matches the empty text
    def chars(self, ranges: Sequence[tuple[int, int]]) -> int: ...  # one code point of these inclusive ranges
    def literal(self, text: str) -> int: ...
    def concat(self, parts: Sequence[int]) -> int: ...
    def alternate(self, parts: Sequence[int]) -> int: ...
    def intersect(self, parts: Sequence[int]) -> int: ...
    def complement(self, part: int) -> int: ...
    def repeat(self, part: int, minimum: int, maximum: int | None) -> int: ...
    def words(self, texts: Sequence[str]) -> int: ...  # one of these texts; fine for 100,000 of them
    # a deterministic automaton from state 0: of each state its edges (first code point, last, next state)
    def automaton(self, states: Sequence[Sequence[tuple[int, int, int]]], accepting: Sequence[int]) -> int: ...
    # plain decimals without a sign that are a multiple of p * 10^zeros / 10^places, or are none
    def plain_multiples(self, p: int, places: int, zeros: int, is_wanted: bool) -> int: ...
    # normalised mantissas by the exponent from which on they are a multiple of p / 10^q; high + 1: of none up to high
    def mantissas_by_exponent(self, p: int, q: int, decimals: int, low: int, high: int) -> list[tuple[int, int]]: ...
    # the same texts as an automaton, whose derivatives are looked up; `part` itself if that takes more states
    def tabulated(self, part: int, max_states: int) -> int: ...
    def written(self, part: int) -> str: ...  # as text, to be kept in a file
    def read(self, text: str) -> int: ...  # an expression that was written; ValueError if it was not by this version
    # the expression that `key` says all about: kept, or made by `build` in an empty builder with the same limits
    def shared(self, cache: ExpressionCache, key: str, build: Callable[[Builder], int]) -> int: ...
    def is_empty(self, part: int) -> bool: ...  # no text at all matches; may raise ConstraintTooComplex

    # JSON Schema nodes. An instance satisfies a node if its type is in `types`, the parts for its type hold, every
    # literal of `all_of` holds, of each group of `any_of` at least one, and of each group of `one_of` exactly one. A
    # literal is `node`, or `~node` for its negation (a negative number).
    def lower_schema(
        self,
        document: Document,
        outside: object,  # guided.constraints.json_schema.outside.Outside
        *,
        draft: int,  # 4, 6, 7, 2019, 2020
        left_out: Sequence[str],  # keywords that are annotations
        asserts_formats: bool,
        max_nodes: int,
    ) -> int: ...
    def schema_pointer(self, node: int) -> str | None: ...  # where the schema of a node stands; also once compiled
    def schema_node(self, node: int) -> dict[str, Any]: ...  # what a node says, for tests
    def matches(self, expression: int, text: str) -> bool: ...

    # Grammar nodes.
    def lexeme(self, expression: int) -> int: ...  # a text of the expression, as UTF-8
    def raw(self, text: bytes) -> int: ...  # exactly these bytes
    def json(
        self,
        schema: int,
        *,
        order: str,
        item_separator: str,
        key_separator: str,
        whitespace: str,
        indent: int | None,
        may_exceed: bool = False,
    ) -> int: ...
    def sequence(self, parts: Sequence[int]) -> int: ...
    def choice(self, parts: Sequence[int]) -> int: ...
    def repetition(self, part: int, minimum: int, maximum: int | None, separator: int | None) -> int: ...
    # Context-free rules: reserve a node (so that rules can call each other and themselves), then define it once. Each
    # alternative is a sequence of lexemes, rules and repetitions of them without separators; an empty one is no text.
    def rule(self) -> int: ...
    def define_rule(self, node: int, alternatives: Sequence[Sequence[int]]) -> None: ...
    def check(self, root: int) -> None: ...  # raises as compile does; the builder is spent
    def compile(self, root: int, vocabulary: Vocabulary) -> Grammar: ...

class Grammar:
    """A compiled grammar; lazily grown, safe to use from many threads."""

    def start(self, prefix: bytes = b"") -> Matcher: ...  # prefix: bytes that must come first (token healing)
    @property
    def num_states(self) -> int: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def num_bytes(self) -> int: ...  # held beside the vocabulary's tables, about
    @property
    def num_bytes_grown(self) -> int: ...  # of them since it was compiled

class Matcher:
    """One state of a grammar: an id and a reference; forking copies the id."""

    def fork(self) -> Matcher: ...
    def accept_token(self, token: int) -> bool: ...
    def accept_bytes(self, text: bytes) -> bool: ...
    def fill_mask(self, out: npt.NDArray[np.int32]) -> None: ...
    def mask_view(self) -> npt.NDArray[np.int32]: ...
    def allowed_tokens(self) -> npt.NDArray[np.int32]: ...
    def num_allowed(self) -> int: ...
    def forced_bytes(self) -> bytes: ...
    def shortest_completion(self) -> bytes: ...
    @property
    def is_accepting(self) -> bool: ...
    @property
    def is_terminated(self) -> bool: ...
    def __copy__(self) -> Matcher: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

def fill_masks(matchers: Sequence[Matcher], out: npt.NDArray[np.int32]) -> None: ...

TABLES_FORMAT: int  # of the files that `Vocabulary.saved` makes

def default_limits() -> dict[str, int]: ...  # of a builder made without arguments
def num_block_bytes() -> int: ...  # of large arrays in use, which the C library does not count
