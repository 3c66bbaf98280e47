"""The model that applications hold: generate one text, many, or a stream of events; open sessions.

A `Model` is an engine and the scheduler that shares it: calls may come from several threads. Arguments are checked
before anything is computed; what cannot even start is raised, what fails on the way is the result's `error`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, Unpack

from guided.errors import Cancelled, GenerationError, GuidedError, InputError
from guided.model.options import BatchOptions, GenerateOptions, Options, as_constraints, check_prompt, check_scored
from guided.model.result import Result
from guided.model.streaming import Streamed, aevents, arun, events
from guided.program import Event, Generated, GenerateRequest, Session, generate_row, score_row, so_far
from guided.program.events import Emit
from guided.runtime.engine import Capabilities, Engine, EngineStats
from guided.runtime.hole import HoleState
from guided.runtime.job import check_urgency
from guided.runtime.local_engine import LocalEngine
from guided.runtime.namespace import TenantEngine
from guided.runtime.prefix_cache import CacheStats
from guided.runtime.scheduler import MAX_BATCH, Row, Scheduler
from guided.runtime.wave import STEP_TOKENS
from guided.vocab import Vocabulary

__all__ = ["Message", "Model"]

T = TypeVar("T")
Message: TypeAlias = Mapping[str, Any]


class Model:
    """A loaded language model; also a context manager that closes itself.

    See `GenerateOptions` for what `generate`, `generate_batch`, `stream` and `astream` take.
    """

    def __init__(self, engine: Engine, *, max_batch: int = MAX_BATCH, step_tokens: int = STEP_TOKENS) -> None:
        self.engine = engine
        self.scheduler = Scheduler(engine, max_batch=max_batch, step_tokens=step_tokens)
        self._owner: Model | None = None  # of a tenant's model: whose engine and scheduler it uses
        self._is_closed = False

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{self.vocab.size} tokens"
        return f"<guided.Model {type(self.engine).__name__}, {state}>"

    @property
    def vocab(self) -> Vocabulary:
        """The tokens, as bytes."""
        return self.engine.vocab

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self.engine.capabilities

    @property
    def stats(self) -> EngineStats:
        """A copy of the counters since the model was loaded."""
        return self.engine.stats.copy()

    def stats_since(self, before: EngineStats) -> EngineStats:
        """What was counted since `before`, an earlier `stats`."""
        return self.engine.stats.since(before)

    def generate(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Result:
        """Continue a prompt, or answer chat messages, under a constraint.

        What cannot start (wrong arguments, a constraint that does not compile, a budget below the shortest text)
        raises; an error after the first token is in the result, beside the text so far. With `n > 1` the result is
        the first sample, and `.samples` are all of them.
        """
        checked, requests = _requests(self.vocab, options, prompt, messages)
        return _first(checked, self._run(requests, checked))

    async def agenerate(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Result:
        """`generate` for `await`: the decode thread works; cancelling the task ends the generation."""
        checked, requests = _requests(self.vocab, options, prompt, messages)
        return _first(checked, await self._arun(requests, checked))

    def generate_batch(
        self, prompts: Sequence[str | Sequence[Message]], **options: Unpack[BatchOptions]
    ) -> list[Result]:
        """Continue many prompts (texts, or lists of chat messages) in one batched decode.

        One result per prompt, in order; a row that fails has its `error` and disturbs no other. `constraint` is one
        for all or a list with one per prompt. Row `i` draws its random numbers from (seed, i), whatever else runs.
        """
        checked, requests = _batch_requests(self.vocab, options, prompts)
        return _grouped(checked, self._run(requests, checked))

    async def agenerate_batch(
        self, prompts: Sequence[str | Sequence[Message]], **options: Unpack[BatchOptions]
    ) -> list[Result]:
        """`generate_batch` for `await`: the decode thread works; cancelling the task ends all rows."""
        checked, requests = _batch_requests(self.vocab, options, prompts)
        return _grouped(checked, await self._arun(requests, checked))

    def stream(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Generator[Event, None, Result]:
        """Generate, and yield typed events as they happen; the generator returns the `Result`.

        `TokenSampled` and `TextAppended` while it runs, then `HoleClosed` with the value and `RunFinished`. An error
        is raised after a `RunFinished` that names it. Closing the generator stops the generation.
        """
        checked, streamed = self._streamed(options, prompt, messages)
        return events(self.scheduler, streamed, priority=checked.priority, timeout=checked.timeout)

    def astream(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> AsyncGenerator[Event, None]:
        """`stream` for `async for`: the decode thread works, the event loop stays free."""
        checked, streamed = self._streamed(options, prompt, messages)
        return aevents(self.scheduler, streamed, priority=checked.priority, timeout=checked.timeout)

    def score(
        self, prompt: str, texts: Sequence[str], *, priority: int = 0, timeout: float | None = None
    ) -> list[float]:
        """log p of each of `texts` as the continuation of `prompt`, in nats, before any mask.

        Summed over the canonical tokens of prompt and text that overlap the text. All are scored together, and what
        they begin with is read once.
        """
        self.check_open()
        check_scored(prompt, texts)
        check_urgency(priority, timeout)
        rows = [score_row(self.engine, prompt, text) for text in texts]
        scores = self.scheduler.run(rows, priority=priority, timeout=timeout)
        for score in scores:
            if isinstance(score, GuidedError):
                raise score
        return [float(score) for score in scores if not isinstance(score, GuidedError)]

    def session(self, *, seed: int = 0, priority: int = 0, timeout: float | None = None) -> Session:
        """An empty text that is written step by step: `text`, `gen`, `select`, `fork`, roles, beams.

        `seed` names its random numbers; `priority` and `timeout` (seconds) are those of each of its calls.
        """
        self.check_open()
        return Session(self.engine, self.scheduler, seed=seed, priority=priority, timeout=timeout)

    def restore(self, path: str | os.PathLike[str]) -> Session:
        """The session that `Session.save` wrote; raises `InputError` for a file that is damaged or another model's."""
        self.check_open()
        return Session.restored(self.engine, self.scheduler, path)

    def tenant(self, name: str) -> Model:
        """This model with a prefix cache of its own: what others have computed is never found, nor the other way.

        It shares weights, memory and the loop with this model, and is used like it; closing it closes only itself.
        """
        self.check_open()
        if not isinstance(name, str) or not name:
            raise InputError(f"a tenant's name is a text that is not empty, not {name!r}")
        base = self.engine.base if isinstance(self.engine, TenantEngine) else self.engine
        view = Model.__new__(Model)
        view.engine, view.scheduler = TenantEngine(base, name), self.scheduler
        view._owner, view._is_closed = self, False
        return view

    @property
    def cache_stats(self) -> CacheStats:
        """What the prefix cache holds now, and how much of what was asked for it has found (of all tenants)."""
        base = self.engine.base if isinstance(self.engine, TenantEngine) else self.engine
        if not isinstance(base, LocalEngine):
            raise InputError(f"the backend {base.info.name!r} does not tell what its cache holds")
        stats: CacheStats = self.scheduler.run_one(_at_once(base.cache_stats))
        return stats

    def close(self) -> None:
        """Free what the engine holds; any use afterwards raises. Closing twice is fine."""
        if self._owner is not None:
            self._is_closed = True
        elif not self._is_closed:
            self._is_closed = True
            self.scheduler.close()
            self.engine.shutdown()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check_open(self) -> None:
        """Raise if the model was closed."""
        if self._owner is not None:
            self._owner.check_open()
        if self._is_closed:
            raise GenerationError("this model is closed: load it again")

    def _run(self, requests: Sequence[GenerateRequest], options: Options) -> list[Result]:
        self.check_open()
        stats = EngineStats()
        rows = [_row(self.engine, request) for request in requests]
        ended = self.scheduler.run(rows, priority=options.priority, timeout=options.timeout, stats=stats)
        return _results(requests, ended, stats)

    async def _arun(self, requests: Sequence[GenerateRequest], options: Options) -> list[Result]:
        self.check_open()
        stats = EngineStats()
        rows = [_row(self.engine, request) for request in requests]
        ended = await arun(self.scheduler, rows, priority=options.priority, timeout=options.timeout, stats=stats)
        return _results(requests, ended, stats)

    def _streamed(
        self, options: Mapping[str, Any], prompt: str | None, messages: Sequence[Message] | None
    ) -> tuple[Options, Streamed]:
        checked, requests = _requests(self.vocab, options, prompt, messages)
        if checked.n != 1:
            raise InputError(f"a stream has one text: n={checked.n} is for generate and generate_batch")
        self.check_open()

        stats = EngineStats()

        def make(emit: Emit) -> Row[Result]:
            generated = yield from generate_row(self.engine, requests[0], emit)
            return _result(requests[0], generated)

        return checked, Streamed(make, stats)


def _requests(
    vocab: Vocabulary, options: Mapping[str, Any], prompt: str | None, messages: Sequence[Message] | None
) -> tuple[Options, list[GenerateRequest]]:
    """One request per sample."""
    checked = Options.of(options)
    check_prompt(prompt, messages)
    return checked, [_request(vocab, checked, prompt, messages, row=number) for number in range(checked.n)]


def _batch_requests(
    vocab: Vocabulary, options: BatchOptions, prompts: Sequence[str | Sequence[Message]]
) -> tuple[Options, list[GenerateRequest]]:
    """One request per sample of each prompt."""
    if isinstance(prompts, str | bytes | Mapping) or not isinstance(prompts, Sequence):
        raise InputError(f"prompts is a list of texts or of message lists, not {type(prompts).__name__}")
    constraints = as_constraints(options.get("constraint"), len(prompts))
    checked = Options.of({name: value for name, value in options.items() if name != "constraint"})
    requests = []
    for number, (given, constraint) in enumerate(zip(prompts, constraints, strict=True)):
        if not isinstance(given, Sequence) or isinstance(given, bytes):
            raise InputError(f"prompts[{number}] is a text or a list of messages, not {type(given).__name__}")
        prompt, messages = (given, None) if isinstance(given, str) else (None, given)
        check_prompt(prompt, messages)
        own = replace(checked, constraint=constraint)
        requests += [_request(vocab, own, prompt, messages, row=number * own.n + sample) for sample in range(own.n)]
    return checked, requests


def _grouped(options: Options, results: list[Result]) -> list[Result]:
    """One result per prompt, which holds all its samples."""
    if options.n == 1:
        return results
    groups = [tuple(results[at : at + options.n]) for at in range(0, len(results), options.n)]
    return [replace(group[0], samples=group) for group in groups]


def _first(options: Options, results: list[Result]) -> Result:
    """What `generate` gives: the first sample, which holds all of them."""
    first = results[0]
    if first.error is not None and not first.text:
        raise first.error
    return first if options.n == 1 else replace(first, samples=tuple(results))


def _request(
    vocab: Vocabulary, options: Options, prompt: str | None, messages: Sequence[Message] | None, *, row: int
) -> GenerateRequest:
    return GenerateRequest(
        prompt=prompt,
        messages=messages,
        constraint=options.constraint,
        max_tokens=options.max_tokens,
        temperature=options.effective_temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        seed=options.seed,
        row=row,
        stop=options.stop,
        penalties=options.penalties(vocab),
        min_tokens=options.min_tokens,
        stop_regex=options.stop_regex,
        logprobs=options.logprobs,
        token_healing=options.token_healing,
        canonical=options.canonical,
    )


def _at_once(call: Callable[[], T]) -> Row[T]:
    """A call of the engine, as a row: it is used by one thread at a time."""
    return call()
    yield []


def _row(engine: Engine, request: GenerateRequest) -> Row[Result]:
    """One request as a row that ends with a result, whatever happens to it."""
    last: list[HoleState] = []

    def note(state: HoleState) -> None:
        last[:] = (state,)

    try:
        generated = yield from generate_row(engine, request, observe=note)
    except GuidedError as error:
        return _failed(request, error, *so_far(last[0] if last else None))
    return _result(request, generated)


def _results(
    requests: Sequence[GenerateRequest], ended: Sequence[Result | GuidedError], stats: EngineStats
) -> list[Result]:
    return [
        replace(_failed(request, end) if isinstance(end, GuidedError) else end, stats=stats)
        for request, end in zip(requests, ended, strict=True)
    ]


def _failed(request: GenerateRequest, error: GuidedError, text: str = "", tokens: tuple[int, ...] = ()) -> Result:
    return Result(
        text=text,
        tokens=tokens,
        finish_reason="cancelled" if isinstance(error, Cancelled) else "error",
        error=error,
        constraint=request.constraint,
        prompt=_shown_prompt(request),
    )


def _result(request: GenerateRequest, generated: Generated) -> Result:
    return Result(
        text=generated.text,
        tokens=generated.tokens,
        finish_reason=generated.finish_reason,
        logprob=generated.logprob,
        constraint=request.constraint,
        prompt=_shown_prompt(request),
        trace=generated.trace,
        healing=generated.healing,
        is_canonical=generated.is_canonical,
    )


def _shown_prompt(request: GenerateRequest) -> str:
    """The prompt as a reader knows it: chat messages as `role: content` lines."""
    if request.messages is None:
        return request.prompt or ""
    return "".join(f"{message['role']}: {message['content']}\n" for message in request.messages)
