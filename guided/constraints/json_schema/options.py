"""How a schema is read and how its instances are laid out."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from guided.errors import ConstraintError

__all__ = ["SchemaOptions", "Whitespace", "layout_of"]

Whitespace = Literal["flexible", "compact", "dumps"]


_LEGAL = {
    "order": ("declared", "any"),
    "whitespace": ("flexible", "compact", "dumps"),
    "formats": ("assert", "annotate"),
    "unknown_formats": ("annotate", "error"),
}


class SchemaOptions(NamedTuple):
    """The keyword arguments of `JsonSchema`."""

    order: Literal["declared", "any"] = "declared"
    whitespace: Whitespace = "flexible"
    indent: int | None = None
    draft: str | None = None
    registry: Any = None
    formats: Literal["assert", "annotate"] = "assert"
    unknown_formats: Literal["annotate", "error"] = "annotate"
    may_exceed: bool = False

    def check(self) -> None:
        """ConstraintError where one of them is not legal."""
        usual = (self.whitespace, self.indent, self.formats, self.unknown_formats)
        if usual == ("flexible", None, "assert", "annotate") and self.order in _LEGAL["order"]:
            return
        for name, values in _LEGAL.items():
            if getattr(self, name) not in values:
                raise ConstraintError(f"{name} must be one of {', '.join(values)}, not {getattr(self, name)!r}")
        if self.indent is not None and not (isinstance(self.indent, int) and 0 <= self.indent <= 64):
            raise ConstraintError(f"indent must be a number of spaces up to 64, not {self.indent!r}")


def layout_of(options: SchemaOptions) -> dict[str, Any]:
    """Separators and white space in the words of the native builder; `indent` lays out as `json.dumps(indent=)`."""
    if options.indent is not None:
        return {"item_separator": ",", "key_separator": ": ", "whitespace": "fixed", "indent": options.indent}
    if options.whitespace == "dumps":
        return {"item_separator": ", ", "key_separator": ": ", "whitespace": "fixed", "indent": None}
    kind = "flexible" if options.whitespace == "flexible" else "fixed"
    return {"item_separator": ",", "key_separator": ":", "whitespace": kind, "indent": None}
