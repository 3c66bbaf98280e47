"""Tools from Python functions: the schema comes from the types.

A function's parameters become the fields of a pydantic model, under neutral field names with the parameters' names as
aliases, so a parameter may be called `schema`, `json` or `_x`. The model writes the schema and turns checked JSON
values into the types that the function asks for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_type_hints, overload

from guided.errors import ToolError
from guided.tools.docstring import read_docstring
from guided.tools.tool import Tool
from guided.tools.typed import first_line, schema_of, validated

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["tool"]

REFUSED = {
    inspect.Parameter.VAR_POSITIONAL: "takes *{}",
    inspect.Parameter.VAR_KEYWORD: "takes **{}",
}


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, timeout: float | None = None
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """A tool from a function with type hints; descriptions come from its docstring.

    A parameter with a default is optional. Refused with a `ToolError`: `*args`, `**kwargs`, a parameter without a
    type hint, a type that has no JSON Schema.

    >>> @tool
    ... def search(query: str, k: int = 3) -> list[str]:
    ...     "Search the handbook."
    ...     return [query] * k
    >>> search.text_signature
    'search(query: string, k: integer = 3) - Search the handbook.'
    >>> search({"query": "a", "k": 2})
    ['a', 'a']
    """
    if function is None:
        return lambda decorated: _function_tool(decorated, name, description, timeout)
    return _function_tool(function, name, description, timeout)


def _function_tool(
    function: Callable[..., Any], name: str | None, description: str | None, timeout: float | None
) -> Tool:
    if isinstance(function, Tool):
        raise ToolError(f"{function.name!r} is a tool already")
    name = name or str(getattr(function, "__name__", type(function).__name__))
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ToolError(f"tool {name!r}: its parameters cannot be read ({error}); write a guided.Tool") from None
    documented = read_docstring(inspect.getdoc(function))
    model = _arguments_model(name, parameters, _hints(function, name), documented.parameters)
    num_positional = sum(p.kind is inspect.Parameter.POSITIONAL_ONLY for p in parameters)

    def call(**arguments: Any) -> Any:
        typed = validated(name, model, arguments)
        first = [getattr(typed, f"field_{index}") for index in range(num_positional)]
        given = {
            parameter.name: getattr(typed, f"field_{index}")
            for index, parameter in enumerate(parameters)
            if index >= num_positional and f"field_{index}" in typed.model_fields_set
        }
        return function(*first, **given)

    return Tool(
        name, documented.description if description is None else description, schema_of(name, model), call, timeout
    )


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError) as error:
        raise ToolError(f"tool {name!r}: a type hint cannot be read: {error}") from None


def _arguments_model(
    name: str, parameters: list[inspect.Parameter], hints: dict[str, Any], described: dict[str, str]
) -> type[BaseModel]:
    from pydantic import ConfigDict, Field, PydanticUserError, create_model

    fields: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        if parameter.kind in REFUSED:
            what = REFUSED[parameter.kind].format(parameter.name)
            raise ToolError(f"tool {name!r} {what}: a model can only be offered parameters that have names and types")
        if parameter.name not in hints:
            raise ToolError(
                f"tool {name!r}: parameter {parameter.name!r} has no type hint; write `{parameter.name}: str`"
            )
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        field = Field(default=default, alias=parameter.name, description=described.get(parameter.name))
        fields[f"field_{index}"] = (hints[parameter.name], field)
    try:
        return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except (PydanticUserError, TypeError) as error:
        raise ToolError(f"tool {name!r}: no schema for its types: {first_line(error)}") from None
