"""Which draft a schema is written in, and which of its keywords the vocabularies of its `$schema` leave out.

A metaschema that is not one of the standard's may list vocabularies (`$vocabulary`, since 2019-09): keywords of others
are annotations then. It comes from the registry of the caller, never from the network.
"""

from __future__ import annotations

from typing import Any

from guided.errors import InvalidSchema, UnsupportedSchema

__all__ = ["DRAFT_URIS", "draft_named", "draft_of", "left_out"]

DRAFT_URIS = {
    "https://json-schema.org/draft/2020-12/schema": 2020,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "http://json-schema.org/draft-07/schema": 7,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-04/schema": 4,
}
_AS_WRITTEN = {spelled: draft for uri, draft in DRAFT_URIS.items() for spelled in (uri, uri + "#")}
_NAMES = {"2020-12": 2020, "2019-09": 2019, "7": 7, "6": 6, "4": 4}

_VALIDATION = frozenset(
    {
        *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains"),
        *("maxProperties", "minProperties", "required", "dependentRequired"),
    }
)
_UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_APPLICATOR = frozenset(
    {
        *("prefixItems", "items", "additionalItems", "contains", "additionalProperties", "properties"),
        *("patternProperties", "dependentSchemas", "propertyNames", "if", "then", "else", "allOf", "anyOf", "oneOf"),
        "not",
    }
)
_ANNOTATES = frozenset({"meta-data", "format", "format-annotation", "format-assertion", "content"})
_VOCABULARIES: dict[int, dict[str, frozenset[str]]] = {
    2019: {"core": frozenset(), "applicator": _APPLICATOR | _UNEVALUATED, "validation": _VALIDATION},
    2020: {
        "core": frozenset(),
        "applicator": _APPLICATOR,
        "validation": _VALIDATION,
        "unevaluated": _UNEVALUATED,
    },
}


def draft_of(uri: Any, draft: str | None) -> int:
    """The draft asked for, else the one that the value of `$schema` names, else 2020-12."""
    if draft is not None:
        name = str(draft).removeprefix("draft").removeprefix("-").lstrip("0")
        if name not in _NAMES:
            raise InvalidSchema("", f"there is no draft {draft!r}; there are {', '.join(_NAMES)}")
        return _NAMES[name]
    if uri is None:
        return 2020
    known = _AS_WRITTEN.get(uri)
    if known is not None:
        return known
    if not isinstance(uri, str):
        raise InvalidSchema("/$schema", "$schema must be a string")
    plain = _plain(uri)
    if "draft-03" in plain or "draft-02" in plain or "draft-01" in plain:
        raise UnsupportedSchema("/$schema", "$schema", "drafts before 4 are not supported")
    return DRAFT_URIS.get(plain, 2020)


def draft_named(schema: Any) -> int | None:
    """The draft of the standard that the `$schema` of a resource names, if it does."""
    uri = schema.get("$schema") if isinstance(schema, dict) else None
    return DRAFT_URIS.get(_plain(uri)) if isinstance(uri, str) else None


def left_out(uri: Any, draft: int, registry: Any) -> frozenset[str]:
    """The keywords that the metaschema in `$schema` makes annotations; none where it is not in the registry."""
    if draft < 2019 or not isinstance(uri, str) or registry is None or _plain(uri) in DRAFT_URIS:
        return frozenset()
    metaschema = _contents(registry, uri.removesuffix("#"))
    listed = metaschema.get("$vocabulary") if isinstance(metaschema, dict) else None
    if not isinstance(listed, dict):
        return frozenset()
    year = "2020-12" if draft == 2020 else "2019-09"
    known = _VOCABULARIES[draft]
    names = {uri: uri.removeprefix(f"https://json-schema.org/draft/{year}/vocab/") for uri in listed}
    for vocabulary, is_required in listed.items():
        if is_required and names[vocabulary] not in known.keys() | _ANNOTATES:
            raise UnsupportedSchema("/$schema", "$schema", f"the metaschema requires the vocabulary {vocabulary!r}")
    return frozenset().union(*(keywords for name, keywords in known.items() if name not in names.values()))


def _plain(uri: str) -> str:
    plain = uri.strip().removesuffix("#").replace("http://json-schema.org/draft/", "https://json-schema.org/draft/")
    return plain.replace("https://json-schema.org/draft-", "http://json-schema.org/draft-")


def _contents(registry: Any, uri: str) -> Any:
    from referencing.exceptions import NoSuchResource

    try:
        return registry.contents(uri)
    except (NoSuchResource, AttributeError):
        return None
