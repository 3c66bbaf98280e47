"""One run of an agent: ask the budget, offer what may be done, let the model write, act, append what came back.

The loop owns the observation: a turn's grammar ends with its line, and what a tool returned enters as text, never as
control tokens. Before each turn the budget says whether anything but the answer can be afforded; the tokens of the
shortest answer are held in reserve, in the budget and in the model's context.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from guided.agents.acting import act, as_observation
from guided.agents.budget import CURRENT, Ledger, Limit
from guided.agents.exclusion import canonical, without
from guided.agents.options import AgentOptions
from guided.agents.run import AgentStats, ReactRun
from guided.agents.steps import Action, Observation, Step
from guided.agents.turn import OBSERVATION, Offer, Turn, parse_turn, turn_constraint
from guided.agents.writer import Writer
from guided.constraints import Constraint, JsonSchema
from guided.errors import BudgetTooSmall, GenerationError, GuidedError
from guided.model import Model
from guided.tools.arguments import parse_arguments

__all__ = ["Loop", "prompt_of"]

MIN_TURN_TOKENS = 16  # with less than this above the reserve, a turn is the answer
ELLIPSIS = "…"  # an observation for which there is no room


def prompt_of(options: AgentOptions, question: str) -> str:
    """The prompt as the shipped model was trained on it."""
    if not options.tools:
        return f"{options.instructions}\n\nQuestion: {question}\n"
    lines = "".join(f"{tool.text_signature}\n" for tool in options.tools.values())
    return f"{options.instructions} You can use these tools:\n{lines}\nQuestion: {question}\n"


class Loop:
    """The state of one run; `steps()` drives it."""

    def __init__(
        self,
        model: Model,
        options: AgentOptions,
        question: str,
        seed: int,
        recorded: Sequence[Step] | None = None,
    ) -> None:
        self._options = options
        self._question = question
        self._seed = seed
        self._recorded = recorded
        self._prompt = prompt_of(options, question)
        self._writer = Writer(model, seed=seed, temperature=options.temperature)
        self._reserve = self._writer.shortest(self._grammar(()))
        self._least_observation = self._writer.count(f"{OBSERVATION}{ELLIPSIS}\n")
        self._ledger = Ledger(options.budget, self._reserve, CURRENT.get())
        self._calls: Counter[tuple[str, str]] = Counter()
        self._called_with: dict[tuple[str, str], dict[str, Any]] = {}
        self._steps: list[Step] = []
        self._trace: list[dict[str, Any]] = []

    def steps(self) -> Generator[Step, None, ReactRun]:
        """Yield each finished step; return the run. An error of ours ends the run, which then carries it."""
        error: GuidedError | None = None
        try:
            self._open()
            while not self._steps or self._steps[-1].answer is None:
                step = self._step()
                self._steps.append(step)
                yield step
        except GuidedError as caught:
            error = caught
            self._note("error", message=f"{type(error).__name__}: {error}")
        finally:
            self._writer.close()
        return self._finished(error)

    def _open(self) -> None:
        left = self._ledger.tokens_left()
        if left is not None and left < self._reserve:
            raise BudgetTooSmall(left, self._reserve)
        self._writer.append(self._prompt)
        self._note("prompt", text=self._prompt)

    def _step(self) -> Step:
        index = len(self._steps)
        offers, masked = self._offers()
        narrowed = self._narrowed(index, offers)
        if narrowed is not None:
            offers, masked = (), ()
            self._note("narrowed", limit=narrowed)
        max_tokens = self._turn_tokens(index, narrowed)
        text, num_tokens = self._writer.write(index, self._grammar(offers), max_tokens)
        self._ledger.spend_turn(num_tokens)
        turn = parse_turn(text)
        self._note("turn", text=text, tokens=num_tokens, offered=[offer.name for offer in offers])
        action = _action_of(turn)
        observation = None
        if action is not None:
            observation = self._observe(index, action)
            self._writer.append(f"{OBSERVATION}{observation.text}\n")
            self._note("observation", text=observation.text, is_error=observation.is_error)
        return Step(
            index=index,
            thought=turn.thought,
            action=action,
            observation=observation,
            answer=turn.answer,
            text=text,
            tokens=num_tokens,
            max_tokens=max_tokens,
            narrowed=narrowed,
            masked=masked,
        )

    def _narrowed(self, index: int, offers: Sequence[Offer]) -> Limit | None:
        if self._recorded is not None:
            return self._recorded[index].narrowed if index < len(self._recorded) else None
        limit = self._ledger.narrows(MIN_TURN_TOKENS)
        if limit is not None:
            return limit
        room = self._writer.room()
        if room - self._reserve < MIN_TURN_TOKENS + self._least_observation:
            return "context"
        return "repeats" if self._options.tools and not offers else None

    def _turn_tokens(self, index: int, narrowed: Limit | None) -> int | None:
        """How many tokens the turn may have: with the answer still to come, what is left above its reserve."""
        if self._recorded is not None and index < len(self._recorded):
            return self._recorded[index].max_tokens
        left, room = self._ledger.tokens_left(), self._writer.room()
        if narrowed is None and self._options.tools:
            left = None if left is None else left - self._reserve
            return _least(self._options.max_turn_tokens, left, room - self._reserve - self._least_observation)
        return _least(left, room)

    def _offers(self) -> tuple[tuple[Offer, ...], tuple[tuple[str, str], ...]]:
        """The tools of the next turn without the calls that were repeated too often, and these calls."""
        offers: list[Offer] = []
        masked = [call for call, times in self._calls.items() if times >= self._options.max_repeats]
        for tool in self._options.tools.values():
            worn = [self._called_with[call] for call in masked if call[0] == tool.name]
            parameters = without(tool.parameters, worn)
            if not worn or self._writer.can_write(JsonSchema(parameters)):
                offers.append(Offer(tool.name, parameters))
        return tuple(offers), tuple(masked)

    def _observe(self, index: int, action: Action) -> Observation:
        key = (action.tool, canonical(action.arguments))
        self._calls[key] += 1
        self._called_with[key] = action.arguments
        if self._recorded is not None:
            return self._replayed(index, action)
        options = self._options
        observation = act(action, options.tools, self._ledger, options.approve, options.max_observation_chars)
        return replace(observation, text=self._fitting(observation.text))

    def _replayed(self, index: int, action: Action) -> Observation:
        assert self._recorded is not None
        recorded = self._recorded[index] if index < len(self._recorded) else None
        if recorded is None or recorded.action != action or recorded.observation is None:
            raise GenerationError(
                f"the replay left the recorded run at step {index}: it calls {action.tool}({action.text}), which was "
                "not recorded there; was it another model, or were the agent's options others?"
            )
        return recorded.observation

    def _fitting(self, text: str) -> str:
        """The observation, cut so that the answer still fits into the model's context."""
        room = self._writer.room()
        while text != ELLIPSIS and self._writer.count(f"{OBSERVATION}{text}\n") > room - self._reserve:
            text = as_observation(text, len(text) // 2) if len(text) > 80 else ELLIPSIS
        return text

    def _grammar(self, offers: Sequence[Offer]) -> Constraint:
        return turn_constraint(offers, self._options.answer, self._options.max_thought_chars)

    def _note(self, kind: str, **values: Any) -> None:
        self._trace.append({"kind": kind, "step": len(self._steps), **values})

    def _finished(self, error: GuidedError | None) -> ReactRun:
        value = None
        if error is None:
            try:
                value = self._options.answer.parse(self._steps[-1].answer or "")
            except GuidedError as caught:
                error = caught
        reason = "error" if error else self._steps[-1].narrowed or "answer"
        self._note("finished", reason=reason)
        ledger = self._ledger
        stats = AgentStats(
            steps=ledger.steps,
            tool_calls=ledger.tool_calls,
            tokens=ledger.tokens,
            seconds=ledger.clock() - ledger.started,
            tool_seconds=dict(ledger.tool_seconds),
            **self._writer.engine_costs(),
        )
        return ReactRun(
            question=self._question,
            prompt=self._prompt,
            steps=tuple(self._steps),
            finish_reason=reason,
            seed=self._seed,
            stats=stats,
            trace=tuple(self._trace),
            error=error,
            value=value,
        )


def _action_of(turn: Turn) -> Action | None:
    if turn.tool is None or turn.arguments is None:
        return None
    return Action(turn.tool, parse_arguments(turn.tool, turn.arguments), turn.arguments)


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
