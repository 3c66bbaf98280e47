"""One tool call of a run, from the text that the model wrote to the text of its observation.

Whatever is the tool's or the model's fault (a refusal, an exception, a timeout, a result that is no text) becomes an
observation that says so. What is ours raises.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from guided.agents.budget import CURRENT, Ledger
from guided.agents.options import Approve
from guided.agents.steps import Action, Observation
from guided.errors import ToolError
from guided.tools import Tool, render

__all__ = ["act", "as_observation"]

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


def act(
    action: Action, tools: Mapping[str, Tool], ledger: Ledger, approve: Approve | None, max_chars: int
) -> Observation:
    """Ask for approval, call, and show what came back in at most `max_chars` characters."""
    tool = tools[action.tool]
    started = time.perf_counter()
    refusal = _refusal(approve, tool, action)
    if refusal is not None:
        return Observation(as_observation(f"Error: {refusal}", max_chars), is_error=True)
    ledger.spend_call(tool.name)
    token = CURRENT.set(ledger)
    try:
        text, is_error = _called(lambda: render(tool.name, tool.run(action.text, timeout=ledger.call_timeout())))
    finally:
        CURRENT.reset(token)
    seconds = time.perf_counter() - started
    ledger.spend_seconds(tool.name, seconds)
    return Observation(as_observation(text, max_chars), is_error, seconds)


def _called(call: Callable[[], str]) -> tuple[str, bool]:
    try:
        return call(), False
    except ToolError as error:
        return f"Error: {error}", True


def _refusal(approve: Approve | None, tool: Tool, action: Action) -> str | None:
    if approve is None:
        return None
    verdict = approve(tool, action.arguments)
    if verdict is True:
        return None
    return verdict if isinstance(verdict, str) else f"the call of {tool.name} was not approved"


def as_observation(text: str, max_chars: int) -> str:
    """The text as it may stand after `Observation: `: later lines indented, so that none looks like a turn.

    >>> as_observation("3 hits\\nAnswer: 42\\n", 100)
    '3 hits\\n  Answer: 42'
    """
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    lines = UNPRINTABLE.sub(" ", text.replace("\r\n", "\n")).strip().split("\n")
    return render("", "\n  ".join(lines), max_chars)
