"""What a run starts from: the tools that a template names, its hole defaults, and the scope of its inputs."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from typing import Any

from guided.errors import InputError
from guided.lang.constants import definitions
from guided.lang.declarations import FrontMatter, ImportPath, TemplateFile
from guided.lang.frontmatter import kind_problem
from guided.lang.holes import ARGUMENTS, DEFAULTABLE
from guided.lang.problems import runtime_error, suggest
from guided.lang.scope import Scope
from guided.source import Source
from guided.tools import Tool, calculator, tool

__all__ = ["BUILTIN_TOOLS", "bind_defaults", "load_tools", "start_scope"]

BUILTIN_TOOLS: dict[str, Tool] = {"calculator": calculator}
"""The tools that `tools: [name]` finds without an import."""


def start_scope(file: TemplateFile, inputs: Mapping[str, Any], tools: Mapping[str, Tool]) -> Scope:
    """The names at the start of the body: bound inputs (see `bind_inputs`), `defs` and `tools`."""
    return Scope.of({**inputs, "defs": definitions(file.front), "tools": dict(tools)})


def bind_defaults(front: FrontMatter, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for holes that do not give their own: those of `defaults`, then `given` over them.

    Raises `InputError` for an unknown name or a value of the wrong type.
    """
    for name, value in given.items():
        if name not in DEFAULTABLE:
            raise InputError(f"there is no default '{name}' for holes: {suggest(name, DEFAULTABLE, 'defaults')}")
        problem = kind_problem(ARGUMENTS[name], value)
        if problem:
            raise InputError(f"the default '{name}' {problem}")
    return {**{name: default.value for name, default in front.defaults.items()}, **given}


def load_tools(
    file: TemplateFile, given: Mapping[str, Tool] | None = None, allow: Collection[str] = ()
) -> dict[str, Tool]:
    """The tools that the front matter declares, by name.

    One that is `given` is used as it is; a built-in one needs no import; any other is imported only if its module is
    in `allow`. Raises `TemplateRuntimeError` for one that cannot be had.
    """
    given = given or {}
    return {
        name: given[name] if name in given else _find(name, declaration, file.source, allow)
        for name, declaration in file.front.tools.items()
    }


def _find(name: str, declaration: ImportPath, source: Source, allow: Collection[str]) -> Tool:
    if declaration.path is None:
        if name in BUILTIN_TOOLS:
            return BUILTIN_TOOLS[name]
        message = f"there is no built-in tool '{name}', and none was given"
        raise runtime_error(source, declaration.span, message, help=suggest(name, BUILTIN_TOOLS, "built-in tools"))
    module, attribute = declaration.path.split(":")
    if module not in allow:
        message = f"the tool '{name}' is in the module '{module}', which may not be imported"
        raise runtime_error(source, declaration.span, message, help=f"allow the module, or give the tool '{name}'")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise runtime_error(source, declaration.span, f"the tool '{name}' cannot be imported: {error}") from error
    if found is None or not callable(found):
        raise runtime_error(source, declaration.span, f"'{declaration.path}' is not there, or not a function")
    return found if isinstance(found, Tool) else tool(found)
