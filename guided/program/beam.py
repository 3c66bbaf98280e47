"""Scripted beam search: one search over all holes of a region, fixed text between them included.

A hypothesis is a run state, a hole under way and two sums. Each wave asks for every open hypothesis' best tokens in one
forward, scores forced and fixed tokens on the way, and keeps the best `n` of all children; those that are through with
their hole wait for the others. Hypotheses with equal text merge at hole boundaries (logsumexp).

Score = (sum of log p, before the mask, of tokens that overlap a hole, forced ones and the end token included)
/ (number of them)^a + b * (sum of log p of the region's other tokens). With a = 0, b = 1: log p of the region's text.
The text goes on with the best; with `keep` the region's captures are lists of what they are in the best `keep` texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from guided.constraints import Choice as OneOf
from guided.errors import GenerationError, GuidedError
from guided.lang import nodes
from guided.lang.evaluate import evaluate
from guided.lang.problems import runtime_error
from guided.program import ops
from guided.program.hole_plan import HolePlan
from guided.program.machine import Machine, Way, fork_frames
from guided.program.run import Decoding, bind, gen_request, plan, take, way_request
from guided.program.state import RunState
from guided.runtime.hole import Hole, HoleState
from guided.runtime.hole_score import prefill
from guided.runtime.hole_text import FIXED, HOLE, OUTSIDE, TextState, fork, prepare
from guided.runtime.scheduler import Ask, Row

__all__ = ["BeamOptions", "Hypothesis", "beam_region"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamOptions:
    """`width` hypotheses; `length_penalty` is a and `fixed_weight` is b of the score. `keep`: None is no list."""

    width: int
    keep: int | None = None
    length_penalty: float = 0.0
    fixed_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One way through the region so far. Without `hole` it waits at a hole boundary, or at the end."""

    run: RunState
    hole_logprob: float = 0.0
    hole_tokens: int = 0
    fixed_logprob: float = 0.0
    hole: Hole | None = field(default=None, repr=False)
    state: HoleState | None = field(default=None, repr=False)
    plan: HolePlan | None = field(default=None, repr=False)
    ways: list[Way] = field(default_factory=list, repr=False)
    token: int = -1  # the last one sampled, for ties

    def score(self, options: BeamOptions) -> float:
        length = float(max(1, self.hole_tokens) ** options.length_penalty)
        return self.hole_logprob / length + options.fixed_weight * self.fixed_logprob

    def scored(self, logprobs: Sequence[float], marks: Sequence[int]) -> Hypothesis:
        """With log p of tokens marked `marks` added."""
        holes = [p for p, mark in zip(logprobs, marks, strict=True) if mark == HOLE]
        fixed = [p for p, mark in zip(logprobs, marks, strict=True) if mark == FIXED]
        return replace(
            self,
            hole_logprob=self.hole_logprob + math.fsum(holes),
            hole_tokens=self.hole_tokens + len(holes),
            fixed_logprob=self.fixed_logprob + math.fsum(fixed),
        )


def beam_region(machine: Machine, state: RunState, op: ops.BeamStart, decoding: Decoding) -> Row[RunState]:
    """Search the region that begins at `state`; the state after it, along the best hypothesis."""
    options = _options(machine, state, op.node)
    search = _Search(machine.within(op.end, FIXED), options, decoding)
    search.pool = [Hypothesis(state.goto(state.pc + 1))]
    try:
        yield from search.run()
    except BaseException:
        search.close()
        raise
    ranked = sorted(search.pool, key=lambda h: -h.score(options))
    search.close(keep=ranked[0])
    run = ranked[0].run
    if options.keep is not None:
        run = _with_lists(machine, op, run, state, [h.run for h in ranked[: options.keep]])
    return run.goto(op.end + 1)


def _with_lists(
    machine: Machine, op: ops.BeamStart, run: RunState, before: RunState, kept: Sequence[RunState]
) -> RunState:
    """What was captured since `before` as lists of its values in all that are `kept`; None where one has none.

    Lists that holes append to go on as `run` has them.
    """
    inside = [step for step in machine.ops[before.pc : op.end] if isinstance(step, ops.Hole)]
    appended = {str(a.value) for step in inside if isinstance(a := step.node.argument("append"), nodes.Const)}
    names = [name for one in kept for name, found in one.captures.items() if before.captures.get(name) is not found]
    for name in dict.fromkeys(names):
        if name in appended:
            continue
        found = [one.captures.get(name) for one in kept]
        shown = next(capture for capture in found if capture is not None)
        run = run.captured(name, replace(shown, value=[None if c is None else c.value for c in found]))
    return run


class _Search:
    def __init__(self, machine: Machine, options: BeamOptions, decoding: Decoding) -> None:
        self.machine = machine
        self.engine = machine.engine
        self.options = options
        self.decoding = decoding
        self.pool: list[Hypothesis] = []
        self._failure: GuidedError | None = None

    def run(self) -> Row[None]:
        is_first = True
        while True:
            self.pool = self._alive([self._opened(h) for h in self.pool])
            if all(h.hole is None for h in self.pool):
                break
            if is_first:
                yield from self._prefill()
                is_first = False
            while any(h.state is not None and not h.state.is_done for h in self.pool):
                yield from self._wave()
            self.pool = self._merged(self._alive([self._closed(h) for h in self.pool]))
        yield from self._score_rest()
        self.pool = self._merged(self.pool, is_end=True)

    # Hole boundaries.

    def _opened(self, hypothesis: Hypothesis) -> Hypothesis | None:
        """At its next hole, or at the end of the region."""
        return self._attempt(hypothesis, self._open)

    def _open(self, hypothesis: Hypothesis) -> Hypothesis:
        run = self.machine.advance(hypothesis.run)
        op = self.machine.op(run)
        if isinstance(op, ops.End):
            return replace(hypothesis, run=run)
        if isinstance(op, ops.BeamStart):
            raise runtime_error(self.machine.source, op.span, "a beam cannot stand inside of a beam")
        planned, ways = None, []
        if isinstance(op, ops.Hole):
            planned = plan(self.machine, run, op, self.decoding)
            if planned.decoding.n != 1:
                raise runtime_error(
                    self.machine.source, op.span, "a hole inside of a beam is written once: leave n out"
                )
            request = gen_request(self.machine, run, planned, self.decoding, temperature=0.0, logprobs=True)
            if planned.options:
                one_of = OneOf([option.text for option in planned.options])
                request = replace(request, constraint=one_of, max_tokens=None, stop=())
        else:
            ways = self.machine.ways(run)
            request = way_request(self.machine, run, ways, self.decoding, temperature=0.0, logprobs=True)
        hole = Hole(self.engine, request)
        state = hole.open(run.text)  # the text is the hole's from here on
        run = replace(run, text=TextState())
        return replace(hypothesis, run=run, hole=hole, state=state, plan=planned, ways=ways)

    def _closed(self, hypothesis: Hypothesis) -> Hypothesis | None:
        """Through with its hole."""
        return self._attempt(hypothesis, self._close_hole)

    def _close_hole(self, hypothesis: Hypothesis) -> Hypothesis:
        hole, state, run = hypothesis.hole, hypothesis.state, hypothesis.run
        if hole is None or state is None:
            return hypothesis
        result = hole.finish(state)
        hypothesis = _moved(hypothesis, state, len(result.extra))
        op = self.machine.op(run)
        if isinstance(op, ops.Hole):
            assert hypothesis.plan is not None
            run = bind(self.machine, run, op, hypothesis.plan, result)
        else:
            run = take(self.machine, run, hypothesis.ways, result)
        return replace(hypothesis, run=run, hole=None, state=None, plan=None, ways=[])

    def _attempt(self, hypothesis: Hypothesis, do: Callable[[Hypothesis], Hypothesis]) -> Hypothesis | None:
        """Its own error ends a hypothesis: a `where` that does not hold, a budget that is too small."""
        try:
            return do(hypothesis)
        except GuidedError as error:
            self._failure = error
            self._give_back(hypothesis)
            return None

    def _alive(self, hypotheses: Sequence[Hypothesis | None]) -> list[Hypothesis]:
        alive = [h for h in hypotheses if h is not None]
        if not alive:
            self.pool = []
            raise self._failure or GenerationError("no hypothesis of the beam is left")
        return alive

    def _merged(self, pool: list[Hypothesis], *, is_end: bool = False) -> list[Hypothesis]:
        """One hypothesis per text: the best goes on, with the probability of all.

        Before the end of the region only those merge whose text is scored up to the same place.
        """
        groups: dict[object, list[Hypothesis]] = {}
        for hypothesis in pool:
            run = hypothesis.run
            unscored = None if is_end else (run.text.tail, run.text.pending[1:])
            key = (run.pc, tuple((piece.text, piece.hole) for piece in run.pieces), unscored)
            groups.setdefault(key, []).append(hypothesis)
        return [self._merge(group) for group in groups.values()]

    def _merge(self, group: list[Hypothesis]) -> Hypothesis:
        best = max(group, key=lambda h: h.score(self.options))
        if len(group) == 1:
            return best
        for hypothesis in group:
            if hypothesis is not best:
                self._give_back(hypothesis)
        totals = [h.hole_logprob + h.fixed_logprob for h in group]
        top = max(totals)
        gain = top + math.log(math.fsum(math.exp(t - top) for t in totals)) - (best.hole_logprob + best.fixed_logprob)
        return replace(best, hole_logprob=best.hole_logprob + gain)

    # Waves.

    def _prefill(self) -> Row[None]:
        """What stands before the region needs no score."""
        first = self.pool[0]
        assert first.state is not None
        text = yield from prefill(self.engine, first.state.text)
        self.pool[0] = replace(first, state=replace(first.state, text=text))

    def _wave(self) -> Row[None]:
        """One token for every open hypothesis, and the best of all children."""
        parents: list[Hypothesis] = []
        asks: list[Ask] = []
        marks: dict[int, bytes] = {}
        for index, hypothesis in enumerate(self.pool):
            state, hole = hypothesis.state, hypothesis.hole
            if state is not None and hole is not None and not state.is_done:
                state = replace(state, text=prepare(self.engine, state.text, scored=True))
                marks[index] = state.text.marks[1:]
                ask, state = hole.ask(state, num=self.options.width + 1)  # one may be an end token
                asks.append(ask)
                hypothesis = replace(hypothesis, state=state)
            parents.append(hypothesis)
        self.pool = parents
        answers = iter((yield asks))
        children: list[tuple[Hypothesis, int]] = []
        for index, parent in enumerate(parents):
            if index not in marks:
                children.append((parent, index))
                continue
            answer = next(answers)
            if answer.logprobs is not None:
                parent = parent.scored(answer.logprobs.tolist(), marks[index])
            assert answer.choice is not None
            assert answer.choice.logprobs is not None
            pairs = zip(answer.choice.tokens.tolist(), answer.choice.logprobs.tolist(), strict=True)
            children += [(child, index) for child in self._children(parent, list(pairs))]
        self._keep_best(parents, children)

    def _children(self, parent: Hypothesis, pairs: list[tuple[int, float]]) -> list[Hypothesis]:
        """After each of the tokens; one child for all those that the budget refuses."""
        hole, state = parent.hole, parent.state
        assert hole is not None
        assert state is not None
        children: list[Hypothesis] = []
        closed: Hypothesis | None = None
        for token, logprob in pairs:
            if token in hole.vocab.eos_ids and hole.request.following:
                continue  # the text that follows ends the hole as well, and is part of the region
            try:
                after = hole.push(state, token, logprob)
            except GuidedError as error:
                self._failure = error
                continue
            is_eos = token in hole.vocab.eos_ids
            if not is_eos and len(after.tokens) == len(state.tokens):
                closed = closed or replace(parent, state=after, token=token)
                continue
            child = parent.scored([logprob], [HOLE if is_eos else _mark(hole, state, token)])
            children.append(replace(child, state=after, token=token))
        return [*children, closed] if closed is not None else children

    def _keep_best(self, parents: list[Hypothesis], children: list[tuple[Hypothesis, int]]) -> None:
        options = self.options
        ranked = sorted(children, key=lambda c: (-c[0].score(options), c[0].token, c[1]))[: options.width]
        owners: set[int] = set()
        pool: list[Hypothesis] = []
        for child, parent in ranked:
            pool.append(self._forked(child) if parent in owners else child)
            owners.add(parent)
        for index, parent_hypothesis in enumerate(parents):
            if index not in owners:
                self._give_back(parent_hypothesis)
        self.pool = self._alive(pool)

    def _forked(self, hypothesis: Hypothesis) -> Hypothesis:
        state = hypothesis.state
        assert state is not None
        run = fork_frames(self.engine, hypothesis.run)
        return replace(hypothesis, run=run, state=replace(state, text=fork(self.engine, state.text)))

    def _score_rest(self) -> Row[None]:
        """log p of what is decided at the end of the region and was not computed: the last forced and fixed tokens."""
        asks: list[Ask] = []
        marks: list[bytes] = []
        owners: list[int] = []
        forks = []
        for index, hypothesis in enumerate(self.pool):
            text = prepare(self.engine, hypothesis.run.text, scored=True)
            self.pool[index] = replace(hypothesis, run=replace(hypothesis.run, text=text))
            rest, rest_marks = _tail_tokens(self.machine, text.tail, text.tail_marks)
            tokens, token_marks = (*text.pending, *rest), text.marks + rest_marks
            if text.seq is None or not any(token_marks[1:]):
                continue
            seq = self.engine.fork(text.seq)[0]
            forks.append(seq)
            asks.append(Ask(seq, tokens[:-1], want="all", targets=tokens[1:]))
            marks.append(token_marks[1:])
            owners.append(index)
        if not asks:
            return
        try:
            answers = yield asks
        finally:
            for seq in forks:
                self.engine.close(seq)
        for index, answer, scored in zip(owners, answers, marks, strict=True):
            assert answer.logprobs is not None
            self.pool[index] = self.pool[index].scored(answer.logprobs.tolist(), scored)

    # Sequences.

    def _give_back(self, hypothesis: Hypothesis) -> None:
        for text in (hypothesis.run.text, hypothesis.state.text if hypothesis.state is not None else None):
            if text is not None and text.seq is not None:
                self.engine.close(text.seq)

    def close(self, keep: Hypothesis | None = None) -> None:
        """Give back all but `keep`."""
        for hypothesis in self.pool:
            if hypothesis is not keep:
                self._give_back(hypothesis)


def _mark(hole: Hole, state: HoleState, token: int) -> int:
    """What a sampled token belongs to: the hole, or the fixed text before it that it spells again."""
    size = len(hole.vocab.tokens[token] or b"")
    tail_marks = state.text.tail_marks
    return HOLE if size > len(tail_marks) else max(tail_marks[:size], default=OUTSIDE)


def _moved(hypothesis: Hypothesis, state: HoleState, num_behind: int) -> Hypothesis:
    """With the sampled tokens that lie wholly in the fixed text behind the hole counted as fixed ones."""
    behind = num_behind - len(state.text.tail)
    for token in reversed(state.tokens):
        if behind < len(token.data) or token.kind == "forced" or token.logprob is None:
            break
        behind -= len(token.data)
        hypothesis = replace(
            hypothesis,
            hole_logprob=hypothesis.hole_logprob - token.logprob,
            hole_tokens=hypothesis.hole_tokens - 1,
            fixed_logprob=hypothesis.fixed_logprob + token.logprob,
        )
    return hypothesis


def _tail_tokens(machine: Machine, tail: bytes, tail_marks: bytes) -> tuple[list[int], bytes]:
    """Canonical tokens of a tail, with their marks."""
    if not tail:
        return [], b""
    tokens = machine.vocab.spell(tail)
    marks, start = bytearray(), 0
    for token in tokens:
        end = start + len(machine.vocab.tokens[token] or b"")
        marks.append(max(tail_marks[start:end], default=OUTSIDE))
        start = end
    return tokens, bytes(marks)


def _options(machine: Machine, state: RunState, node: nodes.Beam) -> BeamOptions:
    width = machine.integer(node.width, state.scope, 1)
    keep = None if node.keep is None else machine.integer(node.keep, state.scope, 1)
    if node.keep is not None and keep is not None and keep > width:
        raise runtime_error(machine.source, node.keep.span, f"keep={keep} is more than n={width}")
    numbers = []
    for expression, default in ((node.length_penalty, 0.0), (node.fixed_weight, 1.0)):
        value = default if expression is None else evaluate(expression, state.scope, machine.source)
        if expression is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise runtime_error(machine.source, expression.span, f"this is to be a number, not {value!r}")
        numbers.append(float(value))
    return BeamOptions(
        width=width, keep=None if keep == 1 else keep, length_penalty=numbers[0], fixed_weight=numbers[1]
    )
