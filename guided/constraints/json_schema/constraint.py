"""JSON texts that satisfy a JSON Schema."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from guided.constraints.constraint import Constraint
from guided.constraints.json_schema.beyond import Beyond
from guided.constraints.json_schema.clash import clashing_keywords
from guided.constraints.json_schema.dialects import draft_of, left_out
from guided.constraints.json_schema.options import SchemaOptions, Whitespace, layout_of
from guided.constraints.json_schema.outside import Outside
from guided.constraints.json_schema.source import SchemaSource, read_source
from guided.constraints.limits import Limits
from guided.errors import ConstraintError, UnsatisfiableConstraint, UnsupportedSchema

if TYPE_CHECKING:
    from guided import _native

__all__ = ["JsonSchema"]

_LONGEST_EXPLAINED = 20_000  # characters of a schema whose clash is looked for, trial by trial


class JsonSchema(Constraint):
    """JSON whose value satisfies `schema`: a dict, bool, JSON text, pydantic model, dataclass or TypedDict.

    order: keys as declared, or in "any" order. whitespace: "flexible" (any JSON white space, in bounded runs),
    "dumps" (as `json.dumps` writes), "compact"; or `indent`. draft: "2020-12", "2019-09", "7", "6", "4"; by default as
    `$schema` says. registry: a `referencing.Registry` for remote references. docs/schema.md lists the keywords.
    may_exceed: compile what cannot be decided within the limits too; then a mask may raise while a text is under way.

    >>> JsonSchema({"type": "integer"}).parse("42")
    42
    """

    def __init__(
        self,
        schema: Any,
        *,
        order: Literal["declared", "any"] = "declared",
        whitespace: Whitespace = "flexible",
        indent: int | None = None,
        draft: str | None = None,
        registry: Any = None,
        formats: Literal["assert", "annotate"] = "assert",
        unknown_formats: Literal["annotate", "error"] = "annotate",
        may_exceed: bool = False,
    ) -> None:
        self._source = schema if isinstance(schema, SchemaSource) else read_source(schema)
        self.options = SchemaOptions(order, whitespace, indent, draft, registry, formats, unknown_formats, may_exceed)
        self.options.check()
        self._draft = draft_of(self._source.document.root_member("$schema"), draft)

    @property
    def schema_text(self) -> str:
        """The schema as JSON text."""
        return self._source.document.text

    @property
    def identity(self) -> Hashable:
        options, origin = self.options, self._source.origin
        if origin is not None and not isinstance(origin, Hashable):
            origin = repr(origin)
        layout = options.order, options.whitespace, options.indent, options.formats, options.unknown_formats
        return self._source.document, self._draft, layout, id(options.registry), origin, options.may_exceed

    def lower_with(self, builder: _native.Builder, parts: Sequence[int], limits: Limits) -> int:
        document, options = self._source.document, self.options
        unused: tuple[str, ...] = ()
        if options.registry is not None:
            unused = tuple(left_out(document.root_member("$schema"), self._draft, options.registry))
        beyond = None
        if not document.is_plain(self._draft):
            if unused:
                reason = "vocabularies of a metaschema together with references beyond the document"
                raise UnsupportedSchema("/$schema", "$schema", reason)
            beyond = Beyond(document.thaw(), self._draft, options.registry)
            document = beyond.document
        outside = Outside(self._draft, beyond, refuses_unknown_formats=options.unknown_formats == "error")
        root = builder.lower_schema(
            document,
            outside,
            draft=self._draft,
            left_out=unused,
            asserts_formats=options.formats == "assert",
            max_nodes=limits.max_schema_nodes,
        )
        return builder.json(root, order=options.order, may_exceed=options.may_exceed, **layout_of(options))

    def clash(self, limits: Limits) -> str | None:
        document = self._source.document.thaw()
        is_short = isinstance(document, dict) and len(self.schema_text) <= _LONGEST_EXPLAINED
        if not is_short or self._is_satisfiable(document, limits):
            return None
        return clashing_keywords(document, lambda part: self._is_satisfiable(part, limits))

    def _is_satisfiable(self, document: Any, limits: Limits) -> bool:
        """Whether some value satisfies this part of the schema; True also where that cannot be told."""
        options = self.options
        try:
            part = JsonSchema(document, draft=options.draft, registry=options.registry, formats=options.formats)
            builder = limits.new_builder()
            builder.check(part.lower(builder, limits))
        except UnsatisfiableConstraint:
            return False
        except ConstraintError:
            return True
        return True

    def parse(self, text: str) -> Any:
        """The JSON value, or the object of the type that the schema was made from."""
        return self._source.read_instance(text)

    def __repr__(self) -> str:
        text = self.schema_text
        return f"JsonSchema({text if len(text) <= 200 else text[:197] + '...'})"
