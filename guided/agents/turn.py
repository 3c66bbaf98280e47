"""One turn of the model as one grammar, and a turn's text taken apart.

    Thought: <one line>                     Thought: <one line>
    Action: <tool>(<its arguments>)    or   Answer: <the answer's constraint>

Both branches are in the same grammar, so tools do not vanish when the answer has a schema, nor the answer when there
are tools. The grammar ends with the line: an observation can only come from the runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from guided.constraints import Constraint, JsonSchema, Regex, Seq
from guided.errors import ConstraintError, GenerationError

__all__ = ["Offer", "Turn", "one_line", "parse_turn", "turn_constraint"]

THOUGHT, ACTION, ANSWER, OBSERVATION = "Thought: ", "Action: ", "Answer: ", "Observation: "


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that may be called this turn, with the schema that its arguments have to fit this turn."""

    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn's parts: `answer`, or `tool` with the JSON text of its arguments."""

    thought: str
    tool: str | None = None
    arguments: str | None = None
    answer: str | None = None


def one_line(max_chars: int) -> Constraint:
    """A line of text: 1 to `max_chars` characters, no control characters."""
    return Regex(rf"[^\x00-\x1f\x7f]{{1,{max_chars}}}")


def turn_constraint(offers: Sequence[Offer], answer: Constraint, max_thought_chars: int) -> Constraint:
    """The grammar of a turn; without offers only the answer is left."""
    ending: Constraint = Seq(ANSWER, answer)
    if offers:
        calls = reduce(or_, [_call(offer) for offer in offers])
        ending = Seq(ACTION, calls) | ending
    return Seq(THOUGHT, one_line(max_thought_chars), "\n", ending, "\n")


def _call(offer: Offer) -> Constraint:
    try:
        return Seq(f"{offer.name}(", JsonSchema(offer.parameters, whitespace="dumps"), ")")
    except ConstraintError as error:
        error.add_note(f"in the parameters of tool {offer.name!r}")
        raise


def parse_turn(text: str) -> Turn:
    """The inverse of the grammar.

    >>> parse_turn('Thought: Add.\\nAction: calculator({"expression": "1 + 2"})\\n')
    Turn(thought='Add.', tool='calculator', arguments='{"expression": "1 + 2"}', answer=None)
    """
    head, _, rest = text.removesuffix("\n").partition("\n")
    thought = head.removeprefix(THOUGHT)
    if rest.startswith(ANSWER):
        return Turn(thought, answer=rest.removeprefix(ANSWER))
    if rest.startswith(ACTION) and rest.endswith(")"):
        name, _, arguments = rest.removeprefix(ACTION).removesuffix(")").partition("(")
        return Turn(thought, tool=name, arguments=arguments)
    raise GenerationError(f"the backend returned a turn that its grammar does not allow: {text[:200]!r}")
