"""The two services of a pydantic model to a tool: its schema, and JSON values turned into its types."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from guided.errors import ToolError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["first_line", "schema_of", "validated"]


def validated(name: str, model: type[BaseModel], arguments: dict[str, Any]) -> Any:
    """The arguments as an object of the model; `ToolError` says what does not fit."""
    from pydantic import ValidationError

    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        worst = error.errors(include_url=False)[0]
        where = "/".join(str(part) for part in worst["loc"])
        raise ToolError(f"tool {name!r}: the arguments do not fit at /{where}: {worst['msg']}") from None


def schema_of(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON Schema, without the titles that pydantic adds; `ToolError` where a type has none."""
    from pydantic import PydanticUserError
    from pydantic.errors import PydanticInvalidForJsonSchema
    from pydantic.json_schema import GenerateJsonSchema

    class WithoutTitles(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # a default that is no JSON value is left out of the schema: right, not worth a warning
            schema = model.model_json_schema(schema_generator=WithoutTitles)
    except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
        raise ToolError(f"tool {name!r}: no schema for its types: {first_line(error)}") from None
    schema.pop("title", None)
    schema.pop("description", None)
    return schema


def first_line(error: Exception) -> str:
    """The part of pydantic's message that a user needs."""
    return str(error).split("\n", 1)[0]
