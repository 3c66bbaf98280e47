"""Turns of random tokens: every token that the mask allows is equally likely, so what is let through is found."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import jsonschema
import numpy as np
import pytest
from pydantic import BaseModel, Field

from guided.agents import Budget, ReactAgent, ReactRun
from guided.agents.exclusion import canonical
from guided.constraints import Choice, JsonSchema
from guided.tools import Tool, calculator, lookup, tool


class Point(BaseModel):
    x: Annotated[int, Field(ge=-1000, le=1000)]
    label: Literal["a", "b"]


@tool
def plot(point: Point, size: int = 1, colour: Literal["red", "blue"] | None = None) -> str:
    "Plot a point."
    return f"{point.label}{point.x}"


@tool
def today() -> str:
    "Tell the date of today."
    return "2024-02-29"


def echo(name: str, **properties) -> Tool:
    schema = {"properties": properties, "required": list(properties), "additionalProperties": False}
    return Tool(name, "", schema, lambda **arguments: arguments)


FLAGS = {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}
MIXED = [calculator, lookup({"a": 1}), plot, today, echo("math.add", a={"type": "number"}, b=FLAGS)]
THREE = JsonSchema({"type": "array", "items": {"type": "integer"}, "maxItems": 3})
ANSWERS = [None, int, Point, Choice(["yes", "no"]), THREE]
SMALL = {"max_turn_tokens": 100, "max_thought_chars": 8}


def assert_promises_hold(run: ReactRun, agent: ReactAgent, seen: set[str]) -> None:
    """What must be true of any run, whatever the model wrote."""
    tools = {one.name: one for one in agent.tools}
    repeats: dict[tuple[str, str], int] = {}
    for step in run.steps:
        assert (step.action is None) != (step.answer is None)
        assert "\n" not in step.thought
        if step.action is not None:
            seen.add(step.action.tool)
            jsonschema.validate(step.action.arguments, tools[step.action.tool].parameters)
            key = (step.action.tool, canonical(step.action.arguments))
            repeats[key] = repeats.get(key, 0) + 1
            assert step.observation is not None
            assert "do not fit" not in step.observation.text
    assert max(repeats.values(), default=0) <= 2
    assert run.error is None
    assert run.steps[-1].answer is not None
    assert run.text.count("\nObservation: ") == run.stats.tool_calls
    assert run.stats.tokens <= agent.budget.tokens
    assert run.stats.steps <= agent.budget.steps
    assert run.stats.tool_calls <= agent.budget.tool_calls


@pytest.mark.slow
def test_random_models_keep_every_promise(random_model):
    """1,000 turns and more: offered tools, valid arguments, an answer that fits, an end within the budget."""
    model, seen, turns = random_model(), set(), 0
    budget = Budget(steps=8, tokens=900, tool_calls=6)
    agents = [ReactAgent(model, MIXED, answer=answer, budget=budget, **SMALL) for answer in ANSWERS]
    for seed in itertools.count():
        agent = agents[seed % len(agents)]
        run = agent.run("What?", seed=seed * 100)
        assert_promises_hold(run, agent, seen)
        turns += len(run.steps)
        if turns >= 1000:
            break
    assert seen == {one.name for one in MIXED}, "some run calls each tool"


@pytest.mark.slow
@pytest.mark.parametrize("answer", ANSWERS, ids=["text", "int", "model", "choice", "schema"])
def test_both_branches_are_there_whatever_the_answer_is(random_model, answer):
    agent = ReactAgent(random_model(), [today], answer=answer, **SMALL)
    kinds = {agent.run("?", seed=seed).steps[0].answer is None for seed in range(16)}
    assert kinds == {True, False}


def test_the_same_seed_and_the_recorded_observations_give_the_same_tokens(random_model):
    counter = itertools.count()
    ticking = tool(name="tick")(lambda: str(next(counter)))
    agent = ReactAgent(random_model(), [ticking, calculator], budget=Budget(tokens=300), **SMALL)
    runs = [agent.run("?", seed=100 * seed) for seed in range(6)]
    calls = next(counter)
    for run in runs:
        again = agent.replay(ReactRun.from_json(run.to_json()))
        assert (again.text, again.finish_reason) == (run.text, run.finish_reason)
    assert next(counter) == calls + 1, "a replay calls no tool"
    assert len({run.text for run in runs}) > 1


@pytest.mark.slow
def test_a_finite_tool_runs_out_of_calls(random_model):
    """Each of its six calls is made at most once, and then only the answer is left."""
    pick = echo("pick", n={"type": "integer", "minimum": 0, "maximum": 2}, b={"type": "boolean"})
    budget = Budget(steps=None, tokens=None)
    agent = ReactAgent(random_model(), [pick], max_repeats=1, budget=budget, **SMALL)
    runs = [agent.run("?", seed=seed) for seed in range(0, 2000, 100)]
    made = [[canonical(step.action.arguments) for step in run.steps if step.action] for run in runs]
    assert all(len(set(calls)) == len(calls) <= 6 for calls in made)
    assert np.mean([len(calls) for calls in made]) > 0.5
