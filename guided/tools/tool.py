"""What may be called, by whom it is described, and how a call is kept in bounds.

A `Tool` is a name, a description, a JSON Schema of its arguments and something to call. Whoever asks for a call (an
agent, a template, a program) has its arguments checked against the schema first; whatever goes wrong in the call
comes back as a `ToolError` with a message that a model can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from guided.errors import ToolError
from guided.tools.arguments import ArgumentCheck, parse_arguments
from guided.tools.call import run_call
from guided.tools.docstring import read_docstring
from guided.tools.signature import signature_of
from guided.tools.typed import schema_of, validated

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Tool"]

NAME = re.compile(r"[^\s(){}\[\]:\"'\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, eq=False)
class Tool:
    """A typed callable with a schema.

    `parameters` is a JSON Schema of an object. `call` takes the arguments by keyword. `timeout` is in seconds: a call
    that takes longer is given up and reported (its thread runs on, see SECURITY.md).

    >>> double = Tool("double", "Double a number.", {"properties": {"n": {"type": "integer"}}, "required": ["n"]},
    ...               call=lambda n: 2 * n)
    >>> double.text_signature
    'double(n: integer) - Double a number.'
    >>> double(n=21)
    42
    """

    name: str
    description: str
    parameters: dict[str, Any]
    call: Callable[..., Any] = field(repr=False)
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise ToolError(
                f"{self.name!r} cannot be the name of a tool: use 1 to 128 characters without white space, quotes, "
                "colons or brackets"
            )
        if not callable(self.call):
            raise ToolError(f"tool {self.name!r}: call must be callable, not {type(self.call).__name__}")
        if self.timeout is not None and not self.timeout > 0:
            raise ToolError(f"tool {self.name!r}: timeout must be a positive number of seconds or None")
        if not isinstance(self.parameters, Mapping):
            raise ToolError(f"tool {self.name!r}: parameters must be a JSON Schema of an object")
        if self.parameters.get("type", "object") != "object":
            raise ToolError(f"tool {self.name!r}: parameters must have type 'object', not {self.parameters['type']!r}")
        object.__setattr__(self, "parameters", {"type": "object", **self.parameters})
        object.__setattr__(self, "description", " ".join(self.description.split()))

    @staticmethod
    def from_model(model: type[BaseModel], call: Callable[[Any], Any], *, name: str | None = None) -> Tool:
        """A tool whose arguments are the fields of a pydantic model; `call` gets the validated object."""
        name = name or model.__name__

        def call_with_object(**arguments: Any) -> Any:
            return call(validated(name, model, arguments))

        return Tool(name, read_docstring(model.__doc__).description, schema_of(name, model), call_with_object)

    @staticmethod
    def from_openai(declaration: Mapping[str, Any], call: Callable[..., Any]) -> Tool:
        """A tool from an OpenAI declaration: `{"type": "function", "function": {...}}` or the inner object alone."""
        inner = declaration.get("function", declaration)
        if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
            raise ToolError("not an OpenAI tool declaration: it has no function with a name")
        parameters = inner.get("parameters") or {"type": "object", "properties": {}}
        return Tool(inner["name"], inner.get("description") or "", parameters, call)

    def to_openai(self) -> dict[str, Any]:
        """The declaration that OpenAI's API and chat templates take."""
        inner = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": inner}

    @cached_property
    def text_signature(self) -> str:
        """One line for a prompt: `lookup(key: string) - Look up a fact by its key.`."""
        line = signature_of(self.name, self.parameters)
        return f"{line} - {self.description}" if self.description else line

    @cached_property
    def _arguments(self) -> ArgumentCheck:
        return ArgumentCheck(self.name, self.parameters)

    def check_schema(self) -> None:
        """Raise `InvalidSchema` now, rather than at the first call, if `parameters` breaks its standard."""
        self._arguments.prepare()

    def check(self, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
        """The arguments (a mapping, or a JSON text) if they fit the schema; else `ToolError` says where they do not."""
        return self._arguments.check(arguments)

    def run(self, arguments: Mapping[str, Any] | str, *, timeout: float | None = None) -> Any:
        """Check the arguments and call. `timeout` can only shorten the tool's own."""
        checked = self.check(arguments)
        limits = [seconds for seconds in (timeout, self.timeout) if seconds is not None]
        return run_call(self.name, lambda: self.call(**checked), min(limits, default=None))

    def __call__(self, arguments: Mapping[str, Any] | str | None = None, /, **keywords: Any) -> Any:
        """`run`, with the arguments as a mapping or as keywords."""
        if arguments is None:
            return self.run(keywords)
        if keywords:
            raise ToolError(f"tool {self.name!r}: pass the arguments as one mapping or as keywords, not both")
        return self.run(parse_arguments(self.name, arguments))
