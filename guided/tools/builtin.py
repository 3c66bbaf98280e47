"""Tools that come with the package: a calculator and a look-up. (Text search: `guided.tools.text_search`.)"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from guided.errors import ToolError
from guided.tools.expression import evaluate, to_text
from guided.tools.tool import Tool

__all__ = ["calculator", "lookup"]


def _calculate(expression: str) -> str:
    return to_text(evaluate(expression))


def _one_string(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string"}},
        "required": [name],
        "additionalProperties": False,
    }


calculator = Tool("calculator", "Evaluate an arithmetic expression.", _one_string("expression"), _calculate)


def lookup(facts: Mapping[str, Any], *, name: str = "lookup", description: str = "Look up a fact by its key.") -> Tool:
    """A tool that answers from `facts`: by the exact key, else by the key in other letter case, else with an error.

    >>> lookup({"population of Oslo": 709037}).run({"key": "Population of Oslo"})
    709037
    """
    folded = {key.casefold().strip(): key for key in reversed(list(facts))}

    def look_up(key: str) -> Any:
        if key in facts:
            return facts[key]
        found = folded.get(key.casefold().strip())
        if found is not None:
            return facts[found]
        close = get_close_matches(key.casefold(), folded, n=3)
        hint = f"; did you mean {', '.join(repr(folded[c]) for c in close)}?" if close else ""
        raise ToolError(f"nothing is known under {key[:100]!r}{hint}")

    return Tool(name, description, _one_string("key"), look_up)
