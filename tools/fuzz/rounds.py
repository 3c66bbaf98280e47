"""One round: a random constraint, compiled for a random vocabulary, used at random, its texts and non-texts judged.

A round depends on its seed alone. What is wrong is raised as `Finding`; typed errors are counted, never a finding.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import guided
from tests.oracles.judge import ECMA, Judge
from tests.oracles.vocabularies import one_byte
from tools.fuzz.grammars import random_grammar, random_sentence
from tools.fuzz.patterns import ALPHABET, ecma_pattern, python_pattern, random_text
from tools.fuzz.schemas import near, random_schema, random_value
from tools.fuzz.session import Finding, Session

__all__ = ["KINDS", "describe", "run_round"]

# Small enough that a round ends soon, large enough that most constraints fit. A grammar that has grown too much is
# followed by a fresh one, whose states are equal to none of the old: here it may grow.
LIMITS = guided.Limits(max_expressions=100_000, max_states=50_000, max_schema_nodes=5_000, max_grown_bytes=1 << 30)
STEPS, TEXTS, VALUES = 30, 6, 20


def _odd_vocabulary() -> guided.Vocabulary:
    """Every byte, long tokens that cross borders, a token twice, two ends of text."""
    rng = random.Random(0)
    pieces = [
        b'{"',
        b'":',
        b'","',
        b'"}',
        b"[[",
        b"]]",
        b"},{",
        b'"a":"b",',
        b'"a","a"',
        b"\xc3",
        b'\xa9"',
        b"1,2",
        b" \n",
    ]
    made = [b"".join(rng.choices([*pieces, b"a", b"b", b"-", b"0"], k=rng.randint(2, 4))) for _ in range(150)]
    tokens: list[bytes | None] = [None, *(bytes([b]) for b in range(256)), b"a", *made, None, None]
    return guided.Vocabulary(tokens, eos_ids={0, len(tokens) - 2})


VOCABULARIES: list[guided.Vocabulary] = [one_byte(), _odd_vocabulary()]


class _OracleTooSlow(Exception):
    """`re` and Node try ways one after the other, which may take for ever."""


@contextlib.contextmanager
def _soon(seconds: int = 10) -> Iterator[None]:
    """Inside, an oracle is interrupted after so long."""

    def interrupt(*_: object) -> None:
        raise _OracleTooSlow

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    except _OracleTooSlow:
        ECMA.close()  # it would go on answering this question
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _compiled(constraint: guided.Constraint, rng: random.Random) -> guided.CompiledGrammar:
    return constraint.compile(rng.choice(VOCABULARIES), LIMITS)


def _accepts(compiled: guided.CompiledGrammar, text: str) -> bool:
    matcher = compiled.matcher()
    return matcher.accept_bytes(text.encode()) and matcher.is_accepting


def _schema_round(rng: random.Random, counts: Counter[str]) -> None:
    schema = random_schema(rng)
    order = rng.choice(["declared", "any"])
    layout: dict[str, Any] = rng.choice([{}, {}, {"whitespace": "dumps"}, {"whitespace": "compact"}, {"indent": 2}])
    compiled = _compiled(guided.JsonSchema(schema, order=order, **layout), rng)
    counts["schemas compiled"] += 1
    judge = Judge(schema)
    session = Session(compiled, rng, counts)
    session.run(STEPS)
    values = []
    for text in session.texts(TEXTS):
        with _soon():
            fault = judge.fault(text)
        if fault:
            raise Finding(f"too loose: {text!r}: {fault}")
        values.append(json.loads(text))
    if layout or order == "declared":
        return
    # keys come in any order and white space is free: a value is let through exactly when it is valid
    for _ in range(VALUES):
        value = near(rng.choice(values), rng) if rng.random() < 0.6 else random_value(rng)
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
        if "Infinity" in text or "NaN" in text:  # a walk wrote 6e632, which is no float
            continue
        with _soon():
            fault = judge.fault(text)
        taken = _accepts(compiled, text)
        counts["values judged"] += 1
        counts["values valid"] += fault is None
        if taken != (fault is None):
            raise Finding(f"{'too loose' if taken else 'too tight'}: {text!r}: {fault}")


def _is_known(text: str) -> bool:
    """Whether every character was assigned when Python's Unicode tables were made; Node's may be of a later year."""
    return all(unicodedata.category(c) != "Cn" for c in text)


def _regex_round(rng: random.Random, counts: Counter[str]) -> None:
    pattern = python_pattern(rng)
    compiled = _compiled(guided.Regex(pattern), rng)
    regex = re.compile(pattern)
    _judge_texts(compiled, rng, counts, lambda text: regex.fullmatch(text) is not None)


def _ecma_round(rng: random.Random, counts: Counter[str]) -> None:
    pattern = ecma_pattern(rng)
    compiled = _compiled(guided.Regex(pattern, search=True), rng)
    _judge_texts(compiled, rng, counts, lambda text: ECMA.search(pattern, text))


def _judge_texts(
    compiled: guided.CompiledGrammar, rng: random.Random, counts: Counter[str], is_match: Callable[[str], bool]
) -> None:
    """A text is let through exactly when it matches."""
    counts["patterns compiled"] += 1
    session = Session(compiled, rng, counts)
    session.run(STEPS)
    walked = [text.decode() for text in session.texts(TEXTS)]
    for text in filter(_is_known, walked):
        with _soon():
            matches = is_match(text)
        if not matches:
            raise Finding(f"too loose: {text!r}")
    for _ in range(2 * VALUES):
        text = random_text(rng)
        if rng.random() < 0.5:
            start = rng.choice(walked)
            cut = rng.randrange(len(start) + 1)
            text = start[:cut] + rng.choice(["", *ALPHABET]) + start[cut + rng.randrange(2) :]
        if not _is_known(text):
            continue
        counts["texts judged"] += 1
        with _soon():
            matches = is_match(text)
        if _accepts(compiled, text) != matches:
            raise Finding(f"{'too tight' if matches else 'too loose'}: {text!r}")


def _boolean_round(rng: random.Random, counts: Counter[str]) -> None:
    """`&`, `|`, `~` and difference of patterns, against the same of their verdicts."""
    left, right = python_pattern(rng), python_pattern(rng)
    one, other = guided.Regex(left), guided.Regex(right)
    first, second = re.compile(left), re.compile(right)
    constraint, is_match = rng.choice(
        [
            (one & other, lambda t: bool(first.fullmatch(t) and second.fullmatch(t))),
            (one | other, lambda t: bool(first.fullmatch(t) or second.fullmatch(t))),
            (one - other, lambda t: bool(first.fullmatch(t) and not second.fullmatch(t))),
            (~one, lambda t: not first.fullmatch(t)),
        ]
    )
    _judge_texts(_compiled(constraint, rng), rng, counts, is_match)


def _grammar_round(rng: random.Random, counts: Counter[str]) -> None:
    rules = random_grammar(rng)
    compiled = _compiled(guided.Grammar(rules.text()), rng)
    counts["grammars compiled"] += 1
    session = Session(compiled, rng, counts)
    session.run(STEPS)
    walked = [text.decode() for text in session.texts(TEXTS, 12)]
    for text in walked:
        if len(text) <= 40 and not rules.matches(text):
            raise Finding(f"too loose: {text!r}")
    for _ in range(VALUES):
        text = random_sentence(rng)
        if rng.random() < 0.5:
            start = rng.choice(walked)[:12]
            cut = rng.randrange(len(start) + 1)
            text = start[:cut] + random_sentence(rng)[:1] + start[cut + rng.randrange(2) :]
        counts["sentences judged"] += 1
        if _accepts(compiled, text) != rules.matches(text):
            raise Finding(f"{'too tight' if rules.matches(text) else 'too loose'}: {text!r}")


def _composition_round(rng: random.Random, counts: Counter[str]) -> None:
    """Sequences, alternatives and repetitions of anything: no oracle but that all ways agree."""

    def part(depth: int) -> guided.Constraint:
        kind = rng.randrange(7 if depth > 0 else 4)
        if kind == 0:
            return guided.Regex(python_pattern(rng))
        if kind == 1:
            return guided.Choice(rng.sample(["a", "ab", "b", "é", "1", '"', "true", " "], rng.randint(1, 4)))
        if kind in (2, 3):
            return guided.JsonSchema(random_schema(rng), order=rng.choice(["declared", "any"]))
        if kind == 4:
            return guided.Seq(*(part(depth - 1) for _ in range(rng.randint(1, 3))), rng.choice(["", "x", "é", '"']))
        if kind == 5:
            return part(depth - 1) | part(depth - 1)
        least = rng.choice([0, 0, 1, 2])
        most = rng.choice([None, least, least + 2])
        return guided.Repeat(part(depth - 1), least, most, sep=rng.choice(["", "", ", ", "a"]))

    compiled = _compiled(part(2), rng)
    counts["compositions compiled"] += 1
    session = Session(compiled, rng, counts)
    session.run(STEPS)
    for text in session.texts(TEXTS):
        text.decode()


KINDS: dict[str, tuple[Callable[[random.Random, Counter[str]], None], int]] = {
    "schema": (_schema_round, 11),
    "regex": (_regex_round, 3),
    "ecma": (_ecma_round, 3),
    "boolean": (_boolean_round, 1),
    "composition": (_composition_round, 2),
    "grammar": (_grammar_round, 4),
}


def run_round(seed: str, counts: Counter[str], kinds: list[str]) -> str | None:
    """What was found in the round of this seed, if anything."""
    rng = random.Random(seed)
    kind = rng.choices(kinds, [KINDS[k][1] for k in kinds])[0]
    counts[f"rounds of {kind}"] += 1
    try:
        KINDS[kind][0](rng, counts)
    except guided.GuidedError as error:
        counts[f"{kind} ended by {type(error).__name__}"] += 1
    except _OracleTooSlow:
        counts["oracle too slow"] += 1
    except RecursionError:  # the oracles recurse on what they judge
        counts["oracle out of stack"] += 1
    except Exception as problem:
        return f"{kind}: {type(problem).__name__}: {problem}"
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        counts["oracle out of stack"] += 1  # the same, met by the oracle's part that is written in Rust
    return None


def describe(seed: str, kinds: list[str]) -> str:
    """The constraint of a round, as far as it is a schema or a pattern."""
    rng = random.Random(seed)
    kind = rng.choices(kinds, [KINDS[k][1] for k in kinds])[0]
    made: dict[str, Callable[[random.Random], Any]] = {
        "grammar": lambda rng: random_grammar(rng).text(),
        "schema": random_schema,
        "regex": python_pattern,
        "ecma": ecma_pattern,
        "boolean": lambda rng: [python_pattern(rng), python_pattern(rng)],
    }
    return json.dumps(made[kind](rng), ensure_ascii=False) if kind in made else ""


sys.setrecursionlimit(5000)
