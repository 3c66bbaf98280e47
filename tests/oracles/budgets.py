"""Every budget from 1 token up, over many schemas: a result is valid, or refused before anything is computed.

    python -m tests.oracles.budgets [--schemas 50] [--to 200] [--seed 0]

sweeps all of it and prints what it found; the tests run a part. The model's logits are random. A refusal is right where
the canonical tokens of the shortest text, in its place after the prompt, do not fit; a closed text may be at most 1.2
times as long.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema

from guided.constraints import JsonSchema
from guided.errors import BudgetTooSmall
from guided.program import GenerateRequest, generate_row
from guided.runtime.scheduler import Scheduler

__all__ = ["Findings", "some_schemas", "sweep"]

PROMPT = "The record, in JSON: "
WORDS = ("name", "age", "http://", "tags", "island", "the crossbow", "é", "no", "nothing")


@dataclass
class Findings:
    """Counts by outcome; `wrong` is what must not be."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    worst_closing: float = 0.0


def some_schemas(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Objects of all sizes: nested, with optional keys, strings of bounded and unbounded length, enums, arrays."""
    rng = random.Random(seed)
    return [_object(rng, 2) for _ in range(count)]


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    names = rng.sample(WORDS, rng.randint(1, 4))
    properties = {name: _value(rng, depth - 1) for name in names}
    required = [name for name in names if rng.random() < 0.7]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _value(rng: random.Random, depth: int) -> dict[str, Any]:
    kinds = ["string", "bounded", "enum", "integer", "number", "boolean", "null", "array", "object", "pattern"]
    kind = rng.choice(kinds if depth else kinds[:-3])
    match kind:
        case "bounded":
            low = rng.randint(0, 20)
            return {"type": "string", "minLength": low, "maxLength": low + rng.randint(0, 30)}
        case "enum":
            return {"enum": rng.sample([*WORDS, 1, 2.5, None, True], 3)}
        case "integer":
            return {"type": "integer", "minimum": rng.randint(-1000, 10), "maximum": rng.randint(11, 10**9)}
        case "array":
            low = rng.randint(0, 4)
            return {
                "type": "array",
                "items": _value(rng, depth - 1),
                "minItems": low,
                "maxItems": low + rng.randint(0, 5),
            }
        case "object":
            return _object(rng, depth)
        case "pattern":
            return {"type": "string", "pattern": rng.choice(["^[A-Z]{2,9}$", "^(ab|cd)+$", "^\\d{3}-\\d{4}$"])}
        case _:
            return {"type": kind}


def sweep(engine: Any, schemas: list[dict[str, Any]], budgets: Sequence[int], seed: int = 0) -> Findings:
    """Generate for every schema under every budget."""
    found = Findings()
    budgets = list(budgets)
    for number, schema in enumerate(schemas):
        constraint = JsonSchema(schema, whitespace=("dumps", "flexible", "compact")[number % 3])
        shortest = _shortest(engine.vocab, constraint)
        for budget in budgets:
            request = GenerateRequest(
                prompt=PROMPT, constraint=constraint, max_tokens=budget, temperature=1.0, seed=seed, row=budget
            )
            _one(engine, request, schema, shortest, found)
    return found


def _shortest(vocab: Any, constraint: JsonSchema) -> int:
    """Canonical tokens of the shortest text behind the prompt that reach beyond the prompt."""
    text = constraint.compile(vocab).matcher().shortest_completion()
    end, count = 0, 0
    for token in vocab.encode(PROMPT.encode() + text):
        end += len(vocab.tokens[token] or b"")
        count += end > len(PROMPT.encode())
    return count


def _one(engine: Any, request: GenerateRequest, schema: dict[str, Any], shortest: int, found: Findings) -> None:
    place = f"max_tokens={request.max_tokens} of {json.dumps(schema)}"
    budget = request.max_tokens or 0
    calls = engine.stats.forward_calls
    try:
        result = Scheduler(engine).run_one(generate_row(engine, request))
    except BudgetTooSmall as error:
        found.outcomes["refused"] += 1
        if engine.stats.forward_calls != calls:
            found.wrong.append(f"refused after generating: {place}")
        if budget >= shortest or error.needed > shortest:
            found.wrong.append(f"refused, and {shortest} tokens are enough ({error.needed}): {place}")
        return
    found.outcomes[result.finish_reason] += 1
    if len(result.tokens) > budget:
        found.wrong.append(f"{len(result.tokens)} tokens: {place}")
    try:
        jsonschema.validate(json.loads(result.text), schema)
    except (ValueError, jsonschema.ValidationError) as error:
        found.wrong.append(f"not valid ({type(error).__name__}): {result.text!r}, {place}")
    if result.finish_reason == "length":
        found.wrong.append(f"cut: {place}")
    if result.finish_reason == "closed":
        closing = _closing(engine.vocab, request.constraint, result)
        found.worst_closing = max(found.worst_closing, closing)
        if closing > 1.2:
            found.wrong.append(f"closed by {closing:.2f} times the shortest way: {place}")


def _closing(vocab: Any, constraint: JsonSchema, result: Any) -> float:
    """Tokens of the closing, beside the canonical ones of the shortest way from where the model was."""
    decided = [token for token in result.trace if token.is_inside]
    written = b"".join(token.data for token in result.trace)[-sum(len(token.data) for token in decided) :]
    text = result.text.encode()
    written = next((written[at:] for at in range(len(written) + 1) if text.startswith(written[at:])), b"")
    matcher = constraint.compile(vocab).matcher()
    assert matcher.accept_bytes(written)
    shortest = len(vocab.encode(matcher.shortest_completion()))
    taken = len(result.tokens) - len(decided)
    return taken / shortest if shortest else 1.0


def main() -> None:
    """Sweep and tell."""
    from tests.program.conftest import ScriptedEngine, make_vocab

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, default=50)
    parser.add_argument("--to", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = Findings()
    for number, schema in enumerate(some_schemas(options.schemas, options.seed)):
        engine = ScriptedEngine(make_vocab(), seed=options.seed + number)
        found = sweep(engine, [schema], range(1, options.to + 1), options.seed)
        total.outcomes += found.outcomes
        total.wrong += found.wrong
        total.worst_closing = max(total.worst_closing, found.worst_closing)
    print(dict(total.outcomes), f"worst closing {total.worst_closing:.2f} x", f"{len(total.wrong)} wrong")
    for line in total.wrong[:20]:
        print(" ", line)


if __name__ == "__main__":
    main()
