"""One call, kept in bounds: a time limit, a short traceback, a result as text of limited length.

Without a time limit the call runs in the caller's thread; with one, in a thread of its own that is given up when
the time is over (Python cannot stop it). Context variables are seen by the call in both cases.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import threading
import traceback
from collections.abc import Callable
from typing import Any

from guided.errors import ToolError

__all__ = ["render", "run_call"]

MAX_FRAMES = 3  # of the tool's own code, innermost last


def run_call(tool: str, call: Callable[[], Any], timeout: float | None) -> Any:
    """What `call` returns; anything it raises, and a timeout, as `ToolError`. Coroutines are run to their end."""
    if timeout is None and not _in_event_loop():
        return _finish(tool, call)
    context = contextvars.copy_context()
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(context.run(_finish, tool, call))
        except BaseException as error:  # handed to the waiting thread, whatever it is
            failure.append(error)

    thread = threading.Thread(target=work, name=f"guided-tool-{tool}", daemon=True)
    thread.start()
    thread.join(timeout)
    if failure:
        raise failure[0]
    if not outcome:
        raise ToolError(f"tool {tool!r} took longer than {timeout:g} s and was given up")
    return outcome[0]


def _finish(tool: str, call: Callable[[], Any]) -> Any:
    try:
        result = call()
        return asyncio.run(_await(result)) if inspect.isawaitable(result) else result
    except ToolError:
        raise
    except Exception as error:
        raise ToolError(f"tool {tool!r} failed: {_last_line(error)}{_trimmed(error)}") from error


async def _await(result: Any) -> Any:
    return await result


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _last_line(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text if len(text) <= 500 else text[:500] + "…"


def _trimmed(error: BaseException) -> str:
    """Where it happened, without the frames of this library: ` (in area, shapes.py:12)`."""
    here = __file__.rsplit("call.py", 1)[0]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(here)]
    places = [
        f"{f.name}, {f.filename.replace(chr(92), '/').rsplit('/', 1)[-1]}:{f.lineno}" for f in frames[-MAX_FRAMES:]
    ]
    return f" (in {' > '.join(places)})" if places else ""


def render(tool: str, value: Any, max_chars: int | None = None) -> str:
    """A result as text: a str as it is, anything else as JSON; cut to `max_chars`, saying how much is missing.

    >>> render("t", {"price": 3, "in": ["EUR"]})
    '{"price": 3, "in": ["EUR"]}'
    >>> render("t", "abcdefghij" * 10, max_chars=40)
    'abcdefghijabcdefg… (83 more characters)'
    """
    text = value if isinstance(value, str) else _as_json(tool, value)
    if max_chars is None or len(text) <= max_chars:
        return text
    kept = max(0, max_chars - len(f"… ({len(text)} more characters)"))
    return f"{text[:kept]}… ({len(text) - kept} more characters)"


def _as_json(tool: str, value: Any) -> str:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return json.dumps(to_jsonable_python(value), ensure_ascii=False)
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise ToolError(
            f"tool {tool!r} returned a {type(value).__name__} that is neither text nor JSON ({error}); "
            "let it return text, numbers, lists, dicts, dataclasses or pydantic objects"
        ) from None
