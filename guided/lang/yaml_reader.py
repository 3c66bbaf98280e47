"""Front matter text to plain data that remembers where each key and value stood.

The scalars are those of YAML 1.2: only `true` and `false` are booleans, only `null`, `~` and nothing are null, a date
is text. Keys are strings, each at most once. Anchors, aliases and tags are refused; nesting is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from guided.lang.problems import syntax_error
from guided.source import Source, Span

__all__ = ["YamlList", "YamlMap", "YamlNode", "YamlScalar", "read_yaml"]

MAX_DEPTH = 40

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A string, number, boolean or null; `is_plain` says that the source has it character by character."""

    value: Any
    span: Span
    is_plain: bool

    def plain(self) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class YamlList:
    """A sequence."""

    items: list[YamlNode]
    span: Span

    def plain(self) -> list[Any]:
        return [item.plain() for item in self.items]


@dataclass(frozen=True, slots=True)
class YamlMap:
    """A mapping; `keys` has the span of each key."""

    entries: dict[str, YamlNode]
    keys: dict[str, Span]
    span: Span

    def plain(self) -> dict[str, Any]:
        return {key: value.plain() for key, value in self.entries.items()}


YamlNode = YamlScalar | YamlList | YamlMap


def read_yaml(source: Source, start: int, end: int) -> YamlNode:
    """The document between two offsets of `source`; raises `TemplateSyntaxError`."""
    reader = _Reader(source, start)
    try:
        loader = yaml.SafeLoader(source.text[start:end])
        while loader.check_event():
            reader.event(loader.get_event())  # type: ignore[no-untyped-call]
    except yaml.MarkedYAMLError as error:
        raise reader.broken(error) from error
    except yaml.reader.ReaderError as error:
        span = Span(start + error.position, start + error.position + 1)
        raise syntax_error(source, span, "the front matter has a character that YAML does not allow") from error
    return reader.root or YamlScalar(None, Span(start, start), True)


class _Reader:
    """Builds nodes from parser events, without recursion."""

    def __init__(self, source: Source, offset: int) -> None:
        self.source = source
        self.offset = offset
        self.root: YamlNode | None = None
        self._open: list[YamlList | YamlMap] = []
        self._key: list[YamlScalar | None] = []  # per open mapping: the key that waits for its value

    def event(self, event: Any) -> None:
        span = Span(self.offset + event.start_mark.index, self.offset + event.end_mark.index)
        if getattr(event, "anchor", None) is not None:
            raise syntax_error(
                self.source, span, "anchors and aliases are not allowed here", help="write the value out"
            )
        if getattr(event, "tag", None) is not None:
            raise syntax_error(self.source, span, "YAML tags are not allowed here", help="write the value without '!'")
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.style is None
            value = _resolve(event.value) if is_plain else event.value
            self._add(YamlScalar(value, span, is_plain and "\n" not in self.source.text[span.start : span.end]))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin(YamlList([], span))
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin(YamlMap({}, {}, span))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._key.pop()

    def _begin(self, node: YamlList | YamlMap) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise syntax_error(self.source, node.span, f"the front matter is nested deeper than {MAX_DEPTH}")
        self._add(node)
        self._open.append(node)
        self._key.append(None)

    def _add(self, node: YamlNode) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, YamlList):
            parent.items.append(node)
        elif (key := self._key[-1]) is None:
            self._key[-1] = self._checked_key(parent, node)
        else:
            parent.entries[str(key.value)] = node
            parent.keys[str(key.value)] = key.span
            self._key[-1] = None

    def _checked_key(self, parent: YamlMap, node: YamlNode) -> YamlScalar:
        if not isinstance(node, YamlScalar) or not isinstance(node.value, str):
            raise syntax_error(self.source, node.span, "a key must be text", help="put it in quotes")
        if node.value in parent.entries:
            line = self.source.position(parent.keys[node.value].start)[0]
            raise syntax_error(self.source, node.span, f"'{node.value}' is given twice", f"first on line {line}")
        return node

    def broken(self, error: yaml.MarkedYAMLError) -> Exception:
        mark = error.problem_mark or error.context_mark
        at = self.offset + (mark.index if mark else 0)
        at = min(at, len(self.source.text) - 1)
        help = "the text between the '---' lines is YAML; a value with : ? # , [ ] { } in it stands in quotes"
        if "'\\t'" in str(error.problem):
            help = "indent with blanks"
        elif "mapping values are not allowed" in str(error.problem):
            help = "put a value that contains ': ' in quotes"
        return syntax_error(
            self.source,
            Span(at, at + 1),
            f"the front matter is not valid YAML: {error.problem}",
            error.context or "",
            help,
        )


def _resolve(text: str) -> Any:
    """What a plain scalar stands for."""
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
