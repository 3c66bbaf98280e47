"""The work of `whole_programs.py`: prompts, options and schemas, the same for every system.

Values of the schemas are bounded so that every system ends them: a random model never ends a text by itself. Every
repeat has a number at the beginning of its prompts, so that nothing is found that the repeat before has left.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ARMOR", "HOLES", "LABELS", "PROFILE", "REVIEWS", "SCHEMAS", "SHOTS", "WEAPONS"]

WEAPONS = ("sword", "axe", "mace", "spear", "bow", "crossbow")
ARMOR = ("leather", "chainmail", "plate")
PROFILE = "The following is a character profile for an RPG game in JSON format.\n```json\n{\n"
HOLES: tuple[tuple[str, str | tuple[str, ...], str], ...] = (
    # what stands before a hole; its pattern or its options; what stands behind it
    ('    "name": "', "[A-Z][a-z]{2,10}", '",\n'),
    ('    "age": ', "[1-9][0-9]", ",\n"),
    ('    "armor": "', ARMOR, '",\n'),
    ('    "weapon": "', WEAPONS, '",\n'),
    ('    "class": "', "[a-z]{4,12}", '",\n'),
    ('    "mantra": "', "[A-Za-z ,.']{10,40}", '",\n'),
    ('    "strength": ', "[0-9]{1,2}", ",\n"),
    ('    "items": ["', "[A-Za-z ]{3,20}", '", "'),
    ("", "[A-Za-z ]{3,20}", '", "'),
    ("", "[A-Za-z ]{3,20}", '"]\n}'),
)

LABELS = (" positive", " negative", " neutral")
_EXAMPLES = (
    ("lamp", "bright", "recommend", "positive"),
    ("chair", "broken", "never show", "negative"),
    ("book", "average", "perhaps lend", "neutral"),
)
SHOTS = "Classify the sentiment of each review as positive, negative or neutral.\n\n" + "".join(
    f"Review {number}: The {what} was {how} and I would {verb} it to a friend.\nSentiment: {label}\n\n"
    for number, (what, how, verb, label) in enumerate(_EXAMPLES * 22)
)
REVIEWS = tuple(
    f"Review: The item number {number} arrived {'late and broken' if number % 3 else 'on time and shiny'}.\nSentiment:"
    for number in range(30)
)

_WORD: dict[str, Any] = {"type": "string", "maxLength": 24}
_DIGITS: dict[str, Any] = {"type": "string", "pattern": "^[0-9]{1,4}$"}
_FLAG: dict[str, Any] = {"type": "boolean"}


def _one_of(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


def _list(items: dict[str, Any], most: int = 3) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    closed = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", "properties": properties, **closed}


SCHEMAS: tuple[dict[str, Any], ...] = (
    _object(name=_WORD, age=_DIGITS, member=_FLAG),
    _object(title=_WORD, year=_DIGITS, tags=_list(_WORD)),
    _object(street=_WORD, number=_DIGITS, city=_WORD, country=_one_of("DE", "FR", "JP", "US")),
    _object(sku=_WORD, price=_DIGITS, currency=_one_of("EUR", "USD"), in_stock=_FLAG),
    _object(sender=_WORD, receiver=_WORD, subject=_WORD, urgent=_FLAG),
    _object(city=_WORD, days=_list(_object(day=_one_of("mon", "tue", "wed"), high=_DIGITS), 2)),
    _object(id=_DIGITS, owner=_object(first=_WORD, last=_WORD), active=_FLAG),
    _object(method=_one_of("GET", "POST", "PUT"), path=_WORD, status=_DIGITS, cached=_FLAG),
    _object(recipe=_WORD, minutes=_DIGITS, steps=_list(_WORD), vegetarian=_FLAG),
    _object(team=_WORD, players=_list(_object(name=_WORD, number=_DIGITS), 2)),
    _object(level=_one_of("info", "warning", "error"), module=_WORD, line=_DIGITS, message=_WORD),
    _object(question=_WORD, answers=_list(_WORD), correct=_DIGITS, topic=_one_of("maths", "history", "music")),
)
