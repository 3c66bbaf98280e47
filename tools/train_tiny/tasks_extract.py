"""Extraction: the facts of a text as one line of JSON.

Each domain has whole-text forms and single-fact sentences that are shuffled; the free domain names random
attributes, so that a model learns to find any key. Facts that are not asked for and idle sentences distract.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from tools.train_tiny import values, words
from tools.train_tiny.domains import DOMAINS, IDLE, Domain
from tools.train_tiny.examples import Example, pair
from tools.train_tiny.words import Split

INSTRUCTION = "Extract the fields from the text as JSON."


def dumps(value: Any) -> str:
    """The spelling every answer uses."""
    return json.dumps(value, ensure_ascii=False)


def fix_articles(text: str) -> str:
    """`a engineer` -> `an engineer`; the forms always say `a`."""
    return re.sub(r"\b([Aa]) (?=[aeio][a-z])", r"\1n ", text)


def shown(key: str, value: values.Value, rng: Random) -> str:
    """How a text spells a value; one price in ten has a trailing zero that JSON drops."""
    if isinstance(value, list):
        return ", ".join(map(str, value[:-1])) + " and " + str(value[-1])
    if key in ("price", "total", "amount", "due") and isinstance(value, float) and rng.random() < 0.2:
        return f"{value:.2f}"
    return str(value)


def _idle(rng: Random, split: Split) -> str:
    line = rng.choice(IDLE)
    return line.format(
        other=values.full_name(rng, split),
        n=rng.randint(2, 99),
        place=rng.choice(words.PLACES),
        day=rng.choice(words.DAYS),
    )


def _tell(rng: Random, domain: Domain, facts: dict[str, values.Value]) -> str:
    shows = {k: shown(k, v, rng) for k, v in facts.items()}
    if rng.random() < 0.6:
        return rng.choice(domain.forms).format(**shows)
    sentences = [rng.choice(domain.facts[k]).format(**shows) for k in facts]
    if rng.random() < 0.7:
        rng.shuffle(sentences)
    return " ".join(sentences)


def person_like(rng: Random, split: Split, canonical: bool) -> Example:
    """A text of one of the domains; `canonical` keeps every field in its declared order."""
    domain = DOMAINS[0] if rng.random() < 0.3 else rng.choice(DOMAINS)
    facts = {key: make(rng, split) for key, make in domain.fields.items()}
    text = _tell(rng, domain, facts)
    if rng.random() < 0.3:
        idle = _idle(rng, split)
        text = f"{idle} {text}" if rng.random() < 0.5 else f"{text} {idle}"
    keys = list(facts)
    if not canonical and rng.random() < 0.25:
        rng.shuffle(keys)
        keys = keys[: rng.randint(1, len(keys))]
    return _example("extract", fix_articles(text), {k: facts[k] for k in keys})


def _example(task: str, text: str, answer: dict[str, Any]) -> Example:
    return pair(task, f"{INSTRUCTION}\nText: {text}\nJSON:", f" {dumps(answer)}\n", fields=answer)


FREE_FORMS = (
    "The {k} is {v}.",
    "{K}: {v}.",
    "Its {k} is {v}.",
    "The {k} was {v}.",
    "{v} is the {k}.",
    "We set the {k} to {v}.",
    "For the {k} they gave {v}.",
    "It has the {k} {v}.",
    "Please note the {k}: {v}.",
    "{K} = {v}.",
)


def free(rng: Random, split: Split) -> Example:
    """Random attributes with random values: copying practice for any key."""
    keys = rng.sample(words.ATTRIBUTES, rng.randint(2, 5))
    facts: dict[str, Any] = {}
    for key in keys:
        kind = rng.random()
        if kind < 0.75:
            facts[key] = values.word(rng, split)
        else:
            facts[key] = values.any_int(rng, split) if kind < 0.9 else values.price(rng, split)
    if rng.random() < 0.4:
        form = rng.choice(FREE_FORMS)
        lines = [form.format(k=k, K=k.capitalize(), v=v) for k, v in facts.items()]
    else:
        lines = [rng.choice(FREE_FORMS).format(k=k, K=k.capitalize(), v=v) for k, v in facts.items()]
    if rng.random() < 0.3:
        rng.shuffle(lines)
    answer = facts
    if rng.random() < 0.2:
        answer = {k: facts[k] for k in rng.sample(keys, rng.randint(1, len(keys)))}
    return _example("extract_free", " ".join(lines), answer)
