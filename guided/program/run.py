"""What every decoder does at an op that needs the model: the request from the state, and the state from the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from guided.errors import GuidedError
from guided.lang.evaluate import evaluate
from guided.lang.problems import runtime_error
from guided.program import ops
from guided.program.hole_plan import HoleOptions, HolePlan, plan_hole
from guided.program.machine import Machine, Way
from guided.program.state import Capture, Piece, RunState
from guided.runtime.bias import Penalties, bias_ids
from guided.runtime.hole import HoleRequest, HoleResult
from guided.runtime.hole_grammar import RawChoice
from guided.runtime.hole_select import SelectRequest
from guided.runtime.sampling import uniform_at

__all__ = [
    "Decoding",
    "bind",
    "bind_samples",
    "check_where",
    "gen_request",
    "plan",
    "sample_requests",
    "select_request",
    "take",
    "way_request",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How the holes of one run are decoded: defaults under the holes' own arguments, `forced` over them."""

    defaults: HoleOptions = field(default_factory=HoleOptions)
    forced: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    row: int = 0
    logprobs: bool = False


def plan(machine: Machine, state: RunState, op: ops.Hole, decoding: Decoding) -> HolePlan:
    """The hole at the state."""
    planned = op.planned or plan_hole(op.node, state.scope, machine.source, decoding.defaults)
    return replace(planned, decoding=planned.decoding.over(decoding.forced)) if decoding.forced else planned


def gen_request(machine: Machine, state: RunState, hole: HolePlan, decoding: Decoding, **more: Any) -> HoleRequest:
    """What to decode at a `gen`; `more` overrides fields."""
    options, op = hole.decoding, machine.op(state)
    following = machine.following(state.goto(state.pc + 1), frozenset((hole.name, hole.append or hole.name)))
    request = HoleRequest(
        constraint=hole.constraint,
        following=following,
        open_end=not following and isinstance(op, ops.Hole) and op.planned is not None,
        stop=tuple(stop.encode() for stop in options.stop),
        stop_regex=hole.stop_regex,
        keep_stop=hole.keep_stop,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        penalties=Penalties(
            repetition=options.repetition_penalty,
            presence=options.presence_penalty,
            frequency=options.frequency_penalty,
            logit_bias=bias_ids(machine.vocab, options.logit_bias or {}),
        ),
        min_tokens=options.min_tokens,
        token_healing=options.token_healing,
        canonical=options.canonical,
        logprobs=decoding.logprobs,
        uniform=_draws(state, decoding),
        fixed_mark=machine.mark,
    )
    return replace(request, **more)


def select_request(machine: Machine, state: RunState, hole: HolePlan, decoding: Decoding) -> SelectRequest:
    """What to choose at a `select`."""
    return SelectRequest(
        options=tuple(option.text.encode() for option in hole.options),
        following=machine.following(state.goto(state.pc + 1), frozenset((hole.name,))),
        temperature=hole.decoding.temperature,
        uniform=_draws(state, decoding),
        by_length=hole.decoding.normalize == "length",
        wants_distribution=hole.wants_distribution,
        token_healing=hole.decoding.token_healing,
        fixed_mark=machine.mark,
    )


def way_request(machine: Machine, state: RunState, ways: list[Way], decoding: Decoding, **more: Any) -> HoleRequest:
    """What to decode at a `repeat` or `choose`: one of the texts that the ways begin with."""
    options = decoding.defaults.over(decoding.forced)
    request = HoleRequest(
        constraint=RawChoice([way.text for way in ways]),
        temperature=options.temperature,
        logprobs=decoding.logprobs,
        uniform=_draws(state, decoding),
        fixed_mark=machine.mark,
    )
    return replace(request, **more)


def sample_requests(request: HoleRequest, state: RunState, decoding: Decoding, count: int) -> list[HoleRequest]:
    """The same hole `count` times, each with its own random numbers; the first draws those of a single one."""
    draws = [partial(_draw, decoding.seed, decoding.row, state.num_draws + (number << 32)) for number in range(count)]
    return [replace(request, uniform=draw, observe=request.observe if not n else None) for n, draw in enumerate(draws)]


def bind_samples(
    machine: Machine, state: RunState, op: ops.Hole, hole: HolePlan, results: list[HoleResult]
) -> RunState:
    """The state after a hole with `n`: its value is the list of all values, and the text goes on with the first."""
    after = bind(machine, state, op, hole, results[0])
    values = [after.captures[hole.name].value]
    values += [_convert(machine, op, hole, result.text.decode("utf-8", "replace")) for result in results[1:]]
    return after.captured(hole.name, replace(after.captures[hole.name], value=values))


def bind(machine: Machine, state: RunState, op: ops.Hole, hole: HolePlan, result: HoleResult) -> RunState:
    """The state after a hole: its text is there, its value is bound."""
    text = result.text.decode("utf-8", "replace")
    value = _convert(machine, op, hole, text)
    capture = Capture(
        value,
        text,
        result.finish_reason,
        result.logprob,
        result.distribution,
        num_sampled=result.num_sampled,
        healing=result.healing,
    )
    piece = Piece(text, "model", hole.name, result.tokens, state.is_hidden)
    state = replace(
        state,
        text=result.state,
        ahead=result.extra,
        pieces=(*state.pieces, piece),
        num_draws=state.num_draws + max(1, result.num_sampled),
        pc=state.pc + 1,
    ).captured(hole.name, capture)
    if hole.append is not None:
        before = state.scope.get(hole.append, [])
        state = state.captured(hole.append, Capture([*before, value], text))
    check_where(machine, state, hole, text)
    return state


def take(machine: Machine, state: RunState, ways: list[Way], result: HoleResult) -> RunState:
    """The state after the model took one of the ways."""
    way = next(way for way in ways if way.text == result.text)
    op = machine.op(state)
    assert isinstance(op, ops.Choose | ops.RepeatNext | ops.RepeatStart)
    piece = Piece("", "model", op.name if isinstance(op, ops.Choose) else None, result.tokens, state.is_hidden)
    way = replace(way, state=replace(way.state, pieces=(*way.state.pieces, piece)))
    return machine.take_way(way, result.state, state.num_draws + max(1, result.num_sampled), op.span)


def check_where(machine: Machine, state: RunState, hole: HolePlan, text: str) -> None:
    """Raise for a predicate of `where` that does not hold."""
    for predicate in hole.where:
        if not evaluate(predicate, state.scope.push({"it": text}), machine.source):
            message = f"what was written at '{hole.name}' does not fit this condition: {text!r}"
            raise runtime_error(machine.source, predicate.span, message)


def _convert(machine: Machine, op: ops.Hole, hole: HolePlan, text: str) -> Any:
    try:
        return hole.convert(text)
    except (ValueError, ArithmeticError, KeyError, GuidedError) as error:
        message = f"{text!r}, written at '{hole.name}', is not of its type: {error}"
        raise runtime_error(machine.source, op.span, message) from error


def _draws(state: RunState, decoding: Decoding) -> Any:
    return partial(_draw, decoding.seed, decoding.row, state.num_draws)


def _draw(seed: int, row: int, first: int, position: int) -> float:
    return uniform_at(seed, row, first + position)
