"""The tools that questions offer, with the facts and calls they are asked for."""

from __future__ import annotations

from random import Random

from tools.train_tiny import values, words
from tools.train_tiny.words import Split

LINES = {
    "calculator": "calculator(expression: string) - Evaluate an arithmetic expression.",
    "lookup": "lookup(key: string) - Look up a fact by its key.",
    "weather": "weather(city: string) - Get the weather of a city.",
    "translate": "translate(word: string) - Translate a word.",
    "phone_number": "phone_number(name: string) - Find the phone number of a person.",
    "stock": "stock(product: string) - Count how many of a product are in stock.",
    "open_file": "open_file(path: string) - Read a file.",
    "time_in": "time_in(city: string) - Tell the time in a city.",
    "order_status": "order_status(order: string) - Show the status of an order.",
    "capital": "capital(country: string) - Name the capital of a country.",
    "search": "search(query: string) - Search the web.",
    "today": "today() - Tell the date of today.",
    "send_mail": "send_mail(to: string, text: string) - Send a mail.",
    "define": "define(word: string) - Define a word.",
}

FACT_QUESTIONS = (
    "What is the {k}?",
    "What is the {k}?",
    "Tell me the {k}.",
    "Find the {k}.",
    "I want to know the {k}.",
    "Look up the {k}.",
    "Can you tell me the {k}?",
)


def offered(rng: Random, needed: list[str]) -> list[str]:
    """The tools to show: those needed, often calculator and lookup, sometimes others, in any order."""
    names = list(needed)
    if rng.random() < 0.5:
        names += [n for n in ("calculator", "lookup") if n not in names]
    if rng.random() < 0.35:
        names += rng.sample([n for n in LINES if n not in names], rng.randint(1, 3))
    if rng.random() < 0.5:
        return [n for n in LINES if n in names]
    rng.shuffle(names)
    return names


def number_fact(rng: Random, split: Split) -> tuple[str, str]:
    """A key and a number."""
    forms = (
        "price of the {thing}",
        "weight of the {thing}",
        "population of {city}",
        "age of {name}",
        "number of rooms in the {place}",
        "height of the {place}",
        "number of {things} in the {place}",
        "distance to {city}",
    )
    return _key(rng, split, rng.choice(forms)), str(
        values.price(rng, split) if rng.random() < 0.3 else values.any_int(rng, split)
    )


def fact(rng: Random, split: Split) -> tuple[str, str]:
    """A key and a value, a number or words."""
    if rng.random() < 0.4:
        return number_fact(rng, split)
    forms = (
        ("capital of {country}", values.city),
        ("phone number of {name}", values.phone),
        ("opening time of the {place}", values.clock),
        ("colour of the {thing}", values.colour),
        ("owner of the {place}", values.full_name),
        ("author of {title}", values.full_name),
        ("address of {name}", values.email),
        ("birthday of {name}", values.date),
        ("code of the {thing}", values.code),
        ("job of {name}", values.job),
        ("home town of {name}", values.city),
        ("password of {name}", values.code),
    )
    form, make = rng.choice(forms)
    return _key(rng, split, form), str(make(rng, split))


def _key(rng: Random, split: Split, form: str) -> str:
    return form.format(
        thing=values.thing(rng, split),
        city=values.city(rng, split),
        name=values.full_name(rng, split),
        place=rng.choice(words.PLACES),
        things=values.plural(rng, split),
        country=values.country(rng, split),
        title=values.title(rng, split),
    )


def other_call(rng: Random, split: Split) -> tuple[str, str, str, str, str]:
    """(tool, question, argument name, argument, observation)."""
    city, word, name = values.city(rng, split), values.invented(rng, split), values.full_name(rng, split)
    thing, order, country = values.thing(rng, split), values.code(rng, split), values.country(rng, split)
    folder, user, file = rng.choice(words.DIRECTORIES), values.invented(rng, split, 2), values.invented(rng, split, 2)
    path = f"/home/{user}/{folder}/{file}.{rng.choice(words.EXTENSIONS)}"
    weather = rng.choice(("sunny", "rain", "snow", "cloudy", "windy")) + f", {rng.randint(2, 35)} degrees"
    return rng.choice(
        (
            (
                "weather",
                rng.choice(("What is the weather in {}?", "How is the weather in {}?", "Is it raining in {}?")).format(
                    city
                ),
                "city",
                city,
                weather,
            ),
            (
                "translate",
                rng.choice(("Translate {}.", "What does {} mean in English?", "Translate the word {}.")).format(word),
                "word",
                word,
                values.invented(rng, split),
            ),
            (
                "phone_number",
                rng.choice(("How can I call {}?", "Which number do I dial to reach {}?")).format(name),
                "name",
                name,
                values.phone(rng, split),
            ),
            (
                "stock",
                rng.choice(("How many of the {} are in stock?", "Is the {} in stock?")).format(thing),
                "product",
                thing,
                str(rng.randint(0, 300)),
            ),
            (
                "open_file",
                rng.choice(("What is in the file {}?", "Read {}.", "Open the file {}.")).format(path),
                "path",
                path,
                values.word(rng, split),
            ),
            (
                "time_in",
                rng.choice(("What time is it in {}?", "Tell me the time in {}.")).format(city),
                "city",
                city,
                values.clock(rng, split),
            ),
            (
                "order_status",
                rng.choice(
                    ("Where is my order {}?", "What is the status of order {}?", "Has order {} been sent?")
                ).format(order),
                "order",
                order,
                rng.choice(("sent", "paid", "packed", "lost", "delivered")),
            ),
            (
                "capital",
                rng.choice(("Which city is the capital of {}?", "Name the capital of {}.")).format(country),
                "country",
                country,
                values.city(rng, split),
            ),
            (
                "define",
                rng.choice(("Define {}.", "Give a definition of {}.")).format(word),
                "word",
                word,
                f"a kind of {rng.choice(words.ANIMALS)}",
            ),
        )
    )
