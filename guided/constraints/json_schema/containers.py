"""What a schema says of objects and arrays, as the fields of a native node."""

from __future__ import annotations

from typing import Any, Protocol

from guided.constraints.json_schema.keywords import as_count
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.strings import StringParts

__all__ = ["Nodes", "add_array", "add_object"]

Fields = dict[str, Any]

_OF_OBJECTS = frozenset(
    {
        *("properties", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties"),
        *("required", "minProperties", "maxProperties"),
    }
)
_OF_ARRAYS = frozenset(
    {
        *("prefixItems", "items", "additionalItems", "unevaluatedItems", "minItems", "maxItems", "uniqueItems"),
        "contains",
    }
)


class Nodes(Protocol):
    """Gives schemas their literals."""

    def node(self, place: Place) -> int: ...
    def child(self, place: Place, schema: Any, *keys: str | int) -> int: ...
    def part(self, place: Place, schema: Any, *keys: str | int) -> int | None: ...


def add_object(fields: Fields, schema: Fields, place: Place, nodes: Nodes, strings: StringParts) -> None:
    """Add the keywords about keys and their values."""
    if _OF_OBJECTS.isdisjoint(schema):
        return
    if "properties" in schema:
        fields["properties"] = [
            (key, nodes.child(place, value, "properties", key)) for key, value in schema["properties"].items()
        ]
    if schema.get("patternProperties"):
        fields["pattern_properties"] = [
            (
                strings.pattern(pattern, place, "patternProperties", pattern),
                nodes.child(place, value, "patternProperties", pattern),
            )
            for pattern, value in schema["patternProperties"].items()
        ]
    for keyword, field in (
        ("additionalProperties", "additional"),
        ("propertyNames", "property_names"),
        ("unevaluatedProperties", "unevaluated_properties"),
    ):
        if keyword in schema and (node := nodes.part(place, schema[keyword], keyword)) is not None:
            fields[field] = node
    if schema.get("required"):
        fields["required"] = schema["required"]
    if "minProperties" in schema:
        fields["min_properties"] = as_count(schema["minProperties"])
    if "maxProperties" in schema:
        fields["max_properties"] = as_count(schema["maxProperties"])


def add_array(fields: Fields, schema: Fields, place: Place, nodes: Nodes, draft: int) -> None:
    """Add the keywords about items."""
    if _OF_ARRAYS.isdisjoint(schema):
        return
    prefix, rest = ("prefixItems", "items") if draft >= 2020 else ("items", "additionalItems")
    if isinstance(schema.get(prefix), list):
        fields["prefix_items"] = [nodes.child(place, value, prefix, i) for i, value in enumerate(schema[prefix])]
    elif draft < 2020:
        rest = "items"  # additionalItems means nothing without a list of items
    for keyword, field in ((rest, "items"), ("unevaluatedItems", "unevaluated_items")):
        if keyword in schema and (node := nodes.part(place, schema[keyword], keyword)) is not None:
            fields[field] = node
    if "minItems" in schema:
        fields["min_items"] = as_count(schema["minItems"])
    if "maxItems" in schema:
        fields["max_items"] = as_count(schema["maxItems"])
    if schema.get("uniqueItems") is True and not schema.keys() & {"const", "enum"}:  # these kept only such arrays
        fields["unique_items"] = True
    if "contains" in schema:
        least = as_count(schema.get("minContains", 1))
        most = as_count(schema["maxContains"]) if "maxContains" in schema else None
        literal = nodes.child(place, schema["contains"], "contains")
        fields["some_items"] = [(0, literal, least, most, draft >= 2020)]
