"""Labels: the sentiment of a review, the topic of a sentence, and other small closed questions."""

from __future__ import annotations

from random import Random

from tools.train_tiny import values, words
from tools.train_tiny.examples import Example, pair
from tools.train_tiny.tasks_extract import fix_articles
from tools.train_tiny.topics import MIXED, OPINIONS, PREFACES, TOPIC_FORMS, TOPIC_WORDS
from tools.train_tiny.words import Split, pick

SENTIMENT = "Classify the sentiment of the review as positive, negative or neutral."
TOPIC = "Classify the topic of the text as sports, politics, science or food."


def _opinion(rng: Random, split: Split, label: str) -> str:
    parts = OPINIONS[label]
    return rng.choice(parts["forms"]).format(
        thing=rng.choice(
            (
                pick(rng, words.THINGS, split),
                values.thing(rng, split),
                rng.choice(("film", "book", "hotel", "meal", "service", "phone", "game", "course")),
            )
        ),
        adj=rng.choice(parts["adjectives"]),
        adj2=rng.choice(parts["adjectives"]),
        verb=rng.choice(parts["verbs"]),
    )


def review_text(rng: Random, split: Split, label: str) -> str:
    """A review of one or two sentences that all point the same way."""
    text = " ".join(_opinion(rng, split, label) for _ in range(1 if rng.random() < 0.6 else 2))
    if rng.random() < 0.25:
        text = f"{rng.choice(PREFACES)} {text}"
    if rng.random() < 0.08 and label == "neutral":
        text = rng.choice(MIXED)
    return fix_articles(text)


def sentiment(rng: Random, split: Split) -> Example:
    """A review and its sentiment."""
    label = rng.choice(("positive", "negative", "neutral"))
    text = review_text(rng, split, label)
    return pair(
        "sentiment",
        f"{SENTIMENT}\nReview: {text}\nSentiment:",
        f" {label}\n",
        label=label,
        options=["positive", "negative", "neutral"],
    )


def topic_text(rng: Random, split: Split, label: str) -> str:
    """A sentence with words of one topic."""
    pools = TOPIC_WORDS[label]
    return rng.choice(TOPIC_FORMS[label]).format(
        noun=rng.choice(pools["nouns"]),
        noun2=rng.choice(pools["nouns"]),
        who=rng.choice(pools["people"]),
        verb=rng.choice(pools["verbs"]),
        name=values.full_name(rng, split),
        city=values.city(rng, split),
    )


def topic(rng: Random, split: Split) -> Example:
    """A text and its topic."""
    label = rng.choice(("sports", "politics", "science", "food"))
    text = topic_text(rng, split, label)
    return pair(
        "topic",
        f"{TOPIC}\nText: {text}\nTopic:",
        f" {label}\n",
        label=label,
        options=["sports", "politics", "science", "food"],
    )
