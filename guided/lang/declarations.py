"""What the front matter of a template declares, as data.

Each declaration is a frozen value with the span of its place in the file. JSON values (defaults, schemas, test data)
are plain dicts, lists, strings, numbers, booleans and None; they must not be changed by whoever reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from guided.lang.nodes import Node
from guided.source import Source, Span

__all__ = [
    "Definition",
    "FileTest",
    "FrontMatter",
    "HoleDefault",
    "ImportPath",
    "InputDeclaration",
    "TemplateFile",
]


@dataclass(frozen=True, slots=True)
class InputDeclaration:
    """One input: `type` as it was written or made from the schema (`string[]`), `schema` as JSON Schema."""

    name: str
    type: str
    schema: Mapping[str, Any]
    span: Span
    has_default: bool = False
    default: Any = None
    description: str = ""


DefinitionKind: TypeAlias = Literal["regex", "schema", "grammar"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One entry of `defs`: a named regex or grammar (text) or a JSON Schema (mapping)."""

    name: str
    kind: DefinitionKind
    value: Any
    span: Span


@dataclass(frozen=True, slots=True)
class ImportPath:
    """One entry of `functions` or `tools`: `module:attribute`, or a built-in tool where `path` is None."""

    name: str
    path: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class HoleDefault:
    """One entry of `defaults`: an argument for every hole that does not give its own."""

    name: str
    value: Any
    span: Span


@dataclass(frozen=True, slots=True)
class FileTest:
    """One entry of `tests`; `script` answers the holes, `reject` names a hole and what its mask must refuse."""

    name: str
    inputs: Mapping[str, Any]
    script: Mapping[str, Any]
    expect: Mapping[str, Any]
    reject: Mapping[str, Any]
    span: Span


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """Everything between the `---` lines; an absent front matter is an empty one."""

    description: str = ""
    inputs: Mapping[str, InputDeclaration] = field(default_factory=dict)
    defs: Mapping[str, Definition] = field(default_factory=dict)
    functions: Mapping[str, ImportPath] = field(default_factory=dict)
    tools: Mapping[str, ImportPath] = field(default_factory=dict)
    defaults: Mapping[str, HoleDefault] = field(default_factory=dict)
    returns: Mapping[str, Any] | None = None
    tests: tuple[FileTest, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A parsed template: where it came from, what it declares, what it says."""

    source: Source
    front: FrontMatter
    body: tuple[Node, ...]
