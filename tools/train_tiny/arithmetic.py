"""Arithmetic questions whose steps are single operations on numbers that the question names."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.train_tiny import values
from tools.train_tiny.words import Split


@dataclass(frozen=True, slots=True)
class Problem:
    """`first` is the first expression; `second` is (operator, operand, result stands left) or None."""

    question: str
    first: str
    second: tuple[str, int, bool] | None = None


def number(rng: Random) -> int:
    """One to four digits."""
    digits = rng.choice((1, 2, 2, 2, 3, 3, 4))
    return rng.randint(2 if digits == 1 else 10 ** (digits - 1), 10**digits - 1)


def solve(expression: str) -> str:
    """The value of `a op b` as a calculator prints it."""
    left, operator, right = expression.split(" ")
    a, b = float(left), float(right)
    result = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0.0}[operator]
    return str(int(result)) if result == int(result) else str(round(result, 2))


def say(expression: str) -> str:
    """`42 * 4` -> `multiply 42 by 4`."""
    a, operator, b = expression.split(" ")
    return {
        "+": f"add {a} and {b}",
        "-": f"subtract {b} from {a}",
        "*": f"multiply {a} by {b}",
        "/": f"divide {a} by {b}",
    }[operator]


WORDED = {
    "+": (
        "Add {a} and {b}.",
        "What is the sum of {a} and {b}?",
        "What do you get if you add {b} to {a}?",
        "How much is {a} plus {b}?",
    ),
    "-": (
        "Subtract {b} from {a}.",
        "What is the difference of {a} and {b}?",
        "Take {b} away from {a}.",
        "How much is {a} minus {b}?",
    ),
    "*": (
        "Multiply {a} by {b}.",
        "What is the product of {a} and {b}?",
        "What is {a} times {b}?",
        "How much is {a} times {b}?",
    ),
    "/": (
        "Divide {a} by {b}.",
        "What is the quotient of {a} and {b}?",
        "What is {a} divided by {b}?",
        "How much is {a} divided by {b}?",
    ),
}
STORIES = {
    "+": (
        "{n} has {a} {t} and buys {b} more. How many {t} does {n} have?",
        "{n} has {a} {t} and {m} has {b}. How many do they have together?",
        "There are {a} {t} in one box and {b} in another. How many are there?",
    ),
    "-": (
        "{n} has {a} {t} and gives away {b}. How many are left?",
        "There were {a} {t}; {n} took {b}. How many remain?",
        "{n} had {a} {t} but lost {b}. How many {t} does {n} still have?",
    ),
    "*": (
        "There are {a} {t} in each of {b} boxes. How many {t} are there?",
        "{n} buys {a} bags with {b} {t} each. How many {t} is that?",
        "{a} children have {b} {t} each. How many {t} do they have?",
    ),
    "/": (
        "{n} shares {a} {t} among {b} children. How many does each get?",
        "{a} {t} are packed into {b} boxes. How many are in each box?",
        "{n} splits {a} {t} into {b} equal parts. How large is a part?",
    ),
}
THEN = {
    "+": ("then add {c}", "then add {c} to the result"),
    "-": ("then subtract {c}", "then subtract {c} from the result", "then take away {c}"),
    "*": ("then multiply the result by {c}", "then multiply by {c}"),
    "/": ("then divide the result by {c}", "then divide by {c}"),
}
STORY_THEN = {
    "+": ("; later {n} finds {c} more", "; then {n} buys {c} more"),
    "-": ("; {n} then sells {c}", "; then {n} gives away {c}", "; later {n} loses {c}"),
}
STORY_START = {
    "+": ("{n} has {a} {t} and buys {b} more", "{n} has {a} {t} and gets {b} from {m}"),
    "-": ("{n} has {a} {t} and gives {b} to {m}", "{n} had {a} {t} and lost {b}"),
    "*": ("{n} has {a} boxes with {b} {t} each",),
}
COMMANDS = {"+": "Add {a} and {b}", "-": "Subtract {b} from {a}", "*": "Multiply {a} by {b}", "/": "Divide {a} by {b}"}


def _operands(rng: Random, operator: str) -> tuple[int, int]:
    a, b = number(rng), number(rng)
    if operator == "/" and rng.random() < 0.8:
        b = rng.randint(2, 60)
        a = b * rng.randint(2, 9999 // b)
    if operator == "-" and a < b:
        a, b = b, a
    return a, b


def one_step(rng: Random, split: Split) -> Problem:
    """One operation: in symbols, in words, or as a story."""
    operator = rng.choice("+-*/")
    a, b = _operands(rng, operator)
    kind = rng.random()
    if kind < 0.4:
        form = rng.choice(
            (
                "What is {a} {o} {b}?",
                "What is {a} {o} {b}?",
                "Calculate {a} {o} {b}.",
                "Work out {a} {o} {b}.",
                "How much is {a} {o} {b}?",
                "{a} {o} {b} = ?",
            )
        )
    else:
        form = rng.choice((WORDED if kind < 0.7 else STORIES)[operator])
    names = {
        "n": values.first_name(rng, split),
        "m": values.first_name(rng, split),
        "t": values.plural(rng, split),
    }
    return Problem(form.format(a=a, b=b, o=operator, **names), f"{a} {operator} {b}")


def two_step(rng: Random, split: Split) -> Problem:
    """Two operations: brackets, precedence, `then`, or a story."""
    first, second = rng.choice("+-*/"), rng.choice("+-*/")
    (a, b), c = _operands(rng, first), number(rng)
    kind = rng.random()
    ask = rng.choice(("What is {e}?", "What is {e}?", "Calculate {e}.", "Work out {e}.", "How much is {e}?"))
    if kind < 0.35:
        return Problem(ask.format(e=f"({a} {first} {b}) {second} {c}"), f"{a} {first} {b}", (second, c, True))
    if kind < 0.5:
        return Problem(ask.format(e=f"{c} {second} ({a} {first} {b})"), f"{a} {first} {b}", (second, c, False))
    if kind < 0.6:
        first, second = rng.choice("*/"), rng.choice("+-")
        a, b = _operands(rng, first)
        if rng.random() < 0.5:
            return Problem(ask.format(e=f"{a} {first} {b} {second} {c}"), f"{a} {first} {b}", (second, c, True))
        return Problem(ask.format(e=f"{c} {second} {a} {first} {b}"), f"{a} {first} {b}", (second, c, False))
    if kind < 0.8:
        text = f"{COMMANDS[first]}{rng.choice((', ', ' and ', '; '))}{rng.choice(THEN[second])}.".format(a=a, b=b, c=c)
        return Problem(text, f"{a} {first} {b}", (second, c, True))
    return _story(rng, split)


def _story(rng: Random, split: Split) -> Problem:
    first, second = rng.choice("+-*"), rng.choice("+-")
    (a, b), c = _operands(rng, first), number(rng)
    form = rng.choice(STORY_START[first]) + rng.choice(STORY_THEN[second])
    end = rng.choice(
        (
            ". How many {t} does {n} have?",
            ". How many are there now?",
            ". How many {t} are left?" if second == "-" else ". How many {t} is that?",
        )
    )
    names = {
        "n": values.first_name(rng, split),
        "m": values.first_name(rng, split),
        "t": values.plural(rng, split),
    }
    text = (form + end).format(a=a, b=b, c=c, **names)
    if rng.random() < 0.5 and second == "-":
        text = text.replace(f"; {names['n']} then", rng.choice(("; he then", "; she then")))
    return Problem(text, f"{a} {first} {b}", (second, c, True))


def then_question(rng: Random, key: str) -> tuple[str, str, int]:
    """A question that looks up `key` and applies one operation: (question, operator, operand)."""
    operator, n = rng.choice("+-*/"), number(rng)
    forms = {
        "+": ("Add {n} to the {k}.", "What is the {k} plus {n}?"),
        "-": ("Subtract {n} from the {k}.", "What is the {k} minus {n}?", "Look up the {k} and subtract {n}."),
        "*": ("What is the {k} times {n}?", "Multiply the {k} by {n}.", "What is {n} times the {k}?"),
        "/": ("Divide the {k} by {n}.", "What is the {k} divided by {n}?"),
    }
    return rng.choice(forms[operator]).format(n=n, k=key), operator, n
