"""JSON Schema: sources, references, and the lowering of each keyword to native schema nodes."""

from guided.constraints.json_schema.constraint import JsonSchema
from guided.constraints.json_schema.source import schema_of_type

__all__ = ["JsonSchema", "schema_of_type"]
