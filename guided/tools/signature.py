"""How a tool's parameters are told to a model in one line: `search(query: string, k: integer = 3)`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["signature_of"]

MAX_OPTIONS = 8  # longer enumerations are told by their type alone
MAX_DEPTH = 4


def signature_of(name: str, schema: Mapping[str, Any]) -> str:
    """Name and parameters, required ones first as declared, then `name: type = default` or `name?: type`.

    >>> signature_of("f", {"properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"], "default": "x"}},
    ...                    "required": ["a"]})
    'f(a: integer, b: "x" | "y" = "x")'
    """
    required = set(schema.get("required", ()))
    parts = []
    for key, part in dict(schema.get("properties", {})).items():
        shown = type_name(part, schema)
        if key in required:
            parts.append(f"{key}: {shown}")
        elif isinstance(part, Mapping) and part.get("default") is not None:
            parts.append(f"{key}: {shown} = {json.dumps(part['default'], ensure_ascii=False)}")
        else:
            parts.append(f"{key}?: {shown}")
    return f"{name}({', '.join(parts)})"


def type_name(part: Any, root: Mapping[str, Any], depth: int = 0) -> str:
    """A short name of what a schema allows."""
    if not isinstance(part, Mapping) or depth > MAX_DEPTH:
        return "any"
    if "const" in part:
        return json.dumps(part["const"], ensure_ascii=False)
    if isinstance(part.get("enum"), list) and len(part["enum"]) <= MAX_OPTIONS:
        return " | ".join(json.dumps(option, ensure_ascii=False) for option in part["enum"])
    if isinstance(part.get("$ref"), str):
        return type_name(_resolve(part["$ref"], root), root, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(part.get(keyword), list):
            return " | ".join(dict.fromkeys(type_name(option, root, depth + 1) for option in part[keyword]))
    kinds = part.get("type", "any")
    if isinstance(kinds, list):
        return " | ".join(str(kind) for kind in kinds)
    if kinds == "array" and "items" in part:
        item = type_name(part["items"], root, depth + 1)
        return f"({item})[]" if " | " in item else f"{item}[]"
    return str(kinds)


def _resolve(reference: str, root: Mapping[str, Any]) -> Any:
    node: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
