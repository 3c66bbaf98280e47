"""The ops between two questions to the model: one method per op, from a state to the next state.

`advance` runs up to an op that needs the model. `following` runs the same ops on a copy to see how far the text after
a point is determined: it stops at the next hole, at a control token, and at whatever depends on the value that is not
known yet or may act on the world.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from guided.errors import GenerationError, GuidedError, VocabularyError
from guided.lang import nodes
from guided.lang.evaluate import evaluate, evaluate_text
from guided.lang.problems import runtime_error
from guided.lang.render import assign, block_text, check_failure, loop_frames, make_macro
from guided.lang.scope import Scope
from guided.lang.values import Undefined
from guided.program import ops
from guided.program.events import Provenance
from guided.program.names import Reads
from guided.program.state import (
    Capture,
    ForFrame,
    HideFrame,
    LoopFrame,
    Piece,
    RepeatFrame,
    RoleFrame,
    RunState,
    ScopeFrame,
)
from guided.runtime.engine import Engine
from guided.runtime.hole_text import OUTSIDE, TextState, append_ids, append_text, fork
from guided.source import Source, Span
from guided.vocab import ChatTemplate

__all__ = ["Machine", "Way", "fork_frames", "fork_state"]

MAX_STEPS = 1_000_000
MAX_TEXT = 4_000_000
FOLLOWING_BYTES = 256
FOLLOWING_STEPS = 500


@dataclass(frozen=True, slots=True)
class Way:
    """One way that the model may take: the text that it begins with, and where it leads.

    `written` is the part of the text that is this way's own (a separator); the rest is written by the ops that follow.
    """

    text: bytes
    state: RunState
    written: str = ""


class Machine:
    """Runs ops; `mark` is how fixed text is marked for scoring, `end` is the index to stop at besides `End`."""

    def __init__(
        self,
        program: tuple[ops.Op, ...],
        source: Source,
        engine: Engine,
        *,
        mark: int = OUTSIDE,
        end: int | None = None,
    ) -> None:
        self.ops = program
        self.source = source
        self.engine = engine
        self.vocab = engine.vocab
        self.mark = mark
        self.end = end

    def within(self, end: int, mark: int) -> Machine:
        """The same for a region that ends before op `end`."""
        return Machine(self.ops, self.source, self.engine, mark=mark, end=end)

    def op(self, state: RunState) -> ops.Op:
        return ops.End() if state.pc == self.end or state.pc >= len(self.ops) else self.ops[state.pc]

    def advance(self, state: RunState) -> RunState:
        """Up to the next op that needs the model, or the end."""
        while not self.rests(state):
            state = self.step(state)
        return state

    def rests(self, state: RunState) -> bool:
        """Whether it is at an op that needs the model, or at the end."""
        return isinstance(self.op(state), ops.End) or self.needs_model(state)

    def needs_model(self, state: RunState) -> bool:
        op = self.op(state)
        if isinstance(op, ops.Hole | ops.Choose | ops.BeamStart):
            return True
        if isinstance(op, ops.RepeatNext):
            frame = state.frames[-1]
            assert isinstance(frame, RepeatFrame)
            return frame.minimum <= frame.count + 1 < frame.maximum
        return isinstance(op, ops.RepeatStart) and self._bounds(op, state)[0] == 0 < self._bounds(op, state)[1]

    def following(self, state: RunState, unknown: frozenset[str] = frozenset()) -> bytes:
        """The text that comes next whatever the model does; `unknown` names have no value yet."""
        unknown |= {frame.name for frame in state.frames if isinstance(frame, RepeatFrame)}
        probe = replace(state, text=TextState(), ahead=b"", pieces=())
        for _ in range(FOLLOWING_STEPS):
            op = self.op(probe)
            if isinstance(op, _SUSPENDING) or len(probe.text.tail) >= FOLLOWING_BYTES:
                break
            if isinstance(op, ops.RepeatStart | ops.RepeatNext) and self.needs_model(probe):
                break
            reads: Reads | None = getattr(op, "reads", None)
            if reads is not None and (reads.calls or reads.names & unknown):
                break
            try:
                probe = self.step(probe)
            except GuidedError:
                break
        return probe.text.tail

    # Text.

    def emit(self, state: RunState, text: str, provenance: Provenance, span: Span) -> RunState:
        """Fixed text; what a hole's last token has brought already is not written twice."""
        if not text:
            return state
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise runtime_error(self.source, span, f"this text is not valid Unicode: {error.reason}") from error
        known = min(len(data), len(state.ahead))
        if data[:known] != state.ahead[:known]:
            raise GenerationError(f"the text after a hole was foreseen as {state.ahead!r} and is {data[:known]!r}")
        piece = Piece(text, provenance, is_hidden=state.is_hidden)
        return replace(
            state,
            text=append_text(state.text, data[known:], self.mark),
            ahead=state.ahead[known:],
            pieces=(*state.pieces, piece),
        )

    # Ways that the model may take.

    def ways(self, state: RunState) -> list[Way]:
        """At a `repeat` or `choose`: the texts between which the model decides, if it can tell them apart."""
        op = self.op(state)
        if isinstance(op, ops.Choose):
            ways = [self._option(state, op, name, target) for name, target in op.targets]
            what, span = "options", op.span
        elif isinstance(op, ops.RepeatStart):
            inside = self._enter_repeat(state, op)
            ways = [self._way(inside), self._way(self._leave_repeat(inside, op.end))]
            what, span = "going on and ending", op.span
        else:
            assert isinstance(op, ops.RepeatNext)
            done = self._finish_round(state)
            ways = [self._again(done, op), self._way(self._leave_repeat(done, state.pc + 1))]
            what, span = "going on and ending", op.span
        self._refuse_ambiguous(ways, what, span)
        return ways

    def take_way(self, way: Way, text: TextState, num_draws: int, span: Span) -> RunState:
        """On the way that the model took; `text` holds its beginning already."""
        state = replace(way.state, text=text, ahead=way.text, num_draws=num_draws)
        return self.emit(state, way.written, "template", span)

    def _way(self, state: RunState) -> Way:
        return Way(self.following(state), state)

    def _again(self, done: RunState, op: ops.RepeatNext) -> Way:
        frame = done.frames[-1]
        assert isinstance(frame, RepeatFrame)
        state = done.goto(op.body)
        text = frame.separator.encode() or self.following(state)
        return Way(text, state, frame.separator)

    def _option(self, state: RunState, op: ops.Choose, name: str, target: int) -> Way:
        capture = Capture(name, name)
        return self._way(state.captured(op.name, capture).goto(target))

    def _refuse_ambiguous(self, ways: list[Way], what: str, span: Span) -> None:
        texts = [way.text for way in ways]
        if texts.count(b"") > 1:
            message = f"the {what} begin with no text of their own, so the model cannot say which it takes"
            raise runtime_error(self.source, span, message, help="begin each with its own text")
        for one, other in itertools.permutations(texts, 2):
            if one and other.startswith(one):
                message = f"the {what} cannot be told apart: both begin with {_shown(one)}"
                raise runtime_error(self.source, span, message, help="begin each with its own text")

    # The ops.

    def step(self, state: RunState) -> RunState:
        """One op."""
        if state.num_steps >= MAX_STEPS:
            raise GenerationError(f"the template took more than {MAX_STEPS} steps")
        op = self.op(state)
        state = replace(state, num_steps=state.num_steps + 1)
        return _STEP[type(op)](self, state, op)

    def _text(self, state: RunState, op: ops.Text) -> RunState:
        return self.emit(state, op.value, "template", op.span).goto(state.pc + 1)

    def _out(self, state: RunState, op: ops.Out) -> RunState:
        if isinstance(op.node, nodes.FilterBlock):
            text = block_text(op.node, state.scope, self.source)
        else:
            text = evaluate_text(op.node.value, state.scope, self.source)
        return self.emit(state, text, op.provenance, op.span).goto(state.pc + 1)

    def _assign(self, state: RunState, op: ops.Assign) -> RunState:
        scope, node = state.scope, op.node
        if isinstance(node, nodes.Set):
            scope = assign(node, scope, self.source)
        elif isinstance(node, nodes.SetBlock):
            scope = scope.bind(node.target, block_text(node, scope, self.source))
        else:
            scope = scope.bind(node.name, make_macro(node, scope, self.source))
        return replace(state, scope=scope, pc=state.pc + 1)

    def _jump(self, state: RunState, op: ops.Jump) -> RunState:
        return state.goto(op.target)

    def _branch(self, state: RunState, op: ops.Branch) -> RunState:
        return state.goto(state.pc + 1 if evaluate(op.test, state.scope, self.source) else op.otherwise)

    def _iter_start(self, state: RunState, op: ops.IterStart) -> RunState:
        rounds = tuple(loop_frames(op.node, state.scope, self.source))
        if not rounds:
            return state.goto(op.empty)
        state = replace(state, scope=state.scope.push(rounds[0])).push(ForFrame(rounds, 0))
        return state.goto(state.pc + 1)

    def _iter_next(self, state: RunState, op: ops.IterNext) -> RunState:
        frame = state.frames[-1]
        assert isinstance(frame, ForFrame)
        index, scope = frame.index + 1, state.scope.pop()
        if index == len(frame.rounds):
            return replace(state, scope=scope, pc=state.pc + 1).pop()
        state = replace(state, scope=scope.push(frame.rounds[index]), pc=op.body)
        return state.top(replace(frame, index=index))

    def _scope_start(self, state: RunState, op: ops.ScopeStart) -> RunState:
        values = {b.name: evaluate(b.value, state.scope, self.source) for b in op.node.bindings}
        return replace(state, scope=state.scope.push(values), pc=state.pc + 1).push(ScopeFrame())

    def _scope_end(self, state: RunState, op: ops.ScopeEnd) -> RunState:
        return replace(state, scope=state.scope.pop(), pc=state.pc + 1).pop()

    def _loop_start(self, state: RunState, op: ops.LoopStart) -> RunState:
        maximum = self.integer(op.maximum, state.scope, 0)
        if maximum == 0:
            return state.goto(op.exhausted)
        return state.push(LoopFrame(1, maximum)).goto(state.pc + 1)

    def _loop_next(self, state: RunState, op: ops.LoopNext) -> RunState:
        frame = state.frames[-1]
        assert isinstance(frame, LoopFrame)
        if frame.count == frame.maximum:
            return state.pop().goto(state.pc + 1)
        return state.top(replace(frame, count=frame.count + 1)).goto(op.body)

    def _break(self, state: RunState, op: ops.Break) -> RunState:
        if op.condition is not None and not evaluate(op.condition, state.scope, self.source):
            return state.goto(state.pc + 1)
        while not isinstance(frame := state.frames[-1], LoopFrame):
            if isinstance(frame, ForFrame | ScopeFrame):
                state = replace(state, scope=state.scope.pop()).pop()
            elif isinstance(frame, RoleFrame):
                state = self._close_role(state)
            elif isinstance(frame, HideFrame):
                state = self._show(state)
            else:
                state = self._leave_repeat(state, state.pc)
        return state.pop().goto(op.target)

    def _repeat_start(self, state: RunState, op: ops.RepeatStart) -> RunState:
        inside = self._enter_repeat(state, op)
        frame = inside.frames[-1]
        assert isinstance(frame, RepeatFrame)
        return self._leave_repeat(inside, op.end) if frame.maximum == 0 else inside

    def _repeat_next(self, state: RunState, op: ops.RepeatNext) -> RunState:
        done = self._finish_round(state)
        frame = done.frames[-1]
        assert isinstance(frame, RepeatFrame)
        if frame.count >= frame.maximum:
            return self._leave_repeat(done, state.pc + 1)
        return self.emit(done, frame.separator, "template", op.span).goto(op.body)

    def _enter_repeat(self, state: RunState, op: ops.RepeatStart) -> RunState:
        minimum, maximum = self._bounds(op, state)
        if maximum < minimum:
            raise runtime_error(self.source, op.node.maximum.span, f"max={maximum} is less than min={minimum}")
        separator = "" if op.node.separator is None else evaluate_text(op.node.separator, state.scope, self.source)
        return state.push(RepeatFrame(op.node.name, minimum, maximum, separator)).goto(state.pc + 1)

    def _finish_round(self, state: RunState) -> RunState:
        frame = state.frames[-1]
        assert isinstance(frame, RepeatFrame)
        current = dict(frame.current)
        entry = next(iter(current.values())) if len(current) == 1 else current
        return state.top(replace(frame, entries=(*frame.entries, entry), current={}))

    def _leave_repeat(self, state: RunState, pc: int) -> RunState:
        frame = state.frames[-1]
        assert isinstance(frame, RepeatFrame)
        entries = list(frame.entries)
        return state.pop().captured(frame.name, Capture(entries, "")).goto(pc)

    def _bounds(self, op: ops.RepeatStart, state: RunState) -> tuple[int, int]:
        return self.integer(op.node.minimum, state.scope, 0), self.integer(op.node.maximum, state.scope, 0)

    def _role_start(self, state: RunState, op: ops.RoleStart) -> RunState:
        chat = self.vocab.chat
        if chat is None:
            help = "use a model with a chat template, or write the roles as plain text"
            raise runtime_error(self.source, op.span, "this model's tokenizer has no chat template", help=help)
        try:
            before, after = chat.role_delimiters(op.role)
            is_first = not state.pieces
            opening = (self._prelude(chat, op.role) if is_first else "") + before
        except VocabularyError as error:
            raise runtime_error(self.source, op.span, str(error)) from error
        state = self._control(replace(state, text=TextState()) if is_first else state, opening)
        return state.push(RoleFrame(op.role, after)).goto(state.pc + 1)

    def _prelude(self, chat: ChatTemplate, role: str) -> str:
        """What the chat template writes before the first message; before a system message that is at most BOS."""
        if role != "system":
            return chat.prelude
        bos = next((text for text, token in self.vocab.special.items() if token == self.vocab.bos_id), "")
        return bos if bos and chat.prelude.startswith(bos) else ""

    def _role_end(self, state: RunState, op: ops.RoleEnd) -> RunState:
        return self._close_role(state).goto(state.pc + 1)

    def _close_role(self, state: RunState) -> RunState:
        frame = state.frames[-1]
        assert isinstance(frame, RoleFrame)
        return self._control(state, frame.closing).pop()

    def _control(self, state: RunState, text: str) -> RunState:
        """Text of the chat template, the only one that makes control tokens."""
        ids = self.vocab.encode_trusted(text)
        piece = Piece(text, "control", is_hidden=state.is_hidden)
        return replace(state, text=append_ids(self.vocab, state.text, ids, self.mark), pieces=(*state.pieces, piece))

    def _hide_start(self, state: RunState, op: ops.HideStart) -> RunState:
        hidden = replace(state, text=fork(self.engine, state.text))
        return hidden.push(HideFrame(state.text)).goto(state.pc + 1)

    def _hide_end(self, state: RunState, op: ops.HideEnd) -> RunState:
        return self._show(state).goto(state.pc + 1)

    def _show(self, state: RunState) -> RunState:
        frame = state.frames[-1]
        assert isinstance(frame, HideFrame)
        if state.text.seq is not None and state.text.seq is not frame.text.seq:
            self.engine.close(state.text.seq)
        return replace(state, text=frame.text, ahead=b"").pop()

    def _beam_end(self, state: RunState, op: ops.BeamEnd) -> RunState:
        return state.goto(state.pc + 1)

    def _check(self, state: RunState, op: ops.Check) -> RunState:
        failure = check_failure(op.node, state.scope, self.source)
        if failure is not None:
            raise failure
        return state.goto(state.pc + 1)

    def integer(self, node: nodes.Expr, scope: Scope | Mapping[str, Any], minimum: int) -> int:
        """The value of an expression that has to be an integer of at least `minimum`."""
        value = evaluate(node, scope, self.source)
        if isinstance(value, Undefined):
            raise runtime_error(self.source, node.span, value.reason)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise runtime_error(
                self.source, node.span, f"this is to be an integer of at least {minimum}, not {value!r}"
            )
        return value


def fork_frames(engine: Engine, state: RunState) -> RunState:
    """With its own copies of the texts that hidden parts go back to."""
    frames = tuple(
        HideFrame(fork(engine, frame.text)) if isinstance(frame, HideFrame) else frame for frame in state.frames
    )
    return replace(state, frames=frames)


def fork_state(engine: Engine, state: RunState) -> RunState:
    """A second run that starts as a copy, sharing the cache."""
    return replace(fork_frames(engine, state), text=fork(engine, state.text))


def _shown(text: bytes) -> str:
    shown = text.decode("utf-8", "replace")
    return repr(shown if len(shown) <= 30 else shown[:27] + "...")


_SUSPENDING = (
    ops.Hole,
    ops.Choose,
    ops.BeamStart,
    ops.BeamEnd,
    ops.RoleStart,
    ops.RoleEnd,
    ops.HideStart,
    ops.HideEnd,
    ops.End,
)

_STEP: dict[type, Callable[[Machine, RunState, Any], RunState]] = {
    ops.Text: Machine._text,
    ops.Out: Machine._out,
    ops.Assign: Machine._assign,
    ops.Jump: Machine._jump,
    ops.Branch: Machine._branch,
    ops.IterStart: Machine._iter_start,
    ops.IterNext: Machine._iter_next,
    ops.ScopeStart: Machine._scope_start,
    ops.ScopeEnd: Machine._scope_end,
    ops.LoopStart: Machine._loop_start,
    ops.LoopNext: Machine._loop_next,
    ops.Break: Machine._break,
    ops.RepeatStart: Machine._repeat_start,
    ops.RepeatNext: Machine._repeat_next,
    ops.RoleStart: Machine._role_start,
    ops.RoleEnd: Machine._role_end,
    ops.HideStart: Machine._hide_start,
    ops.HideEnd: Machine._hide_end,
    ops.BeamEnd: Machine._beam_end,
    ops.Check: Machine._check,
}
