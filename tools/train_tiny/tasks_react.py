"""Questions in Thought / Action / Observation form: arithmetic, look-up, both, and other one-argument tools.

Each expression has one operator; the model copies operands and observations and never computes. Observations are
runtime data: they are given, not written by the model.
"""

from __future__ import annotations

import json
from random import Random

from tools.train_tiny import tools
from tools.train_tiny.arithmetic import Problem, one_step, say, solve, then_question, two_step
from tools.train_tiny.examples import Example, Segment
from tools.train_tiny.words import Split

HEADER = "Answer the question. You can use these tools:\n"


def _call(tool: str, **arguments: str) -> str:
    return f"Action: {tool}({json.dumps(arguments, ensure_ascii=False)})\n"


def _document(task: str, names: list[str], question: str, turns: list[tuple[str, str, str]], answer: str) -> Example:
    """`turns` are (thought, action line, observation); the last observation is the answer."""
    segments = [Segment(HEADER + "\n".join(tools.LINES[n] for n in names) + f"\n\nQuestion: {question}\n", False)]
    for thought, action, observation in turns:
        segments.append(Segment(f"Thought: {thought}\n{action}", True))
        segments.append(Segment(f"Observation: {observation}\n", False))
    segments.append(Segment(f"Thought: I know the answer.\nAnswer: {answer}\n", True))
    return Example(task, tuple(segments), {"answer": answer, "tools": names})


def _calculate(thought: str, expression: str) -> tuple[str, str, str]:
    return thought, _call("calculator", expression=expression), solve(expression)


def _arithmetic_turns(problem: Problem) -> list[tuple[str, str, str]]:
    first, rest = problem.first, problem.second
    if rest is None:
        return [_calculate(f"I need to work out {first}.", first)]
    begin = _calculate(f"I need to work out {first} first.", first)
    operator, operand, is_left = rest
    expression = f"{begin[2]} {operator} {operand}" if is_left else f"{operand} {operator} {begin[2]}"
    return [begin, _calculate(f"Now I need to {say(expression)}.", expression)]


def calculation(rng: Random, split: Split) -> Example:
    """One or two operations with the calculator."""
    is_single = rng.random() < 0.33
    problem = one_step(rng, split) if is_single else two_step(rng, split)
    turns = _arithmetic_turns(problem)
    names = tools.offered(rng, ["calculator"])
    return _document("react_one" if is_single else "react_two", names, problem.question, turns, turns[-1][2])


def _look_up(key: str, value: str) -> tuple[str, str, str]:
    return f"I need to look up the {key}.", _call("lookup", key=key), value


def look_up(rng: Random, split: Split) -> Example:
    """A fact by its key, copied to the answer."""
    key, value = tools.fact(rng, split)
    question = rng.choice(tools.FACT_QUESTIONS).format(k=key)
    return _document("react_lookup", tools.offered(rng, ["lookup"]), question, [_look_up(key, value)], value)


def look_up_then_calculate(rng: Random, split: Split) -> Example:
    """A number looked up, then one operation on it."""
    key, value = tools.number_fact(rng, split)
    question, operator, operand = then_question(rng, key)
    expression = f"{value} {operator} {operand}"
    turns = [_look_up(key, value), _calculate(f"Now I need to {say(expression)}.", expression)]
    return _document("react_lookup_two", tools.offered(rng, ["calculator", "lookup"]), question, turns, turns[-1][2])


def other_tool(rng: Random, split: Split) -> Example:
    """A tool of one argument, named by the question's words."""
    name, question, argument, value, observation = tools.other_call(rng, split)
    turn = (f"I need to use {name}.", _call(name, **{argument: value}), observation)
    return _document("react_tool", tools.offered(rng, [name]), question, [turn], observation)
