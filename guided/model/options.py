"""What a caller may ask of one generation, checked before anything is computed.

Wrong arguments raise `InputError` with the name of the argument, what was given and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from guided.constraints import Constraint, Regex
from guided.errors import InputError, InvalidRegex
from guided.program import as_constraint
from guided.runtime.bias import Penalties, bias_ids, check_bias
from guided.runtime.job import check_urgency
from guided.vocab import Vocabulary

__all__ = ["BatchOptions", "GenerateOptions", "Options", "as_constraints", "check_prompt", "check_scored"]


class _SamplingOptions(TypedDict, total=False):
    max_tokens: int
    temperature: float
    top_k: int | None
    top_p: float
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    logit_bias: Mapping[int | str, float] | None
    min_tokens: int
    seed: int
    stop: str | Sequence[str] | None
    stop_regex: str | None
    n: int
    logprobs: bool
    greedy: bool | None
    token_healing: bool
    canonical: bool
    priority: int
    timeout: float | None


class GenerateOptions(_SamplingOptions, total=False):
    """Keyword arguments of `generate` and `stream`; what they mean and their defaults: `Options`."""

    constraint: Constraint | type | None


class BatchOptions(_SamplingOptions, total=False):
    """Keyword arguments of `generate_batch`: `constraint` may be a list with one per prompt."""

    constraint: Constraint | type | Sequence[Constraint | type | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Checked options of one generation.

    constraint: what the text must be, a guided constraint or a Python type; None: any text.
    max_tokens: budget of the text. A constrained text is closed early and valid inside it, never cut.
    temperature, top_k, top_p, min_p: how tokens are drawn, after the mask; temperature 0 takes the most likely one.
    repetition_penalty: above 1, tokens that occur before (the prompt included) get less likely; 1 is off.
    presence_penalty, frequency_penalty: taken off the logits of tokens generated before, once and per occurrence.
    logit_bias: added to the logits of tokens, by id or by text that is one token; -inf forbids one.
    min_tokens: the text may not end before it has so many, unless its constraint ends it.
    seed: the same seed gives the same tokens, whatever else runs.
    stop: texts that end an unconstrained generation; they are not part of it.
    stop_regex: the same, as a pattern: the text ends before the match that is complete first.
    n: how many samples, each with its own random numbers.
    logprobs: compute log p of the text (before the mask), at the price of the whole head.
    greedy: True means temperature 0, whatever `temperature` says.
    token_healing: let the first tokens overlap the end of the prompt (docs/healing.md).
    canonical: only tokens that the tokenizer itself would write, as far as the constraint leaves any (docs/healing.md).
    priority: calls of a higher one go first where there is not room for all (docs/scheduling.md).
    timeout: seconds; what is not done then has a `DeadlineExceeded` as its error.
    """

    constraint: Constraint | None = None
    max_tokens: int = 100
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int | str, float] | None = None
    min_tokens: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()
    stop_regex: Constraint | None = None
    n: int = 1
    logprobs: bool = False
    greedy: bool | None = None
    token_healing: bool = True
    canonical: bool = False
    priority: int = 0
    timeout: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Check keyword arguments as they were given."""
        known = {name: value for name, value in given.items() if value is not None}
        unknown = sorted(known.keys() - set(cls.__dataclass_fields__))
        if unknown:
            names = ", ".join(cls.__dataclass_fields__)
            raise InputError(f"unknown argument {unknown[0]!r}; the arguments of a generation are: {names}")
        known["stop"] = _stops(given.get("stop"))
        if "stop_regex" in known:
            known["stop_regex"] = _stop_pattern(known["stop_regex"])
        known["constraint"] = as_constraint(given.get("constraint"))
        options = cls(**known)
        options._check()
        return options

    @property
    def effective_temperature(self) -> float:
        """The temperature that decoding uses."""
        return 0.0 if self.greedy else float(self.temperature)

    def penalties(self, vocab: Vocabulary) -> Penalties:
        """What is added to logits; raises `InputError` for a bias of something that is no token."""
        return Penalties(
            repetition=float(self.repetition_penalty),
            presence=float(self.presence_penalty),
            frequency=float(self.frequency_penalty),
            logit_bias=bias_ids(vocab, self.logit_bias or {}),
        )

    def _check(self) -> None:
        _check_integer("max_tokens", self.max_tokens, 1)
        _check_integer("n", self.n, 1)
        _check_integer("seed", self.seed, 0)
        if self.top_k is not None:
            _check_integer("top_k", self.top_k, 1)
        _check_number("temperature", self.temperature, 0.0, math.inf)
        _check_number("top_p", self.top_p, 0.0, 1.0, is_open=True)
        _check_number("min_p", self.min_p, 0.0, 1.0)
        _check_number("repetition_penalty", self.repetition_penalty, 0.0, math.inf, is_open=True)
        _check_number("presence_penalty", self.presence_penalty, -100.0, 100.0)
        _check_number("frequency_penalty", self.frequency_penalty, -100.0, 100.0)
        check_bias(self.logit_bias)
        _check_integer("min_tokens", self.min_tokens, 0)
        if self.min_tokens > self.max_tokens:
            raise InputError(f"min_tokens={self.min_tokens} is more than max_tokens={self.max_tokens}")
        check_urgency(self.priority, self.timeout)
        for name in ("logprobs", "greedy", "token_healing", "canonical"):
            value = getattr(self, name)
            if not isinstance(value, bool | None):
                raise InputError(f"{name} is true or false, not {value!r}")


def _stops(stop: Any) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, Sequence) else stop
    if stops is None:
        return ()
    if not isinstance(stops, tuple) or not all(isinstance(s, str) and s for s in stops):
        raise InputError(f"stop is a text or a list of texts that are not empty, not {stop!r}")
    for text in stops:
        _check_unicode("stop", text)
    return stops


def _stop_pattern(pattern: Any) -> Constraint:
    if not isinstance(pattern, str):
        raise InputError(f"stop_regex is a pattern, not {pattern!r}")
    try:
        return Regex(pattern)
    except InvalidRegex as error:
        raise InputError(f"stop_regex is no pattern: {error}") from error


def _check_integer(name: str, value: Any, minimum: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} is an integer, not {value!r}")
    if minimum is not None and value < minimum:
        raise InputError(f"{name}={value} is too small: it must be at least {minimum}")


def _check_number(name: str, value: Any, low: float, high: float, *, is_open: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise InputError(f"{name} is a number, not {value!r}")
    if not low <= value <= high or value == math.inf or (is_open and value == low):
        span = f"above {low:g}" if is_open else f"at least {low:g}"
        most = "" if high == math.inf else f" and at most {high:g}"
        raise InputError(f"{name}={value} is out of range: it must be {span}{most}")


def as_constraints(value: Any, num: int) -> list[Constraint | None]:
    """One constraint per row: the same for all, or a list of `num`."""
    if not isinstance(value, list | tuple):
        return [as_constraint(value)] * num
    if len(value) != num:
        raise InputError(f"{num} prompts, but {len(value)} constraints: give one for all, or one per prompt")
    return [as_constraint(one) for one in value]


def check_prompt(prompt: Any, messages: Any) -> None:
    """Exactly one of a prompt text and a list of chat messages."""
    if prompt is None and messages is None:
        raise InputError("nothing to continue: give a prompt text, or messages=[{'role': ..., 'content': ...}]")
    if prompt is not None and messages is not None:
        raise InputError("prompt and messages were both given: give one of them")
    if prompt is not None and not isinstance(prompt, str):
        raise InputError(f"prompt is a text, not {type(prompt).__name__}; for a chat use messages=[...]")
    if prompt is not None:
        _check_unicode("prompt", prompt)
    if messages is not None:
        _check_messages(messages)


def check_scored(prompt: Any, texts: Any) -> None:
    """A prompt, and a list of texts to be scored after it."""
    check_prompt(prompt, None)
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise InputError(f"texts is a list of texts, not {type(texts).__name__}")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"texts[{number}] is a text, not {type(text).__name__}")
        _check_unicode(f"texts[{number}]", text)


def _check_messages(messages: Any) -> None:
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence) or not messages:
        raise InputError("messages is a list of {'role': ..., 'content': ...} with at least one entry")
    for number, message in enumerate(messages):
        is_message = isinstance(message, Mapping) and all(isinstance(message.get(k), str) for k in ("role", "content"))
        if not is_message:
            raise InputError(f"messages[{number}] is not a mapping with the texts 'role' and 'content': {message!r}")
        for key in ("role", "content"):
            _check_unicode(f"messages[{number}][{key!r}]", message[key])


def _check_unicode(name: str, text: str) -> None:
    """Refuse half of a surrogate pair: it has no bytes, so no token can spell it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is not valid Unicode: character {error.start} is half of a surrogate pair") from None
