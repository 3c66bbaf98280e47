"""The front matter: from YAML with places to typed declarations.

Every section has its own reader below; an unknown key anywhere is an error that suggests the nearest one. Nothing
named here is imported or run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from guided.lang.declarations import Definition, FileTest, FrontMatter, HoleDefault, ImportPath, InputDeclaration
from guided.lang.holes import ARGUMENTS, DEFAULTABLE, HoleArgument
from guided.lang.inputs import SCHEMA_WORDS, TYPE_NAMES, schema_of_type, type_of_schema, value_problem
from guided.lang.names import RUN_ARGUMENTS, refusal
from guided.lang.plain_schema import is_plain
from guided.lang.problems import suggest, syntax_error
from guided.lang.yaml_reader import YamlList, YamlMap, YamlNode, YamlScalar, read_yaml
from guided.source import Source, Span

__all__ = ["kind_problem", "read_front_matter"]

_FENCE = re.compile(r"---[ \t]*(?:\n|\Z)")
_CLOSING = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)
_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_TEST_KEYS = ("name", "inputs", "script", "expect", "reject")
_EXPECT_KEYS = ("json", "contains", "equals", "captures")


def read_front_matter(source: Source) -> tuple[FrontMatter, int]:
    """What the front matter declares, and the offset at which the body starts."""
    opening = _FENCE.match(source.text)
    if opening is None:
        return FrontMatter(), 0
    closing = _CLOSING.search(source.text, opening.end())
    if closing is None:
        help = "write a line '---' between the declarations and the template"
        raise syntax_error(source, Span(0, 3), "the front matter is never closed", help=help)
    root = read_yaml(source, opening.end(), closing.start())
    return _Reader(source).front_matter(root), closing.end()


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source

    def front_matter(self, root: YamlNode) -> FrontMatter:
        sections: dict[str, Callable[[YamlNode], Any]] = {
            "guided": self._version,
            "description": self._text,
            "inputs": self._inputs,
            "defs": self._definitions,
            "functions": self._functions,
            "tools": self._tools,
            "defaults": self._defaults,
            "returns": self._returns,
            "tests": self._tests,
        }
        if isinstance(root, YamlScalar) and root.value is None:
            return FrontMatter()
        entries = self._mapping(root, "the front matter")
        self._known(entries, sections, "sections")
        read = {name: sections[name](node) for name, node in entries.entries.items()}
        read.pop("guided", None)
        return FrontMatter(**read)

    # Sections.

    def _version(self, node: YamlNode) -> None:
        if node.plain() != 1 or isinstance(node.plain(), bool):
            self._fail(node.span, "this version of the language is not known", "write 'guided: 1'")

    def _inputs(self, node: YamlNode) -> dict[str, InputDeclaration]:
        entries = self._mapping(node, "'inputs'", "write 'inputs: {name: string}'")
        return {name: self._input(name, entries.keys[name], value) for name, value in entries.entries.items()}

    def _input(self, name: str, span: Span, node: YamlNode) -> InputDeclaration:
        self._bindable(name, span, "an input")
        if name in RUN_ARGUMENTS:
            message = f"an input cannot be called '{name}'"
            self._fail(span, message, f"Template.run has an argument of that name; call it '{name}_'")
        if isinstance(node, YamlScalar):
            schema = self._short_type(node)
            return InputDeclaration(name, str(node.value), schema, span)
        entries = self._mapping(node, f"the type of '{name}'", "write 'string', or a JSON Schema")
        self._known(entries, SCHEMA_WORDS, "keys of an input")
        schema = self._schema(entries)
        default = entries.entries.get("default")
        description = str(schema.pop("description", ""))
        schema.pop("default", None)
        if default is not None:
            problem = value_problem(schema, default.plain())
            if problem:
                help = "write true or false" if default.plain() in ("yes", "no", "on", "off") else ""
                self._fail(default.span, f"the default of '{name}' does not fit its type", help, problem)
        plain = None if default is None else default.plain()
        return InputDeclaration(name, type_of_schema(schema), schema, span, default is not None, plain, description)

    def _schema(self, entries: YamlMap) -> dict[str, Any]:
        """A JSON Schema whose `type` may be short; its own form is checked."""
        schema = entries.plain()
        type_ = entries.entries.get("type")
        if isinstance(type_, YamlScalar):
            short = self._short_type(type_)
            if "items" in short and "items" in schema:
                self._fail(entries.keys["items"], "'items' is given twice", f"'{type_.value}' says what the items are")
            schema.pop("type")
            schema = {**short, **schema}
        self._check_schema(schema, entries.span)
        return schema

    def _check_schema(self, schema: Mapping[str, Any], span: Span) -> None:
        if is_plain(schema):
            return
        import jsonschema

        try:
            jsonschema.Draft202012Validator.check_schema(dict(schema))
        except jsonschema.SchemaError as error:
            where = "/".join(str(part) for part in error.absolute_path)
            self._fail(span, f"this is not a valid JSON Schema: at '{where}', {error.message}")

    def _short_type(self, node: YamlScalar) -> dict[str, Any]:
        schema = schema_of_type(node.value) if isinstance(node.value, str) else None
        if schema is None:
            names = [*TYPE_NAMES, *(f"{t}[]" for t in TYPE_NAMES)]
            help = suggest(_LONG_TYPES.get(str(node.value), str(node.value)), names, "types")
            self._fail(node.span, f"unknown type '{node.value}'", help)
        return schema

    def _definitions(self, node: YamlNode) -> dict[str, Definition]:
        entries = self._mapping(node, "'defs'", "write 'defs: {digits: \"[0-9]+\"}'")
        return {name: self._definition(name, entries.keys[name], value) for name, value in entries.entries.items()}

    def _definition(self, name: str, span: Span, node: YamlNode) -> Definition:
        self._bindable(name, span, "a definition", words_too=False)
        if isinstance(node, YamlScalar) and isinstance(node.value, str):
            return Definition(name, "regex", node.value, node.span)
        if isinstance(node, YamlScalar):
            self._fail(node.span, f"'{name}' is neither a regex nor a schema", "put a regex in quotes")
        entries = self._mapping(node, f"'{name}'", "a definition is a regex in quotes or a JSON Schema")
        for kind in ("regex", "grammar"):
            value = entries.entries.get(kind)
            if value is not None and len(entries.entries) == 1:
                return Definition(name, kind, self._text(value), value.span)
        value = entries.entries.get("schema")
        if value is not None and len(entries.entries) == 1:
            return Definition(name, "schema", self._mapping(value, "a schema").plain(), value.span)
        return Definition(name, "schema", entries.plain(), entries.span)

    def _functions(self, node: YamlNode) -> dict[str, ImportPath]:
        entries = self._mapping(node, "'functions'", "write 'functions: {slug: mymodule:slug}'")
        return {n: self._import_path(n, entries.keys[n], value) for n, value in entries.entries.items()}

    def _tools(self, node: YamlNode) -> dict[str, ImportPath]:
        if isinstance(node, YamlList):
            items = [(self._text(item), item.span) for item in node.items]
            for index, (name, span) in enumerate(items):
                self._bindable(name, span, "a tool")
                if name in (earlier for earlier, _ in items[:index]):
                    self._fail(span, f"the tool '{name}' is given twice")
            return {name: ImportPath(name, None, span) for name, span in items}
        entries = self._mapping(node, "'tools'", "write 'tools: [calculator]' or 'tools: {find: mymodule:find}'")
        return {n: self._import_path(n, entries.keys[n], value) for n, value in entries.entries.items()}

    def _import_path(self, name: str, span: Span, node: YamlNode) -> ImportPath:
        self._bindable(name, span, "a function")
        path = self._text(node)
        if not _IMPORT_PATH.fullmatch(path):
            self._fail(node.span, f"'{path}' does not say where '{name}' is", "write 'module:name'")
        return ImportPath(name, path, span)

    def _defaults(self, node: YamlNode) -> dict[str, HoleDefault]:
        entries = self._mapping(node, "'defaults'", "write 'defaults: {temperature: 0.7}'")
        self._known(entries, DEFAULTABLE, "defaults")
        out = {}
        for name, value in entries.entries.items():
            problem = kind_problem(ARGUMENTS[name], value.plain())
            if problem:
                self._fail(value.span, f"'{name}' {problem}")
            out[name] = HoleDefault(name, value.plain(), entries.keys[name])
        return out

    def _returns(self, node: YamlNode) -> NoReturn:
        self._fail(node.span, "'returns' is not supported yet", "leave it out: a run returns all its captures")

    def _tests(self, node: YamlNode) -> tuple[FileTest, ...]:
        if not isinstance(node, YamlList):
            self._fail(node.span, "'tests' is a list", "write '- name: ...' for each test")
        tests: list[FileTest] = []
        for item in node.items:
            tests.append(self._test(item))
            if any(t.name == tests[-1].name for t in tests[:-1]):
                self._fail(item.span, f"two tests are called '{tests[-1].name}'")
        return tuple(tests)

    def _test(self, node: YamlNode) -> FileTest:
        entries = self._mapping(node, "a test", "write 'name:', 'inputs:' and 'script:' or 'reject:'")
        self._known(entries, _TEST_KEYS, "keys of a test")
        if "name" not in entries.entries:
            self._fail(entries.span, "this test has no name", "write 'name: ...'")
        parts = {k: self._mapping(entries.entries[k], f"'{k}'") for k in _TEST_KEYS[1:] if k in entries.entries}
        if "expect" in parts:
            self._known(parts["expect"], _EXPECT_KEYS, "expectations")
        plain = {k: v.plain() for k, v in parts.items()}
        inputs, script, expect, reject = (plain.get(k, {}) for k in _TEST_KEYS[1:])
        return FileTest(self._text(entries.entries["name"]), inputs, script, expect, reject, entries.span)

    # What several sections need.

    def _mapping(self, node: YamlNode, what: str, help: str = "") -> YamlMap:
        if isinstance(node, YamlMap):
            return node
        found = "a list" if isinstance(node, YamlList) else "empty" if node.plain() is None else "a single value"
        return self._fail(node.span, f"{what} is {found}, not a mapping", help)

    def _text(self, node: YamlNode) -> str:
        if isinstance(node, YamlScalar) and isinstance(node.value, str):
            return node.value
        return self._fail(node.span, "this must be text", "put it in quotes")

    def _known(self, entries: YamlMap, known: Any, what: str) -> None:
        for name, span in entries.keys.items():
            if name not in known:
                self._fail(span, f"unknown key '{name}'", suggest(name, known, what))

    def _bindable(self, name: str, span: Span, what: str, words_too: bool = True) -> None:
        reason = refusal(name)
        if reason and (words_too or not name.isidentifier()):
            self._fail(span, f"{what} cannot be called '{name}'", label=reason)

    def _fail(self, span: Span, message: str, help: str = "", label: str = "") -> NoReturn:
        raise syntax_error(self.source, span, message, label, help)


_LONG_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


def kind_problem(argument: HoleArgument, value: Any) -> str:
    """What is wrong with a known value of a hole's argument, as the end of a sentence, or an empty text."""
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    match argument.kind:
        case "boolean":
            return "" if isinstance(value, bool) else f"is true or false, not {shown}"
        case "string":
            return "" if isinstance(value, str) else f"is a string, not {shown}"
        case "strings":
            texts = value if isinstance(value, list | tuple) else [value]
            return "" if all(isinstance(t, str) and t for t in texts) else f"is a text or several, not {shown}"
        case "normalize":
            return "" if value in (None, "length") else f"is 'length' or none, not {shown}"
        case "integer" | "number":
            return _number_problem(argument, value, shown)
    return ""


def _number_problem(argument: HoleArgument, value: Any, shown: str) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (argument.kind == "integer" and not isinstance(value, int)):
        return f"is {'an integer' if argument.kind == 'integer' else 'a number'}, not {shown}"
    low, high = argument.minimum, argument.maximum
    if (low is not None and value < low) or (high is not None and value > high) or value != value:
        return f"is from {low} to {high}, not {shown}"
    return ""
