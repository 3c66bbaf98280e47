"""Do these arguments fit the tool's schema, exactly?

jsonschema decides, with two repairs: numbers are compared as they are spelled (`Decimal`), so that 19.99 is a
multiple of 0.01 and 1e400 is an integer, and no `$ref` is ever fetched. Validators are built at a tool's first call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from guided.errors import InvalidSchema, ToolError

__all__ = ["ArgumentCheck", "parse_arguments"]


def parse_arguments(tool: str, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """The arguments as a dict; a text is read as JSON."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, parse_float=_number)
        except ValueError as error:
            raise ToolError(f"tool {tool!r}: the arguments are not JSON: {error}") from None
    if not isinstance(arguments, Mapping):
        raise ToolError(f"tool {tool!r}: the arguments must be an object, not {type(arguments).__name__}")
    return dict(arguments)


def _number(spelled: str) -> float | int:
    """A float, but an int for whole numbers that a float does not hold exactly: 6E53."""
    value = float(spelled)
    if abs(value) < 2**53:
        return value
    exact = Decimal(spelled)
    return int(exact) if exact == exact.to_integral_value() else value


class ArgumentCheck:
    """The check of one tool's arguments."""

    def __init__(self, tool: str, schema: dict[str, Any]) -> None:
        self._tool = tool
        self._schema = schema

    def prepare(self) -> None:
        """Build the validator, which the first check would do."""
        _ = self._validator

    def check(self, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
        """The arguments as a dict, or `ToolError`."""
        value = parse_arguments(self._tool, arguments)
        try:
            spelled = arguments if isinstance(arguments, str) else json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ToolError(f"tool {self._tool!r}: the arguments are not JSON values: {error}") from None
        exact = json.loads(spelled, parse_float=Decimal)
        from referencing.exceptions import Unresolvable

        try:
            errors = list(self._validator.iter_errors(exact))
        except Unresolvable as error:
            raise InvalidSchema("", f"tool {self._tool!r}: {error} is not in the schema") from None
        if errors:
            raise ToolError(f"tool {self._tool!r}: {_explain(errors)}")
        return value

    @cached_property
    def _validator(self) -> Any:
        import jsonschema
        from referencing import Registry

        standard = jsonschema.validators.validator_for(self._schema, default=jsonschema.Draft202012Validator)
        try:
            standard.check_schema(self._schema)
        except jsonschema.SchemaError as error:
            pointer = "".join(f"/{part}" for part in error.absolute_path)
            raise InvalidSchema(pointer, f"tool {self._tool!r}: {error.message}") from None
        changed: dict[str, Any] = {"validators": {"multipleOf": _multiple_of}}
        if standard.TYPE_CHECKER.is_type(1.0, "integer"):  # drafts before 6 know no integer with a fraction part
            changed["type_checker"] = standard.TYPE_CHECKER.redefine("integer", _is_integer)
        exact = jsonschema.validators.extend(standard, **changed)
        schema = json.loads(json.dumps(self._schema), parse_float=Decimal)
        return exact(schema, registry=Registry(), format_checker=standard.FORMAT_CHECKER)


def _is_integer(_: Any, value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _multiple_of(validator: Any, divisor: Any, value: Any, _: Any) -> Iterator[Any]:
    import jsonschema

    if validator.is_type(value, "number") and Fraction(value) % Fraction(divisor):
        yield jsonschema.ValidationError(f"{value} is not a multiple of {divisor}")


def _explain(errors: list[Any]) -> str:
    import jsonschema

    worst = jsonschema.exceptions.best_match(errors)
    where = "".join(f"/{part}" for part in worst.absolute_path)
    message = worst.message if len(worst.message) <= 300 else worst.message[:300] + "…"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"the arguments do not fit{' at ' + where if where else ''}: {message}{more}"
