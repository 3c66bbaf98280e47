"""Values that a text mentions and an answer must copy: names, words, codes, dates, prices.

Names are mostly invented from syllables or random letters, so that a model can only get them right by copying.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tools.train_tiny import words
from tools.train_tiny.words import Split, pick, syllables

Value = str | int | float | bool | None | list["Value"]
Maker = Callable[[Random, Split], Value]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ACCENTS = "éèöüäñøåłžčşçíó"


def invented(rng: Random, split: Split, longest: int = 3) -> str:
    """A lower-case word of one to `longest` syllables of the split."""
    pool = syllables(split, rng.random() < 0.6)
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, longest)))


def random_letters(rng: Random, shortest: int = 3, longest: int = 9) -> str:
    """Letters drawn one by one."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(shortest, longest)))


def blended(rng: Random, split: Split) -> str:
    """The beginning of one listed word and the end of another: `nurpet`, `horguin`. Spelled as real words are."""
    pool = words.every_word(split)
    while True:
        first, last = rng.choice(pool), rng.choice(pool)
        made = first[: rng.randint(1, len(first))] + last[rng.randint(1, len(last) - 1) :]
        if split == "heldout" or not words.is_heldout(made):
            return made


def compound(rng: Random) -> str:
    """Two words, or a word and a syllable, in one: `blacknurse`, `waitvol`. In training only.

    A token that is never part of an answer is learned to be impossible; so every word's tokens must be copied in
    training, held-out words too, but those never on their own.
    """
    whole, other = rng.choice(words.whole_words()), rng.choice(words.whole_words())
    kind = rng.random()
    if kind < 0.5:
        return whole + other
    return whole + rng.choice(syllables("train", True)) if kind < 0.8 else rng.choice(syllables("train", True)) + whole


def open_word(rng: Random, split: Split) -> str:
    """Any lower-case word; lists alone would be learned by heart instead of copied."""
    if split == "train" and rng.random() < 0.35:
        return compound(rng)
    kind = rng.random()
    if kind < 0.45:
        return blended(rng, split)
    if kind < 0.7:
        return invented(rng, split)
    return random_letters(rng) if kind < 0.8 else rng.choice(words.every_word(split))


def _name_word(rng: Random, split: Split) -> str:
    kind = rng.random()
    if kind < 0.15:
        return pick(rng, words.FIRST_NAMES, split)
    if kind < 0.21 and split == "train":
        return compound(rng).capitalize()
    if kind < 0.30:
        return blended(rng, split).capitalize()
    if kind < 0.70:
        word = invented(rng, split)
        return word.capitalize() if len(word) > 1 else word.upper() + "o"
    if kind < 0.92:
        return random_letters(rng).capitalize()
    if kind < 0.96:
        letters = list(invented(rng, split, 2) + rng.choice(LETTERS))
        letters[rng.randrange(1, len(letters))] = rng.choice(ACCENTS)
        return "".join(letters).capitalize()
    return rng.choice(("Mc", "O'", "De", "Van")) + invented(rng, split, 2).capitalize()


def first_name(rng: Random, split: Split) -> str:
    """One name word."""
    return _name_word(rng, split)


def full_name(rng: Random, split: Split) -> str:
    """A first and a last name; sometimes one word, a middle initial or a hyphen."""
    kind = rng.random()
    first, last = _name_word(rng, split), _name_word(rng, split)
    if kind < 0.12:
        return first
    if kind < 0.16:
        return f"{first} {rng.choice(LETTERS).upper()}. {last}"
    if kind < 0.20:
        return f"{first} {last}-{_name_word(rng, split)}"
    return f"{first} {last}"


def pleasant_name(rng: Random, split: Split) -> str:
    """A known first name and a simple last name, as a story would use."""
    pool = syllables(split, True)
    return f"{pick(rng, words.FIRST_NAMES, split)} {(rng.choice(pool) + rng.choice(pool)).capitalize()}"


def city(rng: Random, split: Split) -> str:
    """A city, known or invented."""
    if rng.random() < 0.55:
        return open_word(rng, split).capitalize() + rng.choice(("", "", "", "ville", "burg", "stad", "ton"))
    return pick(rng, words.CITIES, split)


def job(rng: Random, split: Split) -> str:
    """A job, sometimes an invented word or of two words."""
    kind = rng.random()
    if kind < 0.55:
        return open_word(rng, split) + rng.choice(("", "", "er", "ist", "or"))
    if kind < 0.68:
        rank = rng.choice(("senior", "junior", "chief")) if rng.random() < 0.3 else open_word(rng, split)
        return f"{rank} {pick(rng, words.JOBS, split)}"
    return pick(rng, words.JOBS, split)


def thing(rng: Random, split: Split) -> str:
    """A product: thing, adjective and thing, or an invented word."""
    kind = rng.random()
    noun = open_word(rng, split) if rng.random() < 0.5 else pick(rng, words.THINGS, split)
    if kind < 0.5:
        return noun
    if kind < 0.85:
        return f"{pick(rng, words.ADJECTIVES, split)} {noun}"
    return f"{open_word(rng, split)} {noun}"


def code(rng: Random, split: Split) -> str:
    """An identifier such as `X7-4QK`, `ab12f` or `INV-2041`."""
    kind = rng.random()
    if kind < 0.3:
        return "".join(rng.choice("0123456789abcdef") for _ in range(rng.randint(4, 8)))
    if kind < 0.6:
        return rng.choice(("INV", "ORD", "A", "B", "K", "REF", "T")) + "-" + str(rng.randint(10, 99999))
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
    half = "".join(rng.choice(letters) for _ in range(rng.randint(2, 4)))
    return half if kind < 0.75 else half + "-" + "".join(rng.choice(letters) for _ in range(rng.randint(2, 4)))


def small_int(rng: Random, split: Split) -> int:
    """1 to 99, small ones more often."""
    return rng.randint(1, 12) if rng.random() < 0.4 else rng.randint(1, 99)


def any_int(rng: Random, split: Split) -> int:
    """One to five digits, each length as likely."""
    digits = rng.randint(1, 5)
    return rng.randint(10 ** (digits - 1), 10**digits - 1)


def age(rng: Random, split: Split) -> int:
    """An age in years."""
    return rng.randint(18, 89) if rng.random() < 0.85 else rng.randint(1, 105)


def year(rng: Random, split: Split) -> int:
    """A year."""
    return rng.randint(1850, 2035)


def price(rng: Random, split: Split) -> int | float:
    """A whole price, or one with one or two decimals that does not end in zero."""
    kind = rng.random()
    whole = rng.randint(1, 999) if rng.random() < 0.7 else rng.randint(1000, 9999)
    if kind < 0.35:
        return whole
    if kind < 0.65:
        return float(f"{whole}.{rng.randint(1, 9)}")
    return float(f"{whole}.{rng.randint(0, 9)}{rng.randint(1, 9)}")


def date(rng: Random, split: Split) -> str:
    """An ISO date, or a day of a month in words."""
    if rng.random() < 0.6:
        return f"{rng.randint(1950, 2035)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return (
        f"{rng.choice(words.MONTHS)} {rng.randint(1, 28)}"
        if rng.random() < 0.6
        else (f"{rng.randint(1, 28)} {rng.choice(words.MONTHS)} {rng.randint(1950, 2035)}")
    )


def clock(rng: Random, split: Split) -> str:
    """A time of day, `14:05`."""
    return f"{rng.randint(0, 23):02}:{rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02}"


def day(rng: Random, split: Split) -> str:
    """A day of the week."""
    return rng.choice(words.DAYS)


def email(rng: Random, split: Split) -> str:
    """An e-mail address of invented words."""
    user = invented(rng, split, 2) if rng.random() < 0.6 else f"{invented(rng, split, 2)}.{random_letters(rng, 3, 6)}"
    return f"{user}@{invented(rng, split, 2)}.{rng.choice(words.TLDS)}"


def phone(rng: Random, split: Split) -> str:
    """A telephone number."""
    return (
        f"{rng.randint(100, 999)}-{rng.randint(1000, 9999)}" if rng.random() < 0.5 else f"0{rng.randint(10**6, 10**8)}"
    )


def title(rng: Random, split: Split) -> str:
    """A title of a book: `The Blue Lamp`, `Vornel and Tam`."""
    kind = rng.random()
    if kind < 0.5:
        return f"The {pick(rng, words.ADJECTIVES, split).capitalize()} {pick(rng, words.THINGS, split).capitalize()}"
    if kind < 0.8:
        return f"{_name_word(rng, split)} and {_name_word(rng, split)}"
    return f"The {invented(rng, split).capitalize()}"


def plural(rng: Random, split: Split) -> str:
    """Countable things, known or not."""
    return open_word(rng, split) + "s" if rng.random() < 0.4 else pick(rng, words.FRUITS, split)


def animal(rng: Random, split: Split) -> str:
    """An animal, known or not."""
    return open_word(rng, split) if rng.random() < 0.5 else pick(rng, words.ANIMALS, split)


def colour(rng: Random, split: Split) -> str:
    """A colour, known or not."""
    return open_word(rng, split) if rng.random() < 0.3 else pick(rng, words.COLOURS, split)


def country(rng: Random, split: Split) -> str:
    """A country, known or invented."""
    if rng.random() < 0.5:
        return pick(rng, words.COUNTRIES, split)
    return open_word(rng, split).capitalize() + rng.choice(("", "land", "ia"))


def word(rng: Random, split: Split) -> str:
    """Any copyable string: the mix that copying is practised on."""
    makers = (full_name, first_name, city, thing, code, colour, job, date)
    kind = rng.random()
    if kind < 0.25:
        return random_letters(rng)
    if kind < 0.45:
        return open_word(rng, split)
    if kind < 0.52:
        return f"{open_word(rng, split)} {open_word(rng, split)}"
    return str(rng.choice(makers)(rng, split))
