"""Programs in Python: a text that is written step by step, with the same ops and decoders as a template.

A session is a run state that each call extends: the call becomes ops and is run at once. A beam block records ops and
runs them at its end. A call that fails leaves the session as it was before.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from guided.constraints import AnyText, Regex
from guided.errors import GenerationError, GuidedError, InputError, TemplateError
from guided.lang import nodes
from guided.lang.scope import Scope
from guided.program import ops
from guided.program.executor import execute
from guided.program.hole_plan import HolePlan
from guided.program.machine import Machine, fork_state
from guided.program.names import Reads
from guided.program.run import Decoding
from guided.program.session_file import Arrays, read_session, session_path, write_session
from guided.program.session_options import (
    check_beam,
    check_name,
    check_seed,
    check_switches,
    hole_options,
    select_options,
    wanted,
)
from guided.program.state import Capture, Piece, RunState
from guided.runtime.engine import Engine, EngineStats, SavingEngine
from guided.runtime.hole import Healing
from guided.runtime.hole_text import TextState, start
from guided.runtime.job import check_urgency
from guided.runtime.scheduler import Row, Scheduler
from guided.source import Source, Span

__all__ = ["Deferred", "Session"]

_NOWHERE = Span(0, 0)
_SOURCE = Source("", "<session>")


class Deferred:
    """What `gen` gives inside a beam block: there is no value before the block ends, so any use raises."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _refuse(self, *args: object, **named: object) -> NoReturn:
        name = object.__getattribute__(self, "_name")
        raise GenerationError(
            f"{name!r} has no value inside the beam block: read session[{name!r}] after the block; "
            "a search that depends on values is a template"
        )

    __str__ = __bool__ = __len__ = __iter__ = __int__ = __float__ = __index__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __getitem__ = _refuse
    __add__ = __radd__ = __mul__ = __mod__ = __format__ = __call__ = __getattr__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class Session:
    """A text so far, what was captured in it, and its place in the cache."""

    def __init__(
        self,
        engine: Engine,
        scheduler: Scheduler,
        *,
        seed: int = 0,
        priority: int = 0,
        timeout: float | None = None,
    ) -> None:
        """`priority` and `timeout` (seconds) hold for each call by itself; `seed` names the random numbers."""
        check_urgency(priority, timeout)
        self._engine = engine
        self._scheduler = scheduler
        self._priority, self._timeout = priority, timeout
        self._decoding = Decoding(seed=check_seed(seed))
        self._state = RunState(Scope(), start(engine.vocab))
        self._recorded: list[ops.Op] | None = None
        self.stats = EngineStats()  # what the model did for this session, and for no other

    # What is there.

    def __getitem__(self, name: str) -> Any:
        """The value captured as `name`."""
        return self._capture(name).value

    def __contains__(self, name: str) -> bool:
        return name in self._state.captures

    def __str__(self) -> str:
        return self._state.visible_text

    @property
    def captures(self) -> dict[str, Any]:
        """Every captured value, by name."""
        return {name: capture.value for name, capture in self._state.captures.items()}

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The text by who wrote it, with the tokens of each hole."""
        return self._state.pieces

    def distribution(self, name: str) -> dict[str, float]:
        """The probability of each option of the select `name`."""
        found = self._capture(name).distribution
        if found is None:
            raise InputError(f"{name!r} has no distribution: it was not chosen by a select outside of a beam")
        return dict(found)

    def logprob(self, name: str) -> float:
        """log p of what was written at `name`, before the mask."""
        found = self._capture(name).logprob
        if found is None:
            raise InputError(f"{name!r} has no log probability: ask for it with gen(..., logprobs=True)")
        return found

    def healing(self, name: str) -> Healing:
        """What became of the cut before the hole `name`: "healed", "none", "off" or "inexact" (docs/healing.md)."""
        return self._capture(name).healing

    # What can be done.

    def text(self, text: str) -> None:
        """Append `text`; names of control tokens in it are plain text."""
        if not isinstance(text, str):
            raise InputError(f"text takes a str, not {type(text).__name__}; write s[name] for a captured value")
        self._do(ops.Text(text, _NOWHERE))

    def gen(
        self,
        name: str,
        *,
        regex: str | None = None,
        json: Any = None,
        grammar: str | None = None,
        type: Any = None,
        constraint: Any = None,
        stop: str | Sequence[str] | None = None,
        stop_regex: str | None = None,
        keep_stop: bool = False,
        logprobs: bool = False,
        **options: Any,
    ) -> Any:
        """Let the model write `name` and return its value.

        `type` is a type of the template language (`"int"`, `"jsonstr"` ...) or a Python type; `grammar` is GBNF.
        `options`: max_tokens, min_tokens, temperature, top_k, top_p, min_p, repetition_penalty, presence_penalty,
        frequency_penalty, logit_bias, token_healing, canonical; with `n` the value is a list of `n` samples, and the
        text goes on with the first.
        """
        check_name(name)
        check_switches(keep_stop=keep_stop, logprobs=logprobs)
        what, convert = wanted(regex, json, grammar, type, constraint)
        plan = HolePlan(
            name,
            what,
            convert,
            hole_options({**options, "stop": stop}),
            stop_regex=Regex(stop_regex) if stop_regex is not None else None,
            keep_stop=keep_stop,
        )
        return self._hole("gen", plan, logprobs=logprobs)

    def select(self, name: str, options: Sequence[Any] | Mapping[str, Any], **how: Any) -> Any:
        """Let the model take one of `options`, by the probability of the whole text; returns the option.

        `how`: temperature, normalize="length", token_healing.
        """
        check_name(name)
        made = select_options(options)
        values = {option.text: option.value for option in made}
        decoding = hole_options(how, is_select=True)
        plan = HolePlan(name, AnyText(), values.__getitem__, decoding, made, wants_distribution=True)
        return self._hole("select", plan)

    @contextmanager
    def system(self) -> Generator[None]:
        """What is written inside is a system message of the chat template."""
        yield from self._role("system")

    @contextmanager
    def user(self) -> Generator[None]:
        """What is written inside is a user message of the chat template."""
        yield from self._role("user")

    @contextmanager
    def assistant(self) -> Generator[None]:
        """What is written inside is an assistant message of the chat template."""
        yield from self._role("assistant")

    @contextmanager
    def beam(self, n: int, *, keep: int = 1, length_penalty: float = 0.0, fixed_weight: float = 1.0) -> Generator[None]:
        """Search over all that is written inside, as one beam of width `n`.

        The text goes on with the best. With `keep` above 1 what is captured inside are lists: the values in the `keep`
        best texts, best first.
        """
        if self._recorded is not None:
            raise GenerationError("a beam cannot stand inside of a beam")
        check_beam(n, keep, length_penalty=length_penalty, fixed_weight=fixed_weight)
        self._recorded = []
        try:
            yield
            inside = self._recorded
        finally:
            self._recorded = None
        width, kept, penalty, weight = (
            nodes.Const(value, _NOWHERE) for value in (n, keep, length_penalty, fixed_weight)
        )
        node = nodes.Beam(width, kept, penalty, weight, (), _NOWHERE)
        self._run([ops.BeamStart(node, len(inside) + 1, _NOWHERE), *inside, ops.BeamEnd()], self._decoding)

    def fork(self, *, seed: int | None = None) -> Session:
        """A second session that starts as a copy; both share the cache.

        It draws the same random numbers, so the same calls write the same text; with a `seed` it draws others.
        """
        if self._recorded is not None:
            raise GenerationError("a session cannot be forked inside a beam block")
        other = Session(self._engine, self._scheduler, priority=self._priority, timeout=self._timeout)
        other._decoding = self._decoding if seed is None else replace(self._decoding, seed=check_seed(seed))
        other._state = self._scheduler.run_one(_at_once(self._engine, self._state))
        return other

    def save(self, path: str | os.PathLike[str], *, with_cache: bool = True) -> None:
        """Write the session to a file, from which `model.restore` makes it again, on another machine too.

        The text is kept as its very tokens. `with_cache`: keys and values go into the file where the engine can give
        them away, so that nothing is read again. Refused inside a role or beam block, and where a captured value is
        not plain JSON.
        """
        if self._recorded is not None or self._state.frames:
            raise GenerationError("a session cannot be saved inside a role or a beam: save it after the block")
        engine, text = self._engine, self._state.text
        tokens = [] if text.seq is None else list(text.seq.tokens)
        arrays: Arrays = {}
        if with_cache and isinstance(engine, SavingEngine) and engine.capabilities.saves and tokens:
            arrays = self._scheduler.run_one(_exported(engine, tokens))
        decoding = {"seed": self._decoding.seed, "row": self._decoding.row}
        write_session(session_path(path), self._state, engine.vocab, decoding, arrays)

    @classmethod
    def restored(cls, engine: Engine, scheduler: Scheduler, path: str | os.PathLike[str]) -> Session:
        """The session of a file; raises `InputError` for one that is damaged, or of another vocabulary."""
        state, decoding, arrays = read_session(session_path(path), engine.vocab)
        session = cls(engine, scheduler)
        session._decoding = Decoding(seed=decoding["seed"], row=decoding["row"])
        session._state = state
        if arrays and isinstance(engine, SavingEngine) and engine.capabilities.saves:
            scheduler.run_one(_put_back(engine, state.text.pending[: decoding["num_computed"]], arrays))
        return session

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<guided session: {len(str(self))} characters, captured: {', '.join(self.captures) or 'nothing'}>"

    def close(self) -> None:
        """Give the place in the cache back; the text and the captures stay readable."""
        seq = self._state.text.seq
        self._state = replace(self._state, text=_reopened(self._state.text))
        if seq is not None:
            self._scheduler.run_one(_closing(self._engine, seq))

    # Inside.

    def _hole(self, kind: Any, plan: HolePlan, *, logprobs: bool = False) -> Any:
        node = nodes.Hole(kind, plan.name, (), _NOWHERE, _NOWHERE)
        decoding = replace(self._decoding, logprobs=logprobs)
        self._do(ops.Hole(node, Reads(), _NOWHERE, plan), decoding=decoding)
        return Deferred(plan.name) if self._recorded is not None else self[plan.name]

    def _role(self, role: nodes.RoleName) -> Generator[None]:
        self._do(ops.RoleStart(role, _NOWHERE))
        yield
        self._do(ops.RoleEnd(_NOWHERE))

    def _do(self, op: ops.Op, *, decoding: Decoding | None = None) -> None:
        if self._recorded is not None:
            self._recorded.append(op)
        else:
            self._run([op], decoding or self._decoding)

    def _run(self, steps: Sequence[ops.Op], decoding: Decoding) -> None:
        before = replace(self._state, text=_reopened(self._state.text))
        machine = Machine((*steps, ops.End()), _SOURCE, self._engine)
        try:
            row = execute(machine, self._state.goto(0), decoding, keep=True)
            state, error = self._scheduler.run_one(
                row, priority=self._priority, timeout=self._timeout, stats=self.stats
            )
        except BaseException:
            self._state = before
            raise
        if error is not None:
            self._state = before
            raise _plain(error) from error
        self._state = state

    def _capture(self, name: str) -> Capture:
        found = self._state.captures.get(name)
        if found is None:
            known = ", ".join(sorted(self._state.captures)) or "nothing"
            raise InputError(f"nothing was captured as {name!r}; captured so far: {known}")
        return found


def _reopened(text: TextState) -> TextState:
    """The same text without a sequence: opened again, it finds its tokens in the cache."""
    if text.seq is None:
        return text
    tokens = (*text.seq.tokens, *text.pending)
    return replace(text, seq=None, pending=tokens, marks=bytes(len(tokens)))


def _plain(error: GuidedError) -> GuidedError:
    """An error of a hole without the place in a template that there is none of."""
    return GenerationError(error.diagnostic.message) if isinstance(error, TemplateError) else error


def _at_once(engine: Engine, state: RunState) -> Row[RunState]:
    """A fork, as a row: the engine is used under the scheduler's lock only."""
    return fork_state(engine, state)
    yield []


def _exported(engine: SavingEngine, tokens: Sequence[int]) -> Row[Arrays]:
    return engine.export(tokens)
    yield []


def _put_back(engine: SavingEngine, tokens: Sequence[int], arrays: Arrays) -> Row[int]:
    return engine.restore(tokens, arrays)
    yield []


def _closing(engine: Engine, seq: Any) -> Row[None]:
    engine.close(seq)
    return
    yield []
