"""The agent that applications hold: thought, action, observation, until an answer.

Constrained by one grammar per turn, every call is to an offered tool with arguments that fit its schema, the answer
always exists and fits its type, and the budget ends the run. The loop itself is in `loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from guided.agents.budget import Budget
from guided.agents.loop import Loop
from guided.agents.options import AgentOptions, Approve
from guided.agents.run import ReactRun
from guided.agents.steps import Step
from guided.agents.turn import Offer, one_line, turn_constraint
from guided.constraints import Constraint, constraint
from guided.errors import InputError, ToolError
from guided.model import Model
from guided.tools import Tool, tool

__all__ = ["ReactAgent"]

MAX_ANSWER_CHARS = 400


class ReactAgent:
    """A model that uses tools until it answers.

    model: what `guided.load_model` returns.
    tools: `Tool`s, or functions with type hints.
    answer: any constraint or type; by default a line of text.
    max_steps: turns at most, the answer's included; short for `budget=Budget(steps=...)`.
    instructions: the first words of the prompt.
    max_turn_tokens: of one turn; longer ones are closed early inside their grammar.
    max_observation_chars: longer results are cut, saying how much is missing.
    max_repeats: a call (tool and arguments) that was made this often is not offered again.
    approve: asked before each call, with the tool and the arguments; False or a text refuses it.
    """

    def __init__(
        self,
        model: Model,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        *,
        answer: Any = None,
        max_steps: int | None = None,
        budget: Budget | None = None,
        instructions: str = "Answer the question.",
        temperature: float = 0.0,
        seed: int = 0,
        max_turn_tokens: int = 400,
        max_thought_chars: int = 240,
        max_observation_chars: int = 1000,
        max_repeats: int = 2,
        approve: Approve | None = None,
    ) -> None:
        budget = budget or Budget()
        self.model = model
        self._options = AgentOptions(
            tools=_by_name(tools),
            answer=_answer_constraint(answer),
            budget=budget if max_steps is None else replace(budget, steps=max_steps),
            instructions=instructions,
            temperature=temperature,
            seed=seed,
            max_turn_tokens=max_turn_tokens,
            max_thought_chars=max_thought_chars,
            max_observation_chars=max_observation_chars,
            max_repeats=max_repeats,
            approve=approve,
        )
        self._compile()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools, in the order of the prompt."""
        return tuple(self._options.tools.values())

    @property
    def budget(self) -> Budget:
        """The limits of each run."""
        return self._options.budget

    def run(self, question: str, *, seed: int | None = None) -> ReactRun:
        """Work on a question to its answer. An error of the model or the engine is in `.error`; `.answer` raises it."""
        return _driven(self._loop(question, seed))

    def stream(self, question: str, *, seed: int | None = None) -> Iterator[Step]:
        """Yield each step as it is finished; the last one has the answer. Errors of the model or the engine are
        raised."""
        run = yield from self._loop(question, seed).steps()
        if run.error is not None:
            raise run.error

    def replay(self, run: ReactRun) -> ReactRun:
        """The run again from its seed and its recorded observations: no tool is called, and the tokens are the same.

        If the model leaves the recorded run (another model, other options), `.error` says at which step.
        """
        return _driven(self._loop(run.question, run.seed, run.steps))

    def _loop(self, question: str, seed: int | None, recorded: Sequence[Step] | None = None) -> Loop:
        if not isinstance(question, str):
            raise InputError(f"the question must be text, not {type(question).__name__}")
        if not question.isprintable() and any("\ud800" <= char <= "\udfff" for char in question):
            raise InputError("the question holds half a surrogate pair, which is not text")
        return Loop(self.model, self._options, question, self._options.seed if seed is None else seed, recorded)

    def _compile(self) -> None:
        """Refuse at once what would fail later: a schema that cannot be enforced, an answer that nothing satisfies."""
        options = self._options
        for one in options.tools.values():
            one.check_schema()
        offers = [Offer(one.name, one.parameters) for one in options.tools.values()]
        for offered in (offers, []):
            turn_constraint(offered, options.answer, options.max_thought_chars).compile(self.model.vocab)


def _driven(loop: Loop) -> ReactRun:
    steps = loop.steps()
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            run = finished.value
            assert isinstance(run, ReactRun)
            return run


def _by_name(tools: Iterable[Tool | Callable[..., Any]]) -> dict[str, Tool]:
    if isinstance(tools, Tool) or not isinstance(tools, Iterable):
        raise InputError("ReactAgent: tools must be a list of tools; write tools=[calculator]")
    named: dict[str, Tool] = {}
    for given in tools:
        one = given if isinstance(given, Tool) else tool(given) if callable(given) else None
        if one is None:
            raise InputError(f"ReactAgent: {given!r} is neither a Tool nor a function")
        if one.name in named:
            raise ToolError(f"two tools are called {one.name!r}; give one of them another name")
        named[one.name] = one
    return named


def _answer_constraint(answer: Any) -> Constraint:
    if answer is None or answer is str:
        return one_line(MAX_ANSWER_CHARS)
    return constraint(answer, whitespace="dumps")  # on one line, as the arguments are
