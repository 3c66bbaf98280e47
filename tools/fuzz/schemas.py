"""Random JSON Schemas: every keyword, nested, with references, often contradictory; and values that come near them.

Names, numbers and patterns are drawn from small pools, so that keywords meet each other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["DRAFTS", "random_schema", "random_value"]

KEYS = ["a", "b", "c", "ab", "é", 'q"', ""]
TEXTS = ["", "a", "b", "ab", "ba", "aab", "é", "\U0001f600", "a b", '"', "\\", "\n", "2024-02-29", "1.2.3.4", "abcdef"]
NUMBERS: list[Any] = [0, 1, 2, 3, -1, -2, 7, 10, 100, 0.5, 1.5, -0.5, 2.0, 0.01, 0.25, 1e2, 1e-7, 1e30, 12.75, 19.99]
PATTERNS = [
    "^a",
    "b$",
    "a|b",
    "^.{2}$",
    "[^a]",
    "^$",
    "^[a-c]*$",
    "(?=.*b)a",
    "^(?!a)",
    "\\d",
    "^\\w+$",
    "é",
    "[\\s\\S]{3}",
]
FORMATS = ["date", "ipv4", "uuid", "json-pointer", "no-such-format"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
DRAFTS = {
    2020: "https://json-schema.org/draft/2020-12/schema",
    2019: "https://json-schema.org/draft/2019-09/schema",
    7: "http://json-schema.org/draft-07/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    4: "http://json-schema.org/draft-04/schema#",
}
NUM_DEFINITIONS = 3


class _Writer:
    """Writes one schema, by chance, in one draft."""

    def __init__(self, rng: random.Random, draft: int) -> None:
        self.rng = rng
        self.draft = draft
        self.definitions = "$defs" if draft >= 2019 else "definitions"

    def schema(self, depth: int) -> Any:
        rng = self.rng
        if rng.random() < 0.08 and self.draft > 4:
            return rng.random() < 0.7
        if rng.random() < 0.12:
            out = {"$ref": f"#/{self.definitions}/d{rng.randrange(NUM_DEFINITIONS)}"}
            if rng.random() < 0.6:
                return out
        else:
            out = {}
        if rng.random() < 0.75:
            out["type"] = rng.choice(TYPES[2:]) if rng.random() < 0.8 else rng.sample(TYPES, 2)
        kinds = self._kinds(out.get("type"))
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4])):
            rng.choice(kinds)(out, depth)
        return out

    def _kinds(self, types: Any) -> list[Callable[[dict[str, Any], int], None]]:
        about = {"array": self._array, "object": self._object, "string": self._string}
        names = types if isinstance(types, list) else [types]
        chosen = [about.get(name, self._number) for name in names if name in TYPES[2:]] or [
            *about.values(),
            self._number,
        ]
        return [*chosen * 4, self._combination, self._values]

    def _count(self) -> int:
        return self.rng.choice([0, 0, 1, 1, 2, 2, 3, 5])

    def _number(self, out: dict[str, Any], depth: int) -> None:
        name = self.rng.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"])
        if name.startswith("exclusive") and self.draft == 4:
            out["minimum" if name == "exclusiveMinimum" else "maximum"] = self.rng.choice(NUMBERS)
            out[name] = self.rng.random() < 0.7
        elif name == "multipleOf":
            out[name] = self.rng.choice([1, 2, 3, 0.5, 0.01, 0.25, 7, 1.5, 1e-2])
        else:
            out[name] = self.rng.choice(NUMBERS)

    def _string(self, out: dict[str, Any], depth: int) -> None:
        name = self.rng.choice(["minLength", "maxLength", "pattern", "format"])
        if name in ("minLength", "maxLength"):
            out[name] = self._count()
        else:
            out[name] = self.rng.choice(PATTERNS if name == "pattern" else FORMATS)

    def _array(self, out: dict[str, Any], depth: int) -> None:
        rng = self.rng
        names = ["items", "minItems", "maxItems", "uniqueItems", "tuple"]
        names += ["contains", "contains"] if self.draft > 4 else []
        names += ["minContains", "maxContains"] if self.draft >= 2019 else []
        names += ["unevaluatedItems"] if self.draft >= 2020 else []  # jsonschema's of 2019-09 has faults of its own
        name = rng.choice(names)
        if name == "uniqueItems":
            out[name] = rng.random() < 0.9
        elif name.startswith(("min", "max")):
            out[name] = self._count()
        elif name == "tuple":
            prefix = [self.schema(depth - 1) for _ in range(rng.randint(1, 3))] if depth > 0 else [{}]
            out["prefixItems" if self.draft >= 2020 else "items"] = prefix
            if self.draft < 2020 and rng.random() < 0.5:
                out["additionalItems"] = self.part(depth)
        elif name != "items" or not isinstance(out.get("items"), list):
            out[name] = self.part(depth)

    def _object(self, out: dict[str, Any], depth: int) -> None:
        rng = self.rng
        names = ["properties", "properties", "required", "additionalProperties", "patternProperties"]
        names += ["minProperties", "maxProperties", "dependent"]
        names += ["propertyNames"] if self.draft > 4 else []
        names += ["unevaluatedProperties"] if self.draft >= 2020 else []
        name = rng.choice(names)
        if name == "properties":
            out[name] = {k: self.part(depth) for k in rng.sample(KEYS, rng.randint(1, 4))}
        elif name == "patternProperties":
            out[name] = {p: self.part(depth) for p in rng.sample(PATTERNS, rng.randint(1, 2))}
        elif name == "required":
            out[name] = rng.sample(KEYS, rng.randint(1, 3))
        elif name in ("minProperties", "maxProperties"):
            out[name] = self._count()
        elif name == "dependent":
            self._dependent(out, depth)
        else:
            out[name] = self.part(depth) if name != "propertyNames" or rng.random() < 0.3 else {"maxLength": 1}

    def _dependent(self, out: dict[str, Any], depth: int) -> None:
        key, is_list = self.rng.choice(KEYS), self.rng.random() < 0.5
        needs = self.rng.sample(KEYS, self.rng.randint(1, 2)) if is_list else self.part(depth)
        name = ("dependentRequired" if is_list else "dependentSchemas") if self.draft >= 2019 else "dependencies"
        out.setdefault(name, {})[key] = needs

    def _combination(self, out: dict[str, Any], depth: int) -> None:
        if depth <= 0:
            return
        rng = self.rng
        name = rng.choice(["allOf", "anyOf", "oneOf", "not", "if"])
        if name == "not":
            out[name] = self.part(depth)
        elif name == "if" and self.draft >= 7:
            out.update({k: self.part(depth) for k in ("if", *rng.sample(["then", "else"], rng.randint(1, 2)))})
        else:
            out[name if name != "if" else "anyOf"] = [self.part(depth) for _ in range(rng.randint(1, 3))]

    def _values(self, out: dict[str, Any], depth: int) -> None:
        rng = self.rng
        if rng.random() < 0.4 and self.draft > 4:
            out["const"] = random_value(rng, 2)
        else:
            out["enum"] = [random_value(rng, 2) for _ in range(rng.randint(1, 4))]

    def part(self, depth: int) -> Any:
        if depth > 0:
            return self.schema(depth - 1)
        return {"type": self.rng.choice(TYPES)} if self.draft == 4 or self.rng.random() < 0.7 else True


def random_schema(rng: random.Random) -> dict[str, Any]:
    """A schema with its `$schema`; its definitions may refer to each other."""
    draft = rng.choice([2020] * 5 + [2019, 7, 7, 6, 4])
    writer = _Writer(rng, draft)
    body = writer.schema(rng.randint(1, 3))
    schema: dict[str, Any] = {"$schema": DRAFTS[draft], **(body if isinstance(body, dict) else {"allOf": [{}]})}
    if "$ref" in json.dumps(schema):
        schema[writer.definitions] = {f"d{i}": writer.schema(rng.randint(0, 2)) for i in range(NUM_DEFINITIONS)}
    return schema


def random_value(rng: random.Random, depth: int = 3) -> Any:
    """A JSON value from the pools that schemas are made of."""
    kind = rng.choice(
        ["scalar", "number", "text", "array", "object", "object"] if depth > 0 else ["scalar", "number", "text"]
    )
    if kind == "scalar":
        return rng.choice([None, True, False])
    if kind == "number":
        return rng.choice(NUMBERS)
    if kind == "text":
        return rng.choice(TEXTS)
    if kind == "array":
        return [random_value(rng, depth - 1) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))]
    return {k: random_value(rng, depth - 1) for k in rng.sample(KEYS, rng.choice([0, 1, 1, 2, 2, 3]))}


def near(value: Any, rng: random.Random) -> Any:
    """The same value with one thing in it changed."""
    if isinstance(value, list) and value and rng.random() < 0.8:
        i = rng.randrange(len(value))
        changed = rng.choice([[near(value[i], rng)], [], [value[i], value[i]], [random_value(rng, 1), value[i]]])
        return [*value[:i], *changed, *value[i + 1 :]]
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        rest = {k: v for k, v in value.items() if k != key}
        return rng.choice(
            [{**value, key: near(value[key], rng)}, rest, {**value, rng.choice(KEYS): random_value(rng, 1)}]
        )
    if isinstance(value, str) and rng.random() < 0.7:
        i = rng.randrange(len(value) + 1)
        return value[:i] + rng.choice(["", "a", "b", "é", '"', "1"]) + value[i + rng.randrange(2) :]
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.7:
        return value + rng.choice([1, -1, 0.5, 0.01])
    return random_value(rng, 2)
