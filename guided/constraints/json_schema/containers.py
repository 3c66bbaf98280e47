"""What a schema says of objects and arrays, as the fields of a native node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guided.constraints.json_schema.keywords import as_count, pointer_to
from guided.constraints.json_schema.place import Place
from guided.constraints.json_schema.strings import StringParts

__all__ = ["add_array", "add_object"]

NodeOf = Callable[[Place], int | None]  # None: anything goes
Fields = dict[str, Any]


def add_object(
    fields: Fields, schema: Fields, place: Place, node_of: Callable[[Place], int], part_of: NodeOf, strings: StringParts
) -> None:
    """Add the keywords about keys and their values."""
    if "properties" in schema:
        fields["properties"] = [(key, node_of(place.child("properties", key))) for key in schema["properties"]]
    if schema.get("patternProperties"):
        at = pointer_to(place.pointer, "patternProperties")
        fields["pattern_properties"] = [
            (strings.pattern(pattern, pointer_to(at, pattern)), node_of(place.child("patternProperties", pattern)))
            for pattern in schema["patternProperties"]
        ]
    for keyword, field in (
        ("additionalProperties", "additional"),
        ("propertyNames", "property_names"),
        ("unevaluatedProperties", "unevaluated_properties"),
    ):
        if keyword in schema and (node := part_of(place.child(keyword))) is not None:
            fields[field] = node
    if schema.get("required"):
        fields["required"] = schema["required"]
    if "minProperties" in schema:
        fields["min_properties"] = as_count(schema["minProperties"])
    if "maxProperties" in schema:
        fields["max_properties"] = as_count(schema["maxProperties"])


def add_array(
    fields: Fields, schema: Fields, place: Place, node_of: Callable[[Place], int], part_of: NodeOf, draft: int
) -> None:
    """Add the keywords about items."""
    prefix, rest = ("prefixItems", "items") if draft >= 2020 else ("items", "additionalItems")
    if isinstance(schema.get(prefix), list):
        fields["prefix_items"] = [node_of(place.child(prefix, i)) for i in range(len(schema[prefix]))]
    elif draft < 2020:
        rest = "items"  # additionalItems means nothing without a list of items
    for keyword, field in ((rest, "items"), ("unevaluatedItems", "unevaluated_items")):
        if keyword in schema and (node := part_of(place.child(keyword))) is not None:
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
        fields["some_items"] = [(0, node_of(place.child("contains")), least, most, draft >= 2020)]
