"""What a schema says of a string's value, as one expression: its length, its pattern, its format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guided.constraints.characters import EVERYTHING
from guided.constraints.expression_cache import shared_expression
from guided.constraints.json_schema.formats import KNOWN_FORMATS, REFUSED_FORMATS, format_expression
from guided.constraints.json_schema.keywords import as_count, pointer_to
from guided.constraints.json_schema.options import SchemaOptions
from guided.constraints.json_schema.place import Place
from guided.constraints.regex import pattern_expression
from guided.errors import InvalidRegex, InvalidSchema, UnsupportedSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["StringParts"]

_OF_STRINGS = frozenset({"minLength", "maxLength", "pattern", "format"})


class StringParts:
    """Expressions over string values, in one builder."""

    def __init__(self, builder: _native.Builder, options: SchemaOptions) -> None:
        self._builder = builder
        self._options = options
        self._patterns: dict[tuple[str, str], int] = {}

    def of(self, schema: dict[str, Any], place: Place) -> list[int]:
        """One expression for each keyword about strings; all must match."""
        parts: list[int] = []
        if _OF_STRINGS.isdisjoint(schema):
            return parts
        if "minLength" in schema or "maxLength" in schema:
            least = as_count(schema.get("minLength", 0))
            most = as_count(schema["maxLength"]) if "maxLength" in schema else None
            if most is not None and most < least:
                return [self._builder.empty()]
            if least > 0 or most is not None:
                parts.append(self._builder.repeat(self._builder.chars(EVERYTHING), least, most))
        if "pattern" in schema:
            parts.append(self.pattern(schema["pattern"], place, "pattern"))
        if "format" in schema and self._options.formats == "assert":
            parts.extend(self._format(schema["format"], place))
        return parts

    def words(self, texts: tuple[str, ...]) -> int:
        """One of these texts; those that are no valid Unicode have no spelling."""
        fitting = [t for t in texts if t.isascii() or not any("\ud800" <= c <= "\udfff" for c in t)]
        return self._builder.words(fitting) if fitting else self._builder.empty()

    def pattern(self, pattern: str, place: Place, *keys: str) -> int:
        """Texts in which `pattern` is found, which stands at `keys` below `place`."""
        key = ("pattern", pattern)
        if key not in self._patterns:
            try:
                self._patterns[key] = pattern_expression(self._builder, pattern, "ecma", search=True)
            except InvalidRegex as problem:
                pointer = pointer_to(place.pointer, *keys)
                reason = f"{problem.reason} (position {problem.position} of {pattern[:200]!r})"
                if "supported" in problem.reason:
                    raise UnsupportedSchema(pointer, "pattern", reason) from problem
                raise InvalidSchema(pointer, f"pattern is not an ECMA-262 regular expression: {reason}") from problem
        return self._patterns[key]

    def _format(self, name: str, place: Place) -> list[int]:
        if name not in KNOWN_FORMATS:
            if self._options.unknown_formats == "error":
                pointer = pointer_to(place.pointer, "format")
                raise UnsupportedSchema(pointer, "format", f"there is no format {name!r} in the standard")
            return []
        key = ("format", name)
        if key not in self._patterns:
            if name in REFUSED_FORMATS:
                pointer = pointer_to(place.pointer, "format")
                reason = f"the format {name!r} cannot be enforced exactly ({REFUSED_FORMATS[name]})"
                raise UnsupportedSchema(pointer, "format", f"{reason}; formats='annotate' ignores it")
            self._patterns[key] = shared_expression(self._builder, key, lambda b: format_expression(b, name))
        return [self._patterns[key]]
