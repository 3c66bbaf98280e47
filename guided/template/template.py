"""A template that is compiled once and run as often as wanted, on any model.

Compiling finds everything that is wrong in the text; `run`, `stream` and `map` differ only in how they drive the same
row of the scheduler. What a run is given is checked before anything is computed.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from guided.errors import InputError
from guided.lang import (
    CaptureDeclaration,
    InputDeclaration,
    TemplateFile,
    bind_defaults,
    check,
    load_tools,
    parse,
    syntax_error,
)
from guided.program import Emit, Event, Program, RunResult, compile_program
from guided.runtime.engine import Engine, EngineStats
from guided.runtime.job import check_urgency
from guided.runtime.scheduler import Row, Scheduler
from guided.source import Source
from guided.template.template_result import TemplateResult
from guided.tools import Tool, tool

__all__ = ["Template"]


class Runner(Protocol):
    """What a template needs of a `guided.Model`."""

    @property
    def engine(self) -> Engine: ...
    @property
    def scheduler(self) -> Scheduler: ...
    def check_open(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What all rows of one call share."""

    seed: int
    greedy: bool
    defaults: Mapping[str, Any]
    logprobs: bool
    priority: int = 0
    timeout: float | None = None

    def __post_init__(self) -> None:
        check_urgency(self.priority, self.timeout)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"seed is an integer of 0 or more, not {self.seed!r}")
        for name in ("greedy", "logprobs"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is true or false, not {getattr(self, name)!r}")


class Template:
    """A compiled template.

    text: front matter and body, in the language of docs/language.md.
    name: what errors call it; `guided.load` gives the path.
    tools: tools that the front matter names, as `Tool`s or typed functions.
    allow_imports: modules from which the front matter may take tools.
    """

    def __init__(
        self,
        text: str,
        name: str = "<template>",
        *,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        allow_imports: Collection[str] = (),
    ) -> None:
        if not isinstance(text, str):
            raise InputError(f"a template is a text, not {type(text).__name__}; for a file use guided.load(path)")
        file = parse(Source(text, name))
        _refuse_run_arguments(file)
        self._captures = check(file)
        self._tools = load_tools(file, _by_name(tools), allow_imports)
        self._program: Program = compile_program(file)

    def __repr__(self) -> str:
        return f"<guided.Template {self.name!r}: {', '.join(self.inputs) or 'no inputs'} -> {', '.join(self.captures)}>"

    @property
    def file(self) -> TemplateFile:
        """The parsed template."""
        return self._program.file

    @property
    def name(self) -> str:
        return self.file.source.name

    @property
    def text(self) -> str:
        return self.file.source.text

    @property
    def description(self) -> str:
        return self.file.front.description

    @property
    def inputs(self) -> Mapping[str, InputDeclaration]:
        """The declared inputs by name: type, JSON Schema, default."""
        return MappingProxyType(dict(self.file.front.inputs))

    @property
    def captures(self) -> Mapping[str, CaptureDeclaration]:
        """What a run captures, by name in order of appearance: type and place."""
        return MappingProxyType(self._captures)

    def bind(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """A value for every input; raises `InputError` for an unknown, missing or wrong one."""
        return self._program.bind_inputs(inputs)

    def run(
        self,
        model: Runner,
        inputs: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        greedy: bool = False,
        on_event: Emit | None = None,
        defaults: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        priority: int = 0,
        timeout: float | None = None,
        **more: Any,
    ) -> TemplateResult:
        """Run once; inputs as a mapping or as keywords.

        The same seed gives the same text. `greedy` is temperature 0 at every hole. `defaults` are hole arguments for
        holes that do not give their own, over those of the front matter. `logprobs` records log p of every token.
        `priority` and `timeout` (seconds) are those of `Model.generate`: docs/scheduling.md.
        Wrong inputs raise `InputError`; what goes wrong on the way is the result's `.error`.
        """
        settings = self._settings(model, seed, greedy, defaults, logprobs, priority, timeout)
        _check_callback("on_event", on_event)
        given = self.bind(_merged(inputs, more))
        stats = EngineStats()
        row = self._row(model, given, settings, emit=on_event)
        run = model.scheduler.run([row], priority=priority, timeout=timeout, stats=stats)[0]
        return replace(self._result(_settled(run), given, settings), stats=stats)

    def stream(
        self,
        model: Runner,
        inputs: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        greedy: bool = False,
        defaults: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        priority: int = 0,
        timeout: float | None = None,
        **more: Any,
    ) -> Generator[Event, None, TemplateResult]:
        """`run`, yielding typed events as they happen; the generator returns the result.

        The last event is `RunFinished`, which names the error if there was one. Closing the generator ends the run.
        """
        settings = self._settings(model, seed, greedy, defaults, logprobs, priority, timeout)
        return self._events(model, self.bind(_merged(inputs, more)), settings)

    def map(
        self,
        model: Runner,
        rows: Iterable[Mapping[str, Any]],
        *,
        batch: int = 16,
        seed: int = 0,
        greedy: bool = False,
        defaults: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        priority: int = 0,
        timeout: float | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> list[TemplateResult]:
        """Run once per row of inputs, up to `batch` at a time in one scheduler; one result per row, in order.

        A row that fails, also for wrong inputs, has its `.error` and disturbs no other. Row `i` draws its random
        numbers from (seed, i). `on_done` is told how many rows are finished. What is not done after `timeout` seconds
        has a `DeadlineExceeded`, beside the text so far.
        """
        settings = self._settings(model, seed, greedy, defaults, logprobs, priority, timeout)
        _check_callback("on_done", on_done)
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise InputError(f"batch is an integer of at least 1, not {batch!r}")
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
            raise InputError(f"rows is a list of mappings of inputs, not {type(rows).__name__}")
        given: list[Mapping[str, Any]] = []
        stats = EngineStats()
        runs = self._rows(model, rows, given, settings, on_done)
        ended = model.scheduler.run(runs, max_batch=batch, priority=priority, timeout=timeout, stats=stats)
        return [
            replace(self._result(_settled(run), inputs, settings), stats=stats)
            for run, inputs in zip(ended, given, strict=True)
        ]

    def _settings(
        self,
        model: Runner,
        seed: int,
        greedy: bool,
        defaults: Mapping[str, Any] | None,
        logprobs: bool,
        priority: int,
        timeout: float | None,
    ) -> _Settings:
        if not isinstance(getattr(model, "scheduler", None), Scheduler):
            raise InputError(f"a template runs on a model, such as guided.load_model(), not {type(model).__name__}")
        model.check_open()
        if defaults is not None and not isinstance(defaults, Mapping):
            raise InputError(f"defaults maps arguments of holes to values, not {type(defaults).__name__}")
        bind_defaults(self.file.front, defaults or {})
        return _Settings(
            seed=seed,
            greedy=greedy,
            defaults=dict(defaults or {}),
            logprobs=logprobs,
            priority=priority,
            timeout=timeout,
        )

    def _row(
        self, model: Runner, inputs: Mapping[str, Any], settings: _Settings, *, row: int = 0, emit: Emit | None = None
    ) -> Row[RunResult]:
        return self._program.row(
            model.engine,
            inputs,
            seed=settings.seed,
            row=row,
            greedy=settings.greedy,
            defaults=settings.defaults,
            tools=self._tools,
            logprobs=settings.logprobs,
            emit=emit,
        )

    def _rows(
        self,
        model: Runner,
        rows: Iterable[Mapping[str, Any]],
        given: list[Mapping[str, Any]],
        settings: _Settings,
        on_done: Callable[[int], None] | None,
    ) -> Iterator[Row[RunResult]]:
        done = 0

        def counted(row: Row[RunResult]) -> Row[RunResult]:
            nonlocal done
            result = yield from row
            done += 1
            if on_done is not None:
                on_done(done)
            return result

        for number, inputs in enumerate(rows):
            if not isinstance(inputs, Mapping):
                raise InputError(f"row {number} is a mapping of inputs, not {type(inputs).__name__}")
            given.append(inputs)
            yield counted(self._row(model, inputs, settings, row=number))

    def _events(
        self, model: Runner, inputs: Mapping[str, Any], settings: _Settings
    ) -> Generator[Event, None, TemplateResult]:
        stats = EngineStats()
        happened: deque[Event] = deque()
        row = self._row(model, inputs, settings, emit=happened.append)
        waves = model.scheduler.iterate(row, priority=settings.priority, timeout=settings.timeout, stats=stats)
        try:
            while True:
                try:
                    next(waves)
                except StopIteration as end:
                    run: RunResult = end.value
                    break
                while happened:
                    yield happened.popleft()
            yield from happened
        finally:
            waves.close()
        return replace(self._result(run, inputs, settings), stats=stats)

    def _result(self, run: RunResult, inputs: Mapping[str, Any], settings: _Settings) -> TemplateResult:
        return TemplateResult(
            run=run, name=self.name, inputs=inputs, seed=settings.seed, greedy=settings.greedy, source=self.text
        )


def _merged(inputs: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InputError(f"inputs is a mapping of names to values, not {type(inputs).__name__}")
    twice = sorted(more.keys() & (inputs or {}).keys())
    if twice:
        raise InputError(f"the input {twice[0]!r} was given twice, in the mapping and as a keyword")
    return {**(inputs or {}), **more}


def _check_callback(name: str, given: object) -> None:
    if given is not None and not callable(given):
        raise InputError(f"{name} is a function, not {type(given).__name__}")


def _settled(run: RunResult | Exception) -> RunResult:
    """A row of a program raises nothing; what the scheduler itself refused is still a result."""
    return run if isinstance(run, RunResult) else RunResult({}, {}, "", (), run)  # type: ignore[arg-type]


def _by_name(tools: Iterable[Tool | Callable[..., Any]]) -> dict[str, Tool]:
    given = [one if isinstance(one, Tool) else tool(one) for one in tools]
    return {one.name: one for one in given}


def _refuse_run_arguments(file: TemplateFile) -> None:
    """An input that is named like an argument of `run` could not be given as a keyword."""
    for name, declaration in file.front.inputs.items():
        if name in inspect.signature(Template.run).parameters:
            message = f"an input cannot be called '{name}'"
            help = f"Template.run has an argument of that name; call it '{name}_'"
            raise syntax_error(file.source, declaration.span, message, help=help)
