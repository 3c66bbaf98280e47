"""The field sets that extraction texts are about, with their sentences.

A domain's fields are in the order in which an answer lists them. `forms` tell all facts at once; `facts` has
sentences for one field each, which can come in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tools.train_tiny import values, words
from tools.train_tiny.values import Maker
from tools.train_tiny.words import Split


@dataclass(frozen=True, slots=True)
class Domain:
    """A set of fields and the ways to tell them."""

    fields: Mapping[str, Maker]
    forms: tuple[str, ...]
    facts: Mapping[str, tuple[str, ...]]


def _things(rng: Random, split: Split) -> values.Value:
    pool = words.part(words.THINGS, split)
    return [rng.choice(pool) if rng.random() < 0.5 else values.open_word(rng, split) for _ in range(rng.randint(2, 4))]


IDLE = (
    "It rained all day.",
    "The weather was cold that week.",
    "Nobody else was there.",
    "Thank you for your help.",
    "Please reply soon.",
    "This note was written on {day}.",
    "The meeting took {n} minutes.",
    "{other} sent this note.",
    "{other} was not there.",
    "Best wishes, {other}.",
    "We met near the {place}.",
    "That is all for now.",
    "Everybody was pleased.",
    "The {place} was closed.",
    "There were {n} people in the queue.",
)

NAME_FACTS = (
    "The name is {name}.",
    "This is {name}.",
    "Meet {name}.",
    "It is about {name}.",
    "We spoke with {name}.",
    "{name} wrote to us.",
)

DOMAINS: tuple[Domain, ...] = (
    Domain(
        {"name": values.full_name, "age": values.age, "city": values.city, "job": values.job},
        (
            "{name} is a {age}-year-old {job} from {city}.",
            "{name}, {age}, works as a {job} in {city}.",
            "At {age}, {name} lives in {city} and works as a {job}.",
            "My neighbour {name} is {age} years old. She is a {job} in {city}.",
            "The {job} {name} turned {age} last week in {city}.",
            "In {city} we met {name}, a {job} of {age}.",
            "Meet {name}: {job}, {age} years old, living in {city}.",
            "Name {name}. Age {age}. City {city}. Job {job}.",
            "{name} moved to {city} at the age of {age} to work as a {job}.",
            "{city} is home to {name}, a {job} who is {age}.",
            "I am {name}, I am {age} years old, I live in {city} and I am a {job}.",
            "Our new {job} is {name} ({age}) from {city}.",
            "{name} ({age}) has been a {job} in {city} for years.",
            "A {job} from {city}, {name}, is now {age} years old.",
            "{name} lives in {city}. He is {age} and earns his living as a {job}.",
            "At the age of {age}, the {job} {name} left for {city}.",
        ),
        {
            "name": NAME_FACTS,
            "age": (
                "She is {age} years old.",
                "He is {age}.",
                "The age is {age}.",
                "He turned {age} this year.",
                "She has just become {age}.",
            ),
            "city": (
                "The home is in {city}.",
                "She lives in {city}.",
                "He moved to {city}.",
                "The city is {city}.",
                "He comes from {city}.",
            ),
            "job": (
                "He works as a {job}.",
                "She is a {job}.",
                "The job is {job}.",
                "He became a {job}.",
                "She found work as a {job}.",
            ),
        },
    ),
    Domain(
        {"product": values.thing, "quantity": values.small_int, "price": values.price, "customer": values.full_name},
        (
            "{customer} ordered {quantity} pieces of the {product} at {price} each.",
            "Please send {quantity} x {product} to {customer}, price {price}.",
            "The customer {customer} bought the {product} ({quantity} pieces) for ${price}.",
            "Order: {product}, quantity {quantity}, price {price}, customer {customer}.",
            "We sold {quantity} units of the {product} to {customer} for {price} euros.",
            "{customer} paid ${price} for the {product} and took {quantity} of them.",
            "For {price} dollars {customer} got {quantity} times the {product}.",
            "An order of {quantity} for the {product} came from {customer}; the price is {price}.",
        ),
        {
            "product": (
                "The product is the {product}.",
                "It is an order for the {product}.",
                "They want the {product}.",
            ),
            "quantity": (
                "The quantity is {quantity}.",
                "{quantity} pieces are needed.",
                "They want {quantity} of them.",
            ),
            "price": ("The price is {price}.", "It costs ${price}.", "Each one is {price} euros."),
            "customer": ("The customer is {customer}.", "{customer} placed the order.", "Send it to {customer}."),
        },
    ),
    Domain(
        {"title": values.title, "author": values.full_name, "year": values.year},
        (
            "{author} wrote {title} in {year}.",
            "The book {title} by {author} came out in {year}.",
            "In {year}, {author} published {title}.",
            "{title} ({year}) was written by {author}.",
            "Have you read {title}, the {year} novel by {author}?",
        ),
        {
            "title": ("The title is {title}.", "The book is called {title}.", "I have read {title}."),
            "author": ("The author is {author}.", "It was written by {author}.", "{author} wrote it."),
            "year": ("It came out in {year}.", "The year was {year}.", "It was printed in {year}."),
        },
    ),
    Domain(
        {"name": values.full_name, "email": values.email},
        (
            "Write to {name} at {email}.",
            "{name} can be reached at {email}.",
            "Contact: {name}, {email}.",
            "The address of {name} is {email}.",
            "{email} belongs to {name}.",
        ),
        {"name": NAME_FACTS, "email": ("The email is {email}.", "Write to {email}.", "Mail goes to {email}.")},
    ),
    Domain(
        {"name": values.full_name, "phone": values.phone, "city": values.city},
        (
            "Call {name} in {city} at {phone}.",
            "{name}, {city}, phone {phone}.",
            "The number of {name} in {city} is {phone}.",
            "In {city}, ring {phone} and ask for {name}.",
        ),
        {
            "name": NAME_FACTS,
            "phone": ("The phone number is {phone}.", "Call {phone}.", "Ring {phone}."),
            "city": ("The office is in {city}.", "The city is {city}."),
        },
    ),
    Domain(
        {"event": values.title, "date": values.date, "place": values.city},
        (
            "{event} takes place in {place} on {date}.",
            "On {date} we go to {place} for {event}.",
            "Join us for {event} on {date} in {place}!",
            "{place} will host {event} on {date}.",
            "The date of {event} in {place} is {date}.",
        ),
        {
            "event": ("The event is {event}.", "We plan {event}."),
            "date": ("The date is {date}.", "It is on {date}."),
            "place": ("It is held in {place}.", "The place is {place}."),
        },
    ),
    Domain(
        {"passenger": values.full_name, "from": values.city, "to": values.city, "date": values.date},
        (
            "{passenger} flies from {from} to {to} on {date}.",
            "On {date} {passenger} travels from {from} to {to}.",
            "A ticket for {passenger}: {from} to {to}, {date}.",
            "Book a flight to {to} from {from} on {date} for {passenger}.",
            "{passenger} leaves {from} on {date} and goes to {to}.",
        ),
        {
            "passenger": ("The passenger is {passenger}.", "The ticket is for {passenger}."),
            "from": ("The flight leaves from {from}.", "It starts in {from}."),
            "to": ("It goes to {to}.", "The flight lands in {to}."),
            "date": ("The date is {date}.", "The day is {date}."),
        },
    ),
    Domain(
        {"pet": values.first_name, "species": values.animal, "age": values.small_int, "owner": values.full_name},
        (
            "{pet} is a {species} of {age} years that belongs to {owner}.",
            "{owner} has a {species} called {pet}, {age} years old.",
            "The {species} {pet} ({age}) lives with {owner}.",
            "{owner} adopted {pet}, a {age}-year-old {species}.",
        ),
        {
            "pet": ("The pet is called {pet}.", "Its name is {pet}."),
            "species": ("It is a {species}.", "The animal is a {species}."),
            "age": ("It is {age} years old.", "Its age is {age}."),
            "owner": ("The owner is {owner}.", "It belongs to {owner}."),
        },
    ),
    Domain(
        {"invoice": values.code, "amount": values.price, "due": values.date},
        (
            "Invoice {invoice} over {amount} is due on {due}.",
            "Please pay {amount} for invoice {invoice} by {due}.",
            "By {due} we expect {amount} for {invoice}.",
            "{amount} euros are due on {due} (invoice {invoice}).",
        ),
        {
            "invoice": ("The invoice is {invoice}.", "The number is {invoice}."),
            "amount": ("The amount is {amount}.", "It is over {amount} euros."),
            "due": ("It is due on {due}.", "Pay by {due}."),
        },
    ),
    Domain(
        {"person": values.full_name, "room": values.code, "day": values.day, "time": values.clock},
        (
            "Meet {person} in room {room} on {day} at {time}.",
            "{day}, {time}: {person}, room {room}.",
            "{person} booked room {room} for {day} at {time}.",
            "At {time} on {day} there is a talk by {person} in {room}.",
        ),
        {
            "person": ("The person is {person}.", "{person} will come."),
            "room": ("The room is {room}.", "It is in room {room}."),
            "day": ("The day is {day}.", "It is on {day}."),
            "time": ("The time is {time}.", "It starts at {time}."),
        },
    ),
    Domain(
        {"owner": values.full_name, "items": _things},
        (
            "{owner} owns {items}.",
            "In the bag of {owner} there are {items}.",
            "{items} belong to {owner}.",
            "{owner} packed {items}.",
        ),
        {
            "owner": ("The owner is {owner}.", "It belongs to {owner}."),
            "items": ("The items are {items}.", "There are {items}."),
        },
    ),
    Domain(
        {"sender": values.full_name, "recipient": values.full_name, "code": values.code},
        (
            "{sender} sent parcel {code} to {recipient}.",
            "Parcel {code} goes from {sender} to {recipient}.",
            "{recipient} received {code} from {sender}.",
            "The code of the parcel to {recipient} from {sender} is {code}.",
        ),
        {
            "sender": ("The sender is {sender}.", "{sender} sent it."),
            "recipient": ("The recipient is {recipient}.", "It goes to {recipient}."),
            "code": ("The code is {code}.", "It has the code {code}."),
        },
    ),
)
