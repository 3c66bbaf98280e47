"""JSON objects from a description that names their keys and values, of every JSON type."""

from __future__ import annotations

from random import Random
from typing import Any

from tools.train_tiny import values, words
from tools.train_tiny.examples import Example, pair
from tools.train_tiny.tasks_extract import dumps, fix_articles
from tools.train_tiny.words import Split

INSTRUCTION = "Write the JSON object that the description asks for."
FLAGS = ("active", "open", "ready", "visible", "paid", "new", "public", "valid", "member", "sold")


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return "the list " + ", ".join(map(str, value))
    return str(value)


def _value(rng: Random, split: Split) -> Any:
    kind = rng.random()
    if kind < 0.55:
        return values.word(rng, split)
    if kind < 0.75:
        return values.any_int(rng, split)
    if kind < 0.82:
        return values.price(rng, split)
    if kind < 0.86:
        return None
    if kind < 0.93:
        return [values.invented(rng, split, 2) for _ in range(rng.randint(2, 4))]
    return [rng.randint(0, 99) for _ in range(rng.randint(2, 4))]


def _keyed(rng: Random, split: Split) -> tuple[str, dict[str, Any]]:
    obj: dict[str, Any] = {}
    for key in rng.sample(words.ATTRIBUTES, rng.randint(1, 4)):
        obj[key] = _value(rng, split)
    if rng.random() < 0.3:
        obj[rng.choice(FLAGS)] = rng.random() < 0.5
    form = rng.choice(("{k} is {v}", "{k} {v}", "the {k} is {v}", "{k} set to {v}", "{k} = {v}"))
    parts = [form.format(k=k, v=_spoken(v)) for k, v in obj.items()]
    start = rng.choice(
        ("an object where ", "an object with ", "a record: ", "", "the following: ", "one entry in which ")
    )
    return start + rng.choice((", ", "; ", " and ")).join(parts) + rng.choice(("", ".")), obj


def _person(rng: Random, split: Split) -> tuple[str, dict[str, Any]]:
    obj = {"name": values.full_name(rng, split), "age": values.age(rng, split), "city": values.city(rng, split)}
    form = rng.choice(
        (
            "a person named {name}, aged {age}, living in {city}",
            "the person {name} of {age} years from {city}",
            "a user called {name} who is {age} and lives in {city}",
            "someone from {city} with the name {name} and the age {age}",
        )
    )
    return form.format(**obj), obj


def _product(rng: Random, split: Split) -> tuple[str, dict[str, Any]]:
    obj = {"product": values.thing(rng, split), "price": values.price(rng, split), "in_stock": rng.random() < 0.5}
    stock = "in stock" if obj["in_stock"] else "not in stock"
    form = rng.choice(
        (
            "a {product} that costs {price} and is {s}",
            "the product {product}, {s}, price {price}",
            "a {product} for {price}, {s}",
        )
    )
    return fix_articles(form.format(s=stock, **obj)), obj


def described(rng: Random, split: Split) -> Example:
    """One description and its object."""
    kind = rng.random()
    text, obj = _keyed(rng, split) if kind < 0.7 else _person(rng, split) if kind < 0.85 else _product(rng, split)
    return pair("json", f"{INSTRUCTION}\nDescription: {text}\nJSON:", f" {dumps(obj)}\n", fields=obj)
