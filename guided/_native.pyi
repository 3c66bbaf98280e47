"""The compiled core: plain data in, plain data out. Ids are small integers that belong to one `Builder`."""

from collections.abc import Callable, Sequence
from mmap import mmap

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

class Expression:
    """A regular expression outside of any builder; it never changes."""

    @property
    def size(self) -> int: ...  # nodes and states of automata

class Builder:
    """Collects expressions, schema nodes and grammar nodes; `compile` turns one root into a grammar."""

    places: Sequence[Callable[[int], str | None]]  # set by who lowers schemas: pointers of schema nodes

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
    # the same texts as an automaton, whose derivatives are looked up; `part` itself if that takes more states
    def tabulated(self, part: int, max_states: int) -> int: ...
    def scratch(self) -> Builder: ...  # an empty builder with the same limits
    def exported(self, part: int) -> Expression: ...
    def insert(self, expression: Expression) -> int: ...
    def is_empty(self, part: int) -> bool: ...  # no text at all matches; may raise ConstraintTooComplex

    # JSON Schema nodes: reserve an id (so that schemas can recurse), then define it once.
    # An instance satisfies a node if its type is in `types`, the parts for its type hold, every literal of `all_of`
    # holds, of each group of `any_of` at least one, and of each group of `one_of` exactly one. A literal is `node`, or
    # `~node` for its negation (a negative number).
    def schema(self) -> int: ...
    def define_schema(
        self,
        node: int,
        *,
        types: int,  # bits: 1 null, 2 false, 4 true, 8 number, 16 string, 32 array, 64 object
        string: int | None = None,  # expression over the *value* of the string (escapes are the core's business)
        number: int | None = None,  # over the number as it is spelled; None: any JSON number (bounded digits)
        number_not: int | None = None,  # spellings of all numbers that `number` refuses; for negations
        properties: Sequence[tuple[str, int]] = (),  # in declared order
        pattern_properties: Sequence[tuple[int, int]] = (),  # (expression over the key, literal)
        additional: int | None = None,  # of keys that neither properties nor patterns name; None: anything
        property_names: int | None = None,
        required: Sequence[str] = (),
        min_properties: int = 0,
        max_properties: int | None = None,
        prefix_items: Sequence[int] = (),
        items: int | None = None,  # of the items after the prefix; None: anything
        min_items: int = 0,
        max_items: int | None = None,
        # contains: (from which index on, literal, minContains, maxContains, whether such items count as evaluated)
        some_items: Sequence[tuple[int, int, int, int | None, bool]] = (),
        unique_items: bool = False,
        all_of: Sequence[int] = (),
        any_of: Sequence[Sequence[int]] = (),
        one_of: Sequence[Sequence[int]] = (),
        unevaluated_properties: int | None = None,
        unevaluated_items: int | None = None,
    ) -> None: ...

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
