"""What a GBNF grammar of JSON costs per token, beside llguidance where that is installed (its own GBNF converter).

`python benchmarks/masks/grammars.py TOKENIZER` (anything that `guided.Vocabulary.from_tokenizer` takes) prints CPU time
of mask + accept on the tokens of generated documents, and of compile + first mask. Warm: the same documents again.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import guided

JSON = r"""
root   ::= value
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,3})? ws
ws     ::= [ \t\n]{0,40}
"""
Step = Callable[[int], bool]  # mask, then this token; whether it was allowed
Compile = Callable[[str], Callable[[], Step]]


def value(rng: random.Random, depth: int) -> Any:
    """A value of a document."""
    kind = rng.random()
    if depth <= 0 or kind < 0.3:
        return rng.choice([True, None, 12, -3.5, "some text of a few words", "é\n", "a\\b", "2024-05-06"])
    if kind < 0.6:
        return [value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    names = ["name", "age", "id", "a long key of words", "x", "tags"]
    return {f"{rng.choice(names)}{i}": value(rng, depth - 1) for i in range(rng.randint(0, 5))}


def timed(start: Callable[[], Step], documents: Sequence[Sequence[int]]) -> str:
    """Microseconds of CPU per token."""
    spent: list[int] = []
    for tokens in documents:
        step = start()
        for token in tokens:
            begin = time.process_time_ns()
            is_allowed = step(token)
            spent.append(time.process_time_ns() - begin)
            assert is_allowed
    spent.sort()
    at = [spent[int(len(spent) * share)] / 1e3 for share in (0.5, 0.9, 0.99)]
    return f"mean {sum(spent) / len(spent) / 1e3:6.1f}  p50 {at[0]:6.1f}  p90 {at[1]:6.1f}  p99 {at[2]:6.1f}"


def ours(vocab: guided.Vocabulary) -> Compile:
    """Matchers of guided."""
    out = np.zeros((vocab.size + 31) // 32, np.int32)

    def compile_grammar(text: str) -> Callable[[], Step]:
        compiled = guided.Grammar(text).compile(vocab)

        def start() -> Step:
            matcher = compiled.matcher()

            def step(token: int) -> bool:
                matcher.fill_mask(out)
                return matcher.accept_token(token)

            return step

        return start

    compile_grammar('root ::= "a" root "b" | ""')()(vocab.encode(b"a")[0])  # the tables of the vocabulary
    return compile_grammar


class Tokenizer:
    """A vocabulary as llguidance wants it."""

    bos_token_id = None

    def __init__(self, vocab: guided.Vocabulary) -> None:
        self._vocab = vocab
        self.eos_token_id = min(vocab.eos_ids)
        self.tokens = [b"\xff<%d>" % i if data is None else data for i, data in enumerate(vocab.tokens)]
        self.special_token_ids = [i for i, data in enumerate(vocab.tokens) if data is None]

    def __call__(self, data: str | bytes) -> list[int]:
        """The tokens of a text."""
        return self._vocab.encode(data.encode() if isinstance(data, str) else data)


def theirs(vocab: guided.Vocabulary) -> Compile | None:
    """Matchers of llguidance; None where it is not installed."""
    try:
        import llguidance
        from llguidance.gbnf_to_lark import gbnf_to_lark
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
    except ImportError:
        return None
    tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Tokenizer(vocab)))
    out = allocate_token_bitmask(1, vocab.size)

    def compile_grammar(text: str) -> Callable[[], Step]:
        first = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_lark(gbnf_to_lark(text)))

        def start() -> Step:
            matcher = first.deep_copy()

            def step(token: int) -> bool:
                fill_next_token_bitmask(matcher, out, 0)
                return bool(matcher.consume_token(token))

            return step

        return start

    return compile_grammar


def main() -> None:
    """Print the table."""
    vocab = guided.Vocabulary.from_tokenizer(sys.argv[1])
    rng = random.Random(1)
    texts = [json.dumps(value(rng, 4), indent=rng.choice([None, 1, 2])) for _ in range(80)]
    documents = [vocab.encode(text.encode()) for text in texts]
    print(f"{len(documents)} documents, {sum(map(len, documents))} tokens; microseconds of CPU per token")
    for name, make in (("guided", ours), ("llguidance", theirs)):
        compile_grammar = make(vocab)
        if compile_grammar is None:
            print(f"{name:10}  is not installed")
            continue
        begin = time.process_time_ns()
        start = compile_grammar(JSON)
        start()(documents[0][0])
        milliseconds = (time.process_time_ns() - begin) / 1e6
        print(f"{name:10}  {timed(start, documents)}\n{name:10}  {timed(start, documents)}  warm")
        print(f"{name:10}  compile and first mask: {milliseconds:.1f} ms")


if __name__ == "__main__":
    main()
