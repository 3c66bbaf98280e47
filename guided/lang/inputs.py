"""The inputs of a template: their declared types, and the values that a run binds to them.

A type is short (`string`, `integer[]`) or a JSON Schema whose `type` may be short too. A value is never converted: a
string that looks like a number stays a string and is refused where a number is declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guided.errors import InputError
from guided.lang.declarations import InputDeclaration
from guided.lang.plain_schema import is_plain, plain_problem, type_problem
from guided.lang.problems import listed, nearest

__all__ = ["SCHEMA_WORDS", "TYPE_NAMES", "bind_inputs", "schema_of_type", "type_of_schema", "value_problem"]

TYPE_NAMES = ("string", "integer", "number", "boolean", "object", "array", "null", "any")

SCHEMA_WORDS = (
    *("type", "default", "description", "title", "examples", "enum", "const", "items", "prefixItems", "minItems"),
    *("maxItems", "uniqueItems", "contains", "minContains", "maxContains", "minLength", "maxLength", "pattern"),
    *("format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "properties"),
    *("required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties"),
    *("dependentRequired", "anyOf", "oneOf", "allOf", "not", "$ref", "$defs"),
)
"""The keys that an input may have: those of JSON Schema 2020-12 that are about values."""


def schema_of_type(text: str) -> dict[str, Any] | None:
    """The JSON Schema of a short type, or None if it is none.

    >>> schema_of_type("string[]")
    {'type': 'array', 'items': {'type': 'string'}}
    """
    if text.endswith("[]"):
        items = schema_of_type(text[:-2]) if text.count("[]") <= 8 else None
        return None if items is None else {"type": "array", "items": items}
    if text not in TYPE_NAMES:
        return None
    return {} if text == "any" else {"type": text}


def type_of_schema(schema: Mapping[str, Any]) -> str:
    """A schema's type as messages name it."""
    type_ = schema.get("type")
    if type_ == "array" and isinstance(schema.get("items"), Mapping):
        inner = type_of_schema(schema["items"])
        return f"{inner}[]" if inner != "any" else "array"
    if isinstance(type_, list):
        return " or ".join(map(str, type_))
    return type_ if isinstance(type_, str) else "any"


def bind_inputs(declarations: Mapping[str, InputDeclaration], given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every declared input: what was given, else its default; in declared order.

    Raises `InputError` for an unknown name, a missing value, or one of the wrong type.
    """
    for name in given:
        if name not in declarations:
            raise InputError(_unknown(name, declarations))
    bound = {}
    for name, declaration in declarations.items():
        if name in given:
            problem = value_problem(declaration.schema, given[name])
            if problem:
                raise InputError(f"input '{name}' is declared as {declaration.type}, but {problem}")
            bound[name] = given[name]
        elif declaration.has_default:
            bound[name] = declaration.default
        else:
            raise InputError(_missing(declaration, given))
    return bound


def value_problem(schema: Mapping[str, Any], value: Any) -> str:
    """What is wrong with `value`, as the end of a sentence, or an empty text."""
    if is_plain(schema):
        return plain_problem(schema, value)
    return type_problem(schema.get("type"), value) or _schema_problem(schema, value)


def _schema_problem(schema: Mapping[str, Any], value: Any) -> str:
    """What a JSON Schema validator says; `jsonschema` is loaded only for schemas that need it."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(dict(schema))
    error = jsonschema.exceptions.best_match(validator.iter_errors(_as_json(value)))
    if error is None:
        return ""
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    message = error.message if len(error.message) <= 200 else error.message[:200] + "..."
    return f"{'at ' + where + ' ' if where else ''}{message}"


def _as_json(value: Any) -> Any:
    """Tuples as lists, which is what the validator knows as an array."""
    if isinstance(value, list | tuple):
        return [_as_json(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _as_json(v) for k, v in value.items()}
    return value


def _unknown(name: str, declarations: Mapping[str, InputDeclaration]) -> str:
    near = nearest(str(name), declarations)
    if near:
        return f"unknown input '{name}': did you mean '{near}'?"
    if not declarations:
        return f"unknown input '{name}': this template declares no inputs"
    return f"unknown input '{name}': the inputs are {listed(declarations)}"


def _missing(declaration: InputDeclaration, given: Mapping[str, Any]) -> str:
    was = f"given: {listed(given)}" if given else "no input was given"
    return f"input '{declaration.name}' is missing: it is declared as {declaration.type} and has no default; {was}"
