"""Character profiles: the body of the shipped `character.guided`, with values that fit the description."""

from __future__ import annotations

import json
from random import Random

from tools.train_tiny import values
from tools.train_tiny.examples import Example, Segment
from tools.train_tiny.words import Split

# class -> words that describe it, armor, weapons by preference, items, words of the mantra, strength range
KINDS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[int, int]]] = {
    "fighter": (
        ("quick and nimble fighter", "nimble fighter", "agile fighter", "fast fighter"),
        "leather",
        ("bow", "dagger", "sword", "spear"),
        ("rope", "short bow", "quiver", "throwing knife", "torch"),
        ("Be quick.", "Strike first.", "Speed is strength.", "Never stand still."),
        (40, 80),
    ),
    "knight": (
        ("brave knight", "noble knight", "strong and loyal knight", "heavily armed knight"),
        "plate",
        ("sword", "mace", "lance", "axe"),
        ("shield", "banner", "warm cloak", "helmet", "whetstone"),
        ("Honour above all.", "Stand your ground.", "Protect the weak.", "Hold the line."),
        (70, 100),
    ),
    "wizard": (
        ("old and wise wizard", "clever wizard", "wizard of fire", "mysterious wizard"),
        "leather",
        ("staff", "wand", "dagger"),
        ("spell book", "crystal ball", "potion", "candle", "scroll"),
        ("Knowledge is power.", "Think before you act.", "Magic is patience.", "Read the stars."),
        (5, 40),
    ),
    "ranger": (
        ("silent ranger", "ranger of the woods", "patient hunter", "watchful ranger"),
        "leather",
        ("bow", "crossbow", "spear"),
        ("arrows", "map", "hunting knife", "rope", "dried meat"),
        ("Walk softly.", "The forest sees all.", "Patience brings the prey.", "Leave no trace."),
        (40, 75),
    ),
    "barbarian": (
        ("strong and wild barbarian", "angry barbarian", "huge warrior from the north", "fearless barbarian"),
        "chainmail",
        ("axe", "hammer", "mace", "club"),
        ("war horn", "fur cloak", "drinking horn", "bone charm", "dried meat"),
        ("Fear nothing.", "Strength decides.", "Break them all.", "No mercy."),
        (75, 100),
    ),
    "thief": (
        ("sly thief", "quiet and greedy thief", "thief in the night", "clever pickpocket"),
        "leather",
        ("dagger", "knife", "crossbow"),
        ("lock pick", "black cloak", "smoke bomb", "rope", "small mirror"),
        ("Stay in the shadows.", "Take and run.", "No one saw me.", "Silence is gold."),
        (20, 55),
    ),
    "cleric": (
        ("kind healer", "holy cleric", "gentle priest", "cleric of the light"),
        "chainmail",
        ("mace", "staff", "hammer"),
        ("holy water", "prayer book", "bandage", "candle", "silver amulet"),
        ("Light heals all.", "Help those in need.", "Faith guides me.", "Mercy first."),
        (25, 60),
    ),
    "soldier": (
        ("tough soldier", "veteran soldier", "loyal guard", "disciplined soldier"),
        "chainmail",
        ("spear", "sword", "crossbow", "halberd"),
        ("water bottle", "bread", "whistle", "shield", "blanket"),
        ("Follow orders.", "Duty calls.", "One step at a time.", "Guard the gate."),
        (55, 90),
    ),
}
ORIGINS = (
    "",
    "",
    "",
    " from the hills",
    " from the north",
    " of the old kingdom",
    " with a dark past",
    " who seeks gold",
    " who fears nobody",
    " from a small village",
)
CASES = ("A {d}{o}.", "A {d}{o}.", "The {d}{o}", "{d}{o}", "This is a {d}{o}.")


def profile(rng: Random, split: Split) -> Example:
    """One profile; everything after the description is written by the model."""
    kind = rng.choice(tuple(KINDS))
    looks, armor, weapons, items, mantras, (low, high) = KINDS[kind]
    text = rng.choice(CASES).format(d=rng.choice(looks), o=rng.choice(ORIGINS))
    text = text.replace("A a", "An a").replace("A o", "An o").replace(" a o", " an o").replace(" a a", " an a")
    identity = "".join(rng.choice("0123456789abcdef") for _ in range(rng.choice((2, 4, 6, 8, 8))))
    chosen = rng.sample(items, rng.randint(3, 5))
    head = (
        "The following is a character profile for an RPG game in JSON format.\n```json\n{\n"
        f'    "id": {json.dumps(identity)},\n    "description": {json.dumps(text)},'
    )
    body = (
        f'\n    "name": "{values.pleasant_name(rng, split)}",\n    "age": {rng.randint(17, 70)},\n'
        f'    "armor": "{armor}",\n'
        f'    "weapon": "{rng.choice(weapons[:2])}",\n    "class": "{kind}",\n'
        f'    "mantra": "{rng.choice(mantras)}",\n'
        f'    "strength": {rng.randint(low, high)},\n    "items": {json.dumps(chosen)}\n}}\n```\n'
    )
    return Example(
        "profile",
        (Segment(head, False), Segment(body, True)),
        {"class": kind, "armor": armor, "weapons": list(weapons)},
    )
