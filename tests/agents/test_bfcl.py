"""The tool declarations of the Berkeley Function Calling Leaderboard: each compiles, random calls of them are valid.

The data writes types as Python names; they are translated to JSON Schema here, since that is the data's dialect.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import jsonschema
import numpy as np
import pytest

from guided.agents.turn import Offer, one_line, parse_turn, turn_constraint
from guided.tools import Tool
from guided.tools.arguments import parse_arguments

TYPES = {"dict": "object", "float": "number", "tuple": "array"}


def as_json_schema(node: dict[str, Any]) -> dict[str, Any]:
    """`dict`, `float` and `tuple` by their JSON names; `any` is no type at all."""
    out = {key: value for key, value in node.items() if key != "type"}
    if node.get("type", "any") != "any":
        out["type"] = TYPES.get(node["type"], node["type"])
    if "properties" in node:
        out["properties"] = {key: as_json_schema(part) for key, part in node["properties"].items()}
    if isinstance(node.get("items"), dict):
        out["items"] = as_json_schema(node["items"])
    return out


@pytest.fixture(scope="module")
def declarations(shared_data) -> list[dict[str, Any]]:
    with gzip.open(shared_data / "bfcl-live-multiple-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        functions = [function for line in lines for function in json.loads(line)["function"]]
    unique = {json.dumps(function, sort_keys=True): function for function in functions}
    return [{**f, "parameters": as_json_schema(f["parameters"])} for f in unique.values()]


@pytest.mark.slow
def test_every_declaration_compiles_and_a_random_call_of_it_is_valid(declarations, random_model):
    assert len(declarations) > 700
    writer = random_model()
    for seed, declaration in enumerate(declarations):
        tool = Tool.from_openai(declaration, lambda **arguments: arguments)
        grammar = turn_constraint([Offer(tool.name, tool.parameters)], one_line(5), 5)
        matcher = grammar.compile(writer.vocab).matcher()
        assert matcher.accept_bytes(f"Thought: a\nAction: {tool.name}(".encode())
        written = writer.writes(matcher, 150, np.random.default_rng(seed)).decode()
        turn = parse_turn(f"Thought: a\nAction: {tool.name}({written}")
        assert turn.tool == tool.name
        jsonschema.validate(parse_arguments(tool.name, turn.arguments), tool.parameters)
        assert tool.run(turn.arguments) == tool.check(turn.arguments)
