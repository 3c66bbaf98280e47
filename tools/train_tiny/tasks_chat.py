"""Chat: the other tasks inside the chat template, greetings and short questions, and riddles with their tone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tools.train_tiny import tasks_extract, tasks_json, tasks_labels, tasks_react, values, words
from tools.train_tiny.examples import Example, Segment
from tools.train_tiny.words import Split

SYSTEMS = (
    "You are a helpful assistant.",
    "You answer in a short way.",
    "You are a careful assistant that writes JSON.",
    "Answer the user.",
    "Be brief.",
    "You are guided.",
)
SMALL_TALK = (
    (("Hello!", "Hi!", "Good morning!", "Hello there.", "Hey."), "Hello! How can I help you?"),
    (("How are you?", "How are you today?", "Are you well?"), "I am fine, thank you. How can I help you?"),
    (("Thank you!", "Thanks!", "Many thanks."), "You are welcome."),
    (("Goodbye!", "Bye!", "See you later."), "Goodbye!"),
    (("Who are you?", "What are you?", "What is your name?"), "I am a very small language model."),
    (("What can you do?", "Can you help me?"), "I can extract fields, write JSON, label texts and use tools."),
)
JOKE_WORDS = (
    "cross the road",
    "sit on the {t}",
    "go to the {p}",
    "buy a {t}",
    "climb the {t}",
    "leave the {p}",
    "paint the {t}",
    "sing in the {p}",
)


def _turn(role: str, content: str) -> str:
    return f"<|{role}|>\n{content}<|end|>\n"


def wrap(rng: Random, user: str, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """A user turn and an assistant turn made of `segments`; sometimes a system turn before."""
    head = _turn("system", rng.choice(SYSTEMS)) if rng.random() < 0.3 else ""
    return (Segment(head + _turn("user", user) + "<|assistant|>\n", False), *segments, Segment("<|end|>\n", True))


def _bare(text: str) -> Segment:
    return Segment(text.strip(), True)


def chat_task(rng: Random, split: Split) -> Example:
    """Another task's prompt as the user's message; the answer alone as the reply."""
    kind = rng.random()
    if kind < 0.35:
        return _chat_react(rng, split)
    makers: tuple[Callable[[Random, Split], Example], ...] = (
        tasks_labels.sentiment,
        tasks_labels.topic,
        tasks_json.described,
        tasks_extract.free,
    )
    example = tasks_extract.person_like(rng, split, True) if kind < 0.65 else rng.choice(makers)(rng, split)
    prompt, completion = example.questions()[0]
    if rng.random() < 0.6:
        prompt = prompt.rsplit("\n", 1)[0]
    return Example("chat_" + example.task, wrap(rng, prompt, (_bare(completion),)), example.answer)


def _chat_react(rng: Random, split: Split) -> Example:
    maker = rng.choice(
        (tasks_react.calculation, tasks_react.calculation, tasks_react.look_up, tasks_react.look_up_then_calculate)
    )
    example = maker(rng, split)
    first, *rest = example.segments
    *middle, last = rest
    return Example(
        "chat_react",
        wrap(rng, first.text.rstrip("\n"), (*middle, Segment(last.text.rstrip("\n"), True))),
        example.answer,
    )


def small_talk(rng: Random, split: Split) -> Example:
    """A greeting, or a question whose answer is in the system turn's world: names, echoes, riddles."""
    kind = rng.random()
    if kind < 0.35:
        asked, reply = rng.choice(SMALL_TALK)
        return Example("chat_talk", wrap(rng, rng.choice(asked), (_bare(reply),)))
    if kind < 0.55:
        name = values.first_name(rng, split)
        user = rng.choice(("My name is {}.", "I am {}.", "Hi, I am {}.", "Call me {}.")).format(name)
        return Example("chat_talk", wrap(rng, user, (_bare(f"Pleased to meet you, {name}!"),)))
    if kind < 0.75:
        word = values.word(rng, split)
        return Example(
            "chat_talk",
            wrap(rng, rng.choice(("Repeat: {}", "Say {}", "Write this word: {}")).format(word), (_bare(word),)),
        )
    return joke(rng, split)


def joke(rng: Random, split: Split) -> Example:
    """A riddle about an animal, and the question whether it is kind."""
    topic = rng.choice(words.part(words.ANIMALS, split))
    verb = rng.choice(JOKE_WORDS).format(t=rng.choice(words.part(words.THINGS, split)), p=rng.choice(words.PLACES))
    punch = rng.choice(
        (
            "To get to the other side.",
            "To meet a {} friend.",
            "Because the {} one was closed.",
            "It wanted to be {}.",
            "To look {}.",
        )
    ).format(rng.choice(("bigger", "better", "new", "funny", "other")))
    reply: tuple[Segment, ...] = (Segment(f"Q:Why did the {topic} {verb}?\nA:{punch}", True),)
    if rng.random() < 0.3:
        tone = Segment("\nIs this joke kind, neutral or mean? Answer:", False)
        reply += (tone, Segment(rng.choice((" kind", " neutral")), True))
    return Example(
        "chat_joke", wrap(rng, rng.choice(("Tell a joke about {}.", "Tell me a joke about a {}.")).format(topic), reply)
    )
