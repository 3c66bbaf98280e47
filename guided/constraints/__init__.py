"""Floor 2: what a user asks of a text, as immutable values that are lowered to the native builder.

Every constraint compiles through `Constraint.compile`: one door, the same limits and errors for all.
"""

from guided.constraints.choice import Choice
from guided.constraints.constraint import Constraint
from guided.constraints.grammar import Grammar
from guided.constraints.json_schema import JsonSchema
from guided.constraints.limits import Limits
from guided.constraints.regex import Regex
from guided.constraints.sequence import Alternatives, Repeat, Seq
from guided.constraints.text import AnyText, LiteralText
from guided.constraints.types import constraint

__all__ = [
    "Alternatives",
    "AnyText",
    "Choice",
    "Constraint",
    "Grammar",
    "JsonSchema",
    "Limits",
    "LiteralText",
    "Regex",
    "Repeat",
    "Seq",
    "constraint",
]
