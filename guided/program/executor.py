"""A program as a row of the scheduler: ops run until the model is needed, the hole is decoded, and so on to the end.

The row asks for forwards, the scheduler merges them with those of other rows. An error ends the row with what it has
so far; other rows are not disturbed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from guided.errors import GuidedError
from guided.program import ops
from guided.program.beam import beam_region
from guided.program.events import Emit, HoleClosed, HoleOpened, TextAppended, Warned
from guided.program.generate import so_far
from guided.program.hole_plan import HolePlan
from guided.program.machine import Machine
from guided.program.run import (
    Decoding,
    bind,
    bind_samples,
    gen_request,
    plan,
    sample_requests,
    select_request,
    take,
    way_request,
)
from guided.program.state import Capture, HideFrame, Piece, RunState
from guided.program.watch import HoleWatch
from guided.runtime.engine import Engine
from guided.runtime.hole import HoleRequest, HoleResult, HoleState, decode_hole
from guided.runtime.hole_select import select_option
from guided.runtime.hole_text import TextState, fork
from guided.runtime.scheduler import Row, together

__all__ = ["RunResult", "execute", "result_of"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave: typed values by name, the text, and every piece of it with who wrote it."""

    values: Mapping[str, Any]
    captures: Mapping[str, Capture]
    text: str
    pieces: tuple[Piece, ...]
    error: GuidedError | None = None
    num_sampled: int = 0
    num_forced: int = 0


def execute(
    machine: Machine, state: RunState, decoding: Decoding, emit: Emit | None = None, *, keep: bool = False
) -> Row[tuple[RunState, GuidedError | None]]:
    """Run from `state` to the end, or to an error. With `keep` the sequences stay open, for a session to go on."""
    run = _Run(machine, decoding, emit)
    run.state = state
    error: GuidedError | None = None
    try:
        yield from run.to_end()
    except GuidedError as problem:
        error = problem
        run.keep_what_was_written()
        run.tell_pieces()
    finally:
        if not keep or error is not None:
            _close(machine.engine, run.state)
    return run.state, error


def result_of(state: RunState, error: GuidedError | None) -> RunResult:
    """The outcome of a run."""
    tokens = [token for piece in state.pieces for token in piece.tokens]
    return RunResult(
        values={name: capture.value for name, capture in state.captures.items()},
        captures=state.captures,
        text=state.visible_text,
        pieces=state.pieces,
        error=error,
        num_sampled=sum(token.kind != "forced" for token in tokens),
        num_forced=sum(token.kind == "forced" for token in tokens),
    )


class _Run:
    """One run under way, and what of it has been told."""

    def __init__(self, machine: Machine, decoding: Decoding, emit: Emit | None) -> None:
        self.machine = machine
        self.decoding = decoding
        self.emit = emit
        self.state: RunState
        self._num_told = 0
        self._under_way: tuple[str, HoleState] | None = None  # the `gen` that is being written

    def to_end(self) -> Row[None]:
        self._num_told = len(self.state.pieces)
        while True:
            while not self.machine.rests(self.state):
                self.state = self.machine.step(self.state)
            self.tell_pieces()
            op = self.machine.op(self.state)
            if isinstance(op, ops.End):
                return
            if isinstance(op, ops.Hole):
                yield from self._hole(op)
            elif isinstance(op, ops.BeamStart):
                self.state = yield from beam_region(self.machine, self.state, op, self.decoding)
                self._tell_holes(self.state.pieces[self._num_told :])
            else:
                yield from self._way(op)

    def _hole(self, op: ops.Hole) -> Row[None]:
        hole = plan(self.machine, self.state, op, self.decoding)
        self.tell(HoleOpened(hole.name, op.node.kind))
        watch = HoleWatch(self.tell, hole.name, is_hidden=self.state.is_hidden)
        result: HoleResult
        if op.node.kind == "select":
            request = select_request(self.machine, self.state, hole, self.decoding)
            result = yield from select_option(self.machine.engine, self._text(), request)
        else:
            gen = gen_request(self.machine, self.state, hole, self.decoding)
            gen = replace(gen, observe=partial(self._look, hole.name, watch))
            if hole.decoding.n > 1:
                yield from self._samples(op, hole, gen, watch)
                return
            result = yield from decode_hole(self.machine.engine, self._text(), gen)
            self._under_way = None
            if result.healing == "inexact":
                why = self.machine.vocab.changes_text or "no tokens spell it"
                message = (
                    f"the tokenizer does not round-trip the text before {hole.name!r}, so it was not healed: {why}"
                )
                self.tell(Warned(message, hole.name))
            if result.is_canonical is False:
                self.tell(Warned("the constraint left no token that the tokenizer itself would write", hole.name))
        watch.close(result)
        self.state = replace(self.state, text=result.state)
        self.state = bind(self.machine, self.state, op, hole, result)
        self._tell_hole(hole)

    def _look(self, name: str, watch: HoleWatch, state: HoleState) -> None:
        self._under_way = name, state
        if self.emit is not None:
            watch.look(state)

    def keep_what_was_written(self) -> None:
        """After an error: the text of the hole under way, as far as it is certain; it has been told, token by token."""
        if self._under_way is None:
            return
        name, state = self._under_way
        self.tell_pieces()
        text, _ = so_far(state)
        if text:
            piece = Piece(text, "model", name, is_hidden=self.state.is_hidden)
            self.state = replace(self.state, pieces=(*self.state.pieces, piece))
            self._num_told += 1

    def _samples(self, op: ops.Hole, hole: HolePlan, gen: HoleRequest, watch: HoleWatch) -> Row[None]:
        """A hole with `n`: decoded side by side from one place."""
        engine, text = self.machine.engine, self._text()
        requests = sample_requests(gen, self.state, self.decoding, hole.decoding.n)
        texts = [text, *(fork(engine, text) for _ in requests[1:])]
        results = yield from together([decode_hole(engine, *one) for one in zip(texts, requests, strict=True)])
        for result in results[1:]:
            if result.state.seq is not None:
                engine.close(result.state.seq)
        self._under_way = None
        watch.close(results[0])
        self.state = replace(self.state, text=results[0].state)
        self.state = bind_samples(self.machine, self.state, op, hole, results)
        self._tell_hole(hole)

    def _tell_hole(self, hole: HolePlan) -> None:
        self._num_told += 1
        capture = self.state.captures[hole.name]
        self.tell(_closed(hole.name, capture))

    def _way(self, op: ops.Op) -> Row[None]:
        ways = self.machine.ways(self.state)
        name = op.name if isinstance(op, ops.Choose) else "repeat"
        self.tell(HoleOpened(name, "choose" if isinstance(op, ops.Choose) else "repeat"))
        request = way_request(self.machine, self.state, ways, self.decoding)
        watch = HoleWatch(self.tell, name, shows_text=False)
        result = yield from decode_hole(self.machine.engine, self._text(), request)
        watch.close(result)
        self.state = take(self.machine, self.state, ways, result)
        if isinstance(op, ops.Choose):
            capture = self.state.captures[name]
            self.tell(HoleClosed(name, capture.text, capture.value, "stop"))

    def _text(self) -> TextState:
        """The text, given away: whoever decodes closes its sequence if it fails."""
        return self.state.text

    def _tell_holes(self, pieces: tuple[Piece, ...]) -> None:
        """The text of a searched region, known all at once, and its captures."""
        self.tell_pieces()
        for name in dict.fromkeys(piece.hole for piece in pieces if piece.hole is not None):
            capture = self.state.captures.get(name)
            if capture is not None:
                self.tell(_closed(name, capture))

    def tell_pieces(self) -> None:
        """Text that was added without a hole under way."""
        for piece in self.state.pieces[self._num_told :]:
            if piece.provenance != "control" and piece.text:
                self.tell(TextAppended(piece.text, piece.provenance, piece.hole, piece.is_hidden))
        self._num_told = len(self.state.pieces)

    def tell(self, event: Any) -> None:
        if self.emit is not None:
            self.emit(event)


def _closed(name: str, capture: Capture) -> HoleClosed:
    return HoleClosed(name, capture.text, capture.value, capture.finish_reason, capture.logprob, capture.healing)


def _close(engine: Engine, state: RunState) -> None:
    """Give back every sequence of the run."""
    texts = [state.text, *(frame.text for frame in state.frames if isinstance(frame, HideFrame))]
    for text in texts:
        if text.seq is not None:
            engine.close(text.seq)
