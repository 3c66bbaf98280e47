"""Words and sentences that carry a sentiment or a topic."""

from __future__ import annotations


def _p(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


PREFACES = (
    "I bought this last week.",
    "My first review.",
    "We tried it on Monday.",
    "It arrived today.",
    "I got it as a gift.",
    "We have had it for a month.",
)
MIXED = (
    "It is okay.",
    "Nothing special, nothing wrong.",
    "It works, that is all.",
    "It does what it says.",
    "Neither good nor bad.",
    "Average in every way.",
)

OPINIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "positive": {
        "forms": (
            "The {thing} is {adj}.",
            "I {verb} this {thing}.",
            "A {adj} {thing}, I {verb} it.",
            "The {thing} works and looks {adj}.",
            "We {verb} the {thing}, it is {adj} and {adj2}.",
            "What a {adj} {thing}!",
            "Really {adj}, would buy it again.",
            "This is the best {thing} I have had.",
            "Very happy with the {thing}.",
            "I am so glad I bought this {adj} {thing}.",
            "Great {thing}, thank you!",
            "Everything about the {thing} was {adj}.",
            "I would recommend this {thing} to everyone.",
            "Five stars for the {thing}.",
            "My family and I {verb} it.",
        ),
        "adjectives": _p(
            "great, excellent, wonderful, amazing, fantastic, superb, lovely, brilliant, perfect, delightful, "
            "beautiful, awesome, outstanding, good, splendid, charming, pleasant, impressive, reliable, "
            "comfortable, tasty, nice"
        ),
        "verbs": _p("love, enjoy, adore, really like, highly recommend, loved, enjoyed, liked"),
    },
    "negative": {
        "forms": (
            "The {thing} is {adj}.",
            "I {verb} this {thing}.",
            "A {adj} {thing}, I {verb} it.",
            "The {thing} broke after a day and looks {adj}.",
            "We {verb} the {thing}, it is {adj} and {adj2}.",
            "What a {adj} {thing}!",
            "Really {adj}, would not buy it again.",
            "This is the worst {thing} I have had.",
            "Very unhappy with the {thing}.",
            "I am so sorry I bought this {adj} {thing}.",
            "Bad {thing}, never again!",
            "Everything about the {thing} was {adj}.",
            "I would not recommend this {thing} to anyone.",
            "One star for the {thing}.",
            "I want my money back.",
            "The {thing} stopped working at once.",
            "A waste of money.",
            "I am disappointed by the {thing}.",
        ),
        "adjectives": _p(
            "terrible, awful, horrible, bad, poor, dreadful, useless, disappointing, broken, ugly, boring, "
            "annoying, cheap and weak, unpleasant, disgusting, faulty, slow, noisy, dirty, a disaster, unreliable, "
            "uncomfortable"
        ),
        "verbs": _p("hate, dislike, regret buying, cannot stand, returned, hated, disliked, sent back"),
    },
    "neutral": {
        "forms": (
            "The {thing} is {adj}.",
            "I {verb} this {thing}.",
            "A {adj} {thing}, I {verb} it.",
            "The {thing} is {adj}, neither good nor bad.",
            "We {verb} the {thing}, it is {adj} and {adj2}.",
            "It is a {adj} {thing}.",
            "The {thing} arrived on time.",
            "It is a {thing}, nothing more.",
            "The {thing} does what it should.",
            "An {adj} sort of {thing}.",
            "The {thing} came in a box.",
            "Not good and not bad.",
            "Three stars for the {thing}.",
            "The {thing} looks as in the picture.",
        ),
        "adjectives": _p(
            "okay, average, ordinary, fine I suppose, usual, standard, plain, acceptable, so-so, normal, typical, "
            "as expected, unremarkable, medium, neither here nor there"
        ),
        "verbs": _p("received, ordered, use, have, own, unpacked, tried, got"),
    },
}

TOPIC_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sports": {
        "nouns": _p(
            "match, goal, final, league, tournament, championship, race, medal, penalty, stadium, season, score, "
            "cup, marathon, game, football, tennis, hockey, basketball, relay, sprint"
        ),
        "people": _p(
            "striker, goalkeeper, coach, referee, runner, swimmer, team, champion, captain, cyclist, skier, boxer, "
            "fans, athlete, player"
        ),
        "verbs": _p("won, lost, scored in, trained for, missed, finished, entered, dominated, cheered at"),
    },
    "politics": {
        "nouns": _p(
            "election, vote, law, parliament, budget, treaty, campaign, reform, debate, tax bill, coalition, "
            "ballot, referendum, constitution, cabinet, sanctions, policy, summit"
        ),
        "people": _p(
            "minister, president, senator, mayor, party, government, opposition, ambassador, governor, voters, "
            "candidate, chancellor, deputies, lawmaker"
        ),
        "verbs": _p("passed, rejected, signed, debated, announced, opposed, supported, proposed, postponed"),
    },
    "science": {
        "nouns": _p(
            "experiment, telescope, molecule, planet, galaxy, cell, gene, particle, theory, laboratory, atom, "
            "virus, fossil, protein, laser, orbit, bacteria, quantum effect, neuron, comet"
        ),
        "people": _p(
            "researchers, physicist, biologist, chemist, astronomers, scientist, geologist, laboratory team, "
            "scientists, professor"
        ),
        "verbs": _p(
            "discovered, measured, studied, observed, analysed, published a paper on, modelled, explained, examined"
        ),
    },
    "food": {
        "nouns": _p(
            "soup, bread, cake, pasta, salad, cheese, sauce, pie, stew, pancake, curry, rice, pizza, sandwich, "
            "dessert, omelette, noodles, risotto, chocolate, roast"
        ),
        "people": _p("chef, cook, baker, grandmother, waiter, restaurant, guests, kitchen team, butcher, diner"),
        "verbs": _p("baked, cooked, tasted, served, seasoned, fried, roasted, grilled, stirred"),
    },
}

_COMMON = (
    "The {who} {verb} the {noun}.",
    "In {city}, the {who} {verb} the {noun}.",
    "{name} talked about the {noun} and the {noun2}.",
    "After the {noun}, the {who} spoke about the {noun2}.",
    "The {who} from {city} {verb} the {noun}.",
    "{name}, the {who}, {verb} the {noun}.",
)

TOPIC_FORMS: dict[str, tuple[str, ...]] = {
    "sports": (
        *_COMMON,
        "{name} scored twice in the {noun}.",
        "The {who} ran faster than ever in the {noun}.",
        "{city} beat the champions by three goals.",
        "Fans in {city} waited for the {noun} to start.",
    ),
    "politics": (
        *_COMMON,
        "{name} was elected in {city}.",
        "The {who} asked for a new {noun}.",
        "Voters in {city} went to the polls.",
        "The {noun} divides the government in {city}.",
    ),
    "science": (
        *_COMMON,
        "A new {noun} was found near {city}.",
        "The {who} used a microscope to see the {noun}.",
        "{name} won a prize in physics for work on the {noun}.",
        "Data from the {noun} confirm the hypothesis.",
    ),
    "food": (
        *_COMMON,
        "Add salt and butter to the {noun}.",
        "{name} makes the best {noun} in {city}.",
        "Bake the {noun} in the oven for an hour.",
        "The recipe for the {noun} needs garlic and onions.",
    ),
}
