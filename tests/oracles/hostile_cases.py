"""Constraints made to exhaust whoever compiles them, each with texts whose verdict is known; see hostile.py."""

from __future__ import annotations

import functools
import json
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import guided
from tests.oracles.hostile_grammars import GRAMMARS


@dataclass(frozen=True)
class Hostile:
    """A constraint to be made in the child, texts that it accepts, and texts that it refuses."""

    make: Callable[[], guided.Constraint]
    good: Sequence[str] = ()
    bad: Sequence[str] = ()


def _schema(
    schema: Any, good: Sequence[Any] = (), bad: Sequence[Any] = (), order: Any = "declared", **options: Any
) -> Hostile:
    """Instances are values; the schema may be a thunk where it is large."""

    def make() -> guided.Constraint:
        return guided.JsonSchema(schema() if callable(schema) else schema, order=order, **options)

    return Hostile(make, [json.dumps(v) for v in good], [json.dumps(v) for v in bad])


def _regex(pattern: str, good: Sequence[str] = (), bad: Sequence[str] = (), *, search: bool = False) -> Hostile:
    return Hostile(lambda: guided.Regex(pattern, search=search), good, bad)


def _tools() -> dict[str, Any]:
    """A tool set of more than 100 KB: calls by name, each with arguments of its own."""
    rng = random.Random(0)
    words = ["city", "date", "amount", "currency", "user", "order", "path", "query", "limit", "unit", "note", "level"]
    kinds: list[dict[str, Any]] = [
        {"type": "string", "description": "free text, in the language of the user"},
        {"type": "integer", "minimum": 0, "maximum": 1000},
        {"type": "number"},
        {"type": "boolean", "default": False},
        {"type": "string", "enum": ["small", "medium", "large"]},
        {"type": "array", "items": {"type": "string"}, "maxItems": 10},
        {"type": "string", "format": "date"},
        {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}}, "required": ["lat"]},
    ]
    calls = []
    for i in range(200):
        names = rng.sample(words, rng.randint(2, 8))
        arguments = {
            "type": "object",
            "properties": {n: {"title": f"The {n} of tool {i}", **rng.choice(kinds)} for n in names},
            "required": names[: rng.randint(0, len(names))],
            "additionalProperties": False,
        }
        named = {"name": {"const": f"{words[i % 12]}_tool_{i}"}, "arguments": arguments}
        calls.append({"type": "object", "properties": named, "required": ["name", "arguments"]})
    calls.append({"type": "object", "properties": {"name": {"const": "end"}}, "required": ["name"], "maxProperties": 1})
    assert len(json.dumps(calls)) > 100_000
    return {"anyOf": calls}


def _nested(depth: int, wrap: Callable[[Any], Any], inside: Any) -> Any:
    for _ in range(depth):
        inside = wrap(inside)
    return inside


def _closed(inside: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": inside}, "required": ["a"], "additionalProperties": False}


def _unevaluated(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {"leaf": {"type": "integer"}}}
    for i in range(depth):
        schema = {"anyOf": [{"properties": {f"a{i}": True}, "required": [f"a{i}"]}, {**schema, "minProperties": 1}]}
    return {"type": "object", "unevaluatedProperties": False, **schema}


_RECURSIVE = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
_GROWING = {  # each level asks for the conjunction of one more definition
    f"d{i}": {
        "properties": {"x": {"allOf": [{"$ref": f"#/$defs/d{(i + 1) % 12}"}, {"$ref": f"#/$defs/d{(i * 5) % 12}"}]}}
    }
    for i in range(12)
}
_ENUM_TEXT = "".join(random.Random(1).choices(string.ascii_letters + 'é"\\', k=100_000))
_STRINGS = [f"value {i}" for i in range(100_000)]
_KEYS = [f"key{i}" for i in range(10_000)]
_REQUIRED = [f"key{i}" for i in range(5_000)]
_CALL = {"name": "end"}
_OVERLAPPING = {
    "oneOf": [
        {"type": "object", "properties": {f"k{i}": {"type": "integer"}}, "required": [f"k{i}"]} for i in range(200)
    ]
}
_DEEP_IF: dict[str, Any] = _nested(200, lambda s: {"if": {"minimum": 1}, "then": {"not": {"not": s}}, "else": True}, {})
_PATTERNS = {f"{p}{i}": {"maxLength": i} for i in range(10) for p in ("^a.*", ".", "^.*", "[a-z].*", ".*b.*")}


def _items(count: int | float, **more: Any) -> dict[str, Any]:
    return {"type": "array", "minItems": count, **more}


CASES: dict[str, Hostile] = {
    "30,000 nested parentheses": _regex("(" * 30_000 + "a" + ")" * 30_000, ["a"], ["b", "", "aa"]),
    "30,000 nested groups, unbalanced": _regex("(" * 30_000 + "a" + ")" * 29_999),
    "30,000 nested stars": _regex("(?:" * 30_000 + "a" + ")*" * 30_000, ["a", ""], ["b"]),
    "30,000 nested alternatives": _regex("(?:b|" * 30_000 + "a" + ")" * 30_000, ["a", "b"], ["c"]),
    "(a+)+b": _regex("(a+)+b", ["a" * 5000 + "b"], ["a" * 5000, "a" * 5000 + "c"]),
    "{1,129} alone": _regex("{1,129}"),
    "x{1,129}": _regex("x{1,129}", ["x" * 129], ["x" * 130, ""]),
    "(?:xy|x){1,129}": _regex("(?:xy|x){1,129}", ["xy" * 129], ["xy" * 130, ""]),
    "x{1,100000}": _regex("x{1,100000}", ["x" * 100_000], ["x" * 100_001, ""]),
    "x{4294967294,}": _regex("x{4294967294,}"),
    "x{99999999999999999999}": _regex("x{99999999999999999999}"),
    "(?:(?:a{64}){64}){64}": _regex("(?:(?:a{64}){64}){64}", ["a" * 64**3], ["a" * (64**3 - 1)]),
    "(?:(?:(?:a{0,999}){0,999}){0,999}){0,999}": _regex(
        "(?:(?:(?:a{0,999}){0,999}){0,999}){0,999}", ["a" * 2000, ""], ["b"]
    ),
    "exponential automaton": _regex(".*a.{40}b.*", ["a" + "c" * 40 + "b"], ["a" + "c" * 39 + "b"]),
    "26 look-aheads": _regex("".join(f"(?=.*{c})" for c in string.ascii_lowercase) + ".*", [string.ascii_lowercase]),
    "intersection of 8 exponential patterns": _schema(
        {"type": "string", "allOf": [{"pattern": f"{c}.{{12}}{c}"} for c in "abcdefgh"]}
    ),
    "100,000 alternatives": _regex("|".join(_STRINGS), ["value 99999"], ["value 100000"]),
    "a 100,000-character enum": _schema({"enum": [_ENUM_TEXT]}, [_ENUM_TEXT], [_ENUM_TEXT[:-1], ""]),
    "enum of 100,000 strings": _schema({"enum": _STRINGS}, ["value 99999"], ["value 100000", "value"]),
    "enum of 100,000 integers": _schema({"enum": [*range(100_000)]}, [0, 99_999], [100_000, -1]),
    "enum of 20,000 objects": _schema(
        {"enum": [{"a": i, "b": [i]} for i in range(20_000)]}, [{"a": 7, "b": [7]}], [{}]
    ),
    "a key of 100,000 characters": _schema({"required": [_ENUM_TEXT], "type": "object"}, [{_ENUM_TEXT: 1}], [{}]),
    "$ref to itself": _schema({"$ref": "#"}),
    "$ref round two definitions": _schema({"$ref": "#/$defs/a", "$defs": _RECURSIVE}),
    "$ref below allOf to itself": _schema({"allOf": [{"$ref": "#"}], "type": "object"}),
    "$ref that never ends": _schema({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
    "$ref with growing conjunctions": _schema({"$ref": "#/$defs/d0", "$defs": _GROWING}, [{"x": {"x": {"x": {}}}}]),
    "$ref round not": _schema({"not": {"properties": {"a": {"$ref": "#"}}}}),
    "a 100 KB tool set": _schema(_tools, [_CALL], [{"name": "endless"}, {}, {"name": "city_tool_0"}]),
    "a 100 KB tool set, any order": _schema(_tools, [_CALL], [{"name": "endless"}, {}], "any"),
    "oneOf of 200 overlapping objects": _schema(_OVERLAPPING, [{"k7": 1}], [{"k7": 1, "k9": 1}, {}]),
    "oneOf of 200 overlapping objects, any order": _schema(_OVERLAPPING, [{"k7": 1}], [{"k9": 1, "k7": 1}, {}], "any"),
    "oneOf of 200 equal schemas": _schema({"oneOf": [{"type": "object"}] * 200}, [], [{}, 1]),
    "oneOf of 60 overlapping ranges": _schema(
        {"oneOf": [{"minimum": i, "maximum": i + 9} for i in range(60)]}, [0], [5]
    ),
    "schema nested 500 deep": _schema(
        lambda: _nested(500, _closed, {"type": "integer"}), [_nested(500, lambda v: {"a": v}, 1)], [{}, 1]
    ),
    "schema nested 9,000 deep": _schema(lambda: _nested(9_000, _closed, {"type": "integer"}), [], [1]),
    "schema nested 100,000 deep": _schema(lambda: _nested(100_000, _closed, {}), [], [1]),
    "schema text nested 100,000 deep": _schema("[" * 100_000),
    "allOf nested 5,000 deep": _schema(lambda: _nested(5_000, lambda s: {"allOf": [s]}, {"type": "null"}), [None], [1]),
    "not nested 5,001 deep": _schema(lambda: _nested(5_001, lambda s: {"not": s}, {"type": "null"}), [1], [None]),
    "data nested 500 deep": Hostile(lambda: guided.JsonSchema({}), ["[" * 500 + "]" * 500], ["[" * 500 + "]" * 499]),
    "data nested 20,000 deep": Hostile(
        lambda: guided.JsonSchema({}), ["[" * 20_000 + "]" * 20_000], ["[" * 20_000 + "]" * 19_999]
    ),
    "objects nested 5,000 deep": Hostile(
        lambda: guided.JsonSchema({}), ['{"a":' * 5_000 + "1" + "}" * 5_000], ['{"a":' * 5_000 + "1" + "]"]
    ),
    "10,000 properties": _schema(
        {"type": "object", "properties": {k: {"type": "integer"} for k in _KEYS}}, [{"key9999": 1}], [{"key1": "x"}]
    ),
    "10,000 properties, any order": _schema(
        {"type": "object", "properties": {k: {"type": "integer"} for k in _KEYS}, "additionalProperties": False},
        [{"key9": 1, "key1": 1}],
        [{"key1": 1, "key1x": 1}],
        "any",
    ),
    "5,000 required keys": _schema(
        {"type": "object", "required": _REQUIRED}, [dict.fromkeys(_REQUIRED, 0)], [dict.fromkeys(_REQUIRED[1:], 0)]
    ),
    "5,000 required keys, any order": _schema(
        {"type": "object", "required": _REQUIRED},
        [dict.fromkeys(_REQUIRED[::-1], 0)],
        [dict.fromkeys(_REQUIRED[1:], 0)],
        "any",
    ),
    "50 overlapping patternProperties": _schema(
        {"type": "object", "patternProperties": _PATTERNS}, [{"c": "x" * 99}], [{"ab0": "x"}, {"xb1x": "long"}]
    ),
    "50 overlapping patternProperties, any order": _schema(
        {"type": "object", "patternProperties": _PATTERNS, "minProperties": 3}, [], [{"ab0": "x"}], "any"
    ),
    "minimum 1e300": _schema({"type": "number", "minimum": 1e300}, [1e300, 1e301], [1e299, 1]),
    "between 1e300 and 2e300": _schema({"minimum": 1e300, "maximum": 2e300, "type": "integer"}, [1e300], [3e300, 1]),
    "multipleOf 1e-300": _schema({"type": "number", "multipleOf": 1e-300}, [], ["x"]),
    "multipleOf 1e300": _schema({"type": "number", "multipleOf": 1e300}, [0], [1, "x"]),
    "multipleOf of a large prime": _schema({"type": "integer", "multipleOf": 1_000_000_007}, [], [1, "x"]),
    "minimum 1e999999999, as text": _schema('{"type": "number", "minimum": 1e999999999}', [], ["x"]),
    "multipleOf 1e-999999999, as text": _schema('{"type": "number", "multipleOf": 1e-999999999}', [], ["x"]),
    "const 1e999999999, as text": _schema('{"const": 1e999999999}', [], ["x", 1]),
    "minLength 1e999999999, as text": _schema('{"type": "string", "minLength": 1e999999999}', [], ["x", 1]),
    "minItems 1e300": _schema(_items(1e300), [], [[]]),
    "minItems 10**18": _schema(_items(10**18), [], [[]]),
    "minItems 10**9": _schema(_items(10**9), [], [[]]),
    "minItems 1,000,000 of objects": _schema(_items(10**6, items={"type": "object", "required": ["a"]}), [], [[]]),
    "minItems 3,000 that differ": _schema(_items(3_000, uniqueItems=True), [[*range(3_000)]], [[1, 1], [0] * 3_000]),
    "20 items that differ of 20": _schema(
        _items(20, uniqueItems=True, items={"enum": [*range(20)]}), [[*range(20)]], [[0] * 20]
    ),
    "minContains 10**6": _schema({"type": "array", "contains": {"const": 1}, "minContains": 10**6}, [], [[1]]),
    "30 kinds of contains": _schema(
        {"type": "array", "allOf": [{"contains": {"const": i}} for i in range(30)]}, [[*range(30)]], [[1]]
    ),
    "minLength 10**9": _schema({"type": "string", "minLength": 10**9}, [], ["x"]),
    "minLength 10**18": _schema({"type": "string", "minLength": 10**18}, [], ["x"]),
    "minLength 1,000,000": _schema({"type": "string", "minLength": 10**6}, ["x" * 10**6], ["x" * (10**6 - 1)]),
    "maxLength 10**18": _schema({"type": "string", "maxLength": 10**18}, ["x" * 1000], [1]),
    "minProperties 10**9": _schema({"type": "object", "minProperties": 10**9}, [], [{}]),
    "minProperties 10**18": _schema({"type": "object", "minProperties": 10**18}, [], [{}]),
    "minProperties 2,000": _schema(
        {"type": "object", "minProperties": 2_000}, [dict.fromkeys(_KEYS[:2000], 0)], [dict.fromkeys(_KEYS[:1999], 0)]
    ),
    "allOf of 1,000 objects": _schema(
        {"type": "object", "allOf": [{"properties": {"a": {"maxLength": 2000 - i}}} for i in range(1000)]},
        [{"a": "x" * 1001}],
        [{"a": "x" * 1002}],
    ),
    "allOf of 1,000 keys": _schema(
        {"type": "object", "allOf": [{"required": [f"key{i}"]} for i in range(1000)]},
        [dict.fromkeys(_KEYS[:1000], 0)],
        [dict.fromkeys(_KEYS[:999], 0)],
    ),
    "allOf of 1,000 bounds": _schema({"allOf": [{"minimum": i, "type": "integer"} for i in range(1000)]}, [999], [998]),
    "allOf of 60 choices": _schema(
        {"allOf": [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(60)], "type": "object"},
        [{f"a{i}": 0 for i in range(60)}],
        [{}],
    ),
    "anyOf of 1,000 objects": _schema(
        {"anyOf": [{"type": "object", "required": [k], "properties": {k: {"const": k}}} for k in _KEYS[:1000]]},
        [{"key999": "key999"}],
        [{"key1000": "key1000"}, {}],
    ),
    "dependentRequired chain of 1,000": _schema(
        {"type": "object", "dependentRequired": {f"key{i}": [f"key{i + 1}"] for i in range(1000)}},
        [{}, {"key1000": 1}],
        [{"key0": 1}],
    ),
    "if nested 200 deep": _schema(_DEEP_IF, [0, 1, "x"]),
    "unevaluatedProperties under anyOf, 12 deep": _schema(
        lambda: _unevaluated(12), [{"leaf": 1}, {"a3": 1}], [{"leaf": "x"}, {"other": 1}]
    ),
    "unevaluatedProperties under anyOf, 200 deep": _schema(lambda: _unevaluated(200), [], [{"other": 1}]),
    **{
        f"grammar: {name}": Hostile(functools.partial(guided.Grammar, text), good, bad)
        for name, (text, good, bad) in GRAMMARS.items()
    },
}


def _loop() -> guided.Constraint:
    while True:
        pass


# Not hostile at all, or in a way that must be noticed: what they come to is known.
SELF_CHECKS = {
    "FAILED: ended by SIGXCPU": Hostile(_loop),
    "FAILED: MemoryError": Hostile(lambda: guided.Choice(["x" * (1 << 33)])),
    "FAILED: AssertionError: refused: b": Hostile(lambda: guided.Regex("a"), good=["b"]),
    "FAILED: AssertionError: accepted: a": Hostile(lambda: guided.Regex("a"), bad=["a"]),
    "FAILED: ZeroDivisionError": Hostile(lambda: guided.Regex("a" * (1 // 0))),
    "InvalidRegex": Hostile(lambda: guided.Regex("(")),
    "answered": Hostile(lambda: guided.Regex("a"), good=["a"], bad=["", "b"]),
}
