"""Schemas and patterns that between them use everything the engine supports."""

SCHEMAS = {
    "any value": True,
    "scalars": {"type": ["null", "boolean", "integer"]},
    "flat object": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
        "required": ["name"],
        "additionalProperties": False,
    },
    "open object": {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a", "zz"]},
    "extra keys typed": {
        "properties": {"a": {"type": "null"}},
        "additionalProperties": {"type": "integer"},
        "type": "object",
    },
    "counted keys": {
        "type": "object",
        "properties": {"a": {}, "b": {}, "c": {"const": 3}},
        "minProperties": 2,
        "maxProperties": 3,
        "additionalProperties": {"type": "boolean"},
    },
    "tuple": {
        "type": "array",
        "prefixItems": [{"const": "x"}, {"type": "number"}],
        "items": {"enum": [1, "one", None]},
        "maxItems": 4,
    },
    "counted items": {"type": "array", "items": {"type": "string", "maxLength": 2}, "minItems": 2, "maxItems": 3},
    "lengths": {"type": "string", "minLength": 2, "maxLength": 5},
    "pattern": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$", "maxLength": 8},
    "search pattern": {"type": "string", "pattern": "\\d\\D\\d"},
    "pattern with escapes": {"type": "string", "pattern": '^["\\\\/\\n\\u00e9]{1,4}$'},
    "number bounds": {"type": "number", "minimum": -4, "exclusiveMaximum": 4.25},
    "integer bounds": {"type": "integer", "exclusiveMinimum": -12, "maximum": 1005},
    "enum of all kinds": {"enum": [1, 1.5, "é\n", None, True, [1, {"a": 2}], {"b": [], "c": "d"}]},
    "const object": {"const": {"k": [1, 2, {"z": None}]}},
    "branches": {
        "anyOf": [
            {
                "type": "object",
                "properties": {"t": {"const": "circle"}, "r": {"type": "number"}},
                "required": ["t", "r"],
            },
            {
                "type": "object",
                "properties": {"t": {"const": "square"}, "side": {"type": "integer"}},
                "required": ["t", "side"],
                "additionalProperties": False,
            },
            {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        ]
    },
    "branches with siblings": {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
        "anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "string", "maxLength": 3}}, "required": ["b"]}],
    },
    "tree": {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "v": {"type": "integer"},
                    "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2},
                },
                "required": ["v"],
                "additionalProperties": False,
            }
        },
    },
    "reference with siblings": {
        "$defs": {"s": {"type": "string", "minLength": 1}},
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/s", "maxLength": 2}},
        "required": ["x"],
    },
    "awkward keys": {
        "type": "object",
        "properties": {
            'q"uote': {"type": "null"},
            "back\\slash": {"type": "null"},
            "é\n": {"type": "null"},
            "": {"type": "null"},
        },
        "additionalProperties": False,
        "minProperties": 1,
    },
}

PATTERNS = [
    r"[A-Z][a-z]{2,10}",
    r"(\d{1,3}\.){3}\d{1,3}",
    r"(?:ab|cd)*e?",
    r"[^\s\"]+@[a-z]+\.(?:com|org)",
    r"x{3,129}",
    r"(a+)+b",
    r"[é-ü]{1,3}|\u00ff",
    r"(?i:yes|no)",
    r"(?s).{0,12}\n",
    r"-?(?:0|[1-9]\d*)(?:\.\d+)?",
    r"[\w-]+(?:, [\w-]+){1,3}",
    r"",
]
