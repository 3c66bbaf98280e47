"""A compiled template: its ops, what it takes and what it captures; `row` runs it.

Compiling looks at every hole whose constraint is the same in all runs, and refuses one that nothing can satisfy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guided.errors import BudgetTooSmall, GuidedError, TemplateError, UnsatisfiableConstraint
from guided.lang import TemplateFile, bind_inputs, nodes
from guided.lang.constants import definitions
from guided.lang.problems import syntax_error
from guided.lang.start import bind_defaults, start_scope
from guided.program.compiler import compile_ops
from guided.program.events import Emit, RunFinished
from guided.program.executor import RunResult, execute, result_of
from guided.program.hole_plan import HoleOptions, static_plan
from guided.program.machine import Machine
from guided.program.names import walk
from guided.program.ops import Op
from guided.program.run import Decoding
from guided.program.state import RunState
from guided.runtime.engine import Engine
from guided.runtime.hole_text import start
from guided.runtime.scheduler import Row
from guided.source import Source
from guided.tools import Tool
from guided.vocab import Vocabulary

__all__ = ["Program", "compile_program"]


@dataclass(frozen=True, slots=True)
class Program:
    """A template, ready to run on any engine and as often as wanted."""

    file: TemplateFile
    ops: tuple[Op, ...]
    _checked: set[str] = field(default_factory=set, repr=False, compare=False)  # vocabularies that it was checked for

    @property
    def source(self) -> Source:
        return self.file.source

    def bind_inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A value for every input; raises InputError for a missing, unknown or wrong one."""
        return bind_inputs(self.file.front.inputs, given)

    def check_budgets(self, vocab: Vocabulary) -> None:
        """Raise TemplateSyntaxError at a constant hole whose `max_tokens` is below its shortest text."""
        if vocab.fingerprint in self._checked:
            return
        options = HoleOptions().over(bind_defaults(self.file.front, {}))
        for node in walk(*self.file.body):
            if isinstance(node, nodes.Hole):
                _check_budget(node, definitions(self.file.front), self.source, vocab, options)
        self._checked.add(vocab.fingerprint)

    def row(
        self,
        engine: Engine,
        inputs: Mapping[str, Any],
        *,
        seed: int = 0,
        row: int = 0,
        greedy: bool = False,
        defaults: Mapping[str, Any] | None = None,
        tools: Mapping[str, Tool] | None = None,
        logprobs: bool = False,
        emit: Emit | None = None,
    ) -> Row[RunResult]:
        """One run, as a row for the scheduler. It raises no GuidedError: the result has it, and what was done.

        `seed` and `row` name the random numbers. `greedy` overrides every temperature. `defaults` are hole arguments
        that go over the template's own defaults and under what a hole says itself. `tools` are those that the front
        matter declares (see `guided.lang.load_tools`).
        """
        state: RunState | None = None
        error: GuidedError | None = None
        try:
            scope = start_scope(self.file, self.bind_inputs(inputs), tools or {})
            decoding = self._decoding(defaults or {}, seed=seed, row=row, greedy=greedy, logprobs=logprobs)
            self.check_budgets(engine.vocab)
            state = RunState(scope, start(engine.vocab))
            machine = Machine(self.ops, self.source, engine)
            state, error = yield from execute(machine, state, decoding, emit)
        except GuidedError as problem:
            error = problem
        result = result_of(state, error) if state is not None else RunResult({}, {}, "", (), error)
        if emit is not None:
            emit(RunFinished(str(error) if error is not None else None, dict(result.values)))
        return result

    def _decoding(self, given: Mapping[str, Any], *, greedy: bool, **more: Any) -> Decoding:
        options = HoleOptions().over(bind_defaults(self.file.front, given))
        return Decoding(defaults=options, forced={"temperature": 0.0} if greedy else {}, **more)


def compile_program(file: TemplateFile) -> Program:
    """Compile a checked template; raises TemplateSyntaxError at a hole that no text can satisfy."""
    bytewise = Vocabulary([*(bytes([i]) for i in range(256)), None], eos_ids={256})
    defs = definitions(file.front)
    for node in walk(*file.body):
        if isinstance(node, nodes.Hole):
            _check_hole(node, defs, file.source, bytewise)
    return Program(file, compile_ops(file))


def _check_hole(node: nodes.Hole, defs: Mapping[str, Any], source: Source, vocab: Vocabulary) -> None:
    """Refuse a constant hole that is wrong in every run."""
    try:
        plan = static_plan(node, defs, source)
        if plan is not None and not plan.options:
            plan.constraint.compile(vocab)
    except TemplateError as error:
        diagnostic = error.diagnostic
        raise syntax_error(source, diagnostic.span, diagnostic.message, diagnostic.label, diagnostic.help) from error
    except GuidedError as error:
        asking = [a for a in node.arguments if a.name in ("regex", "json", "grammar", "type", "where")]
        argument = asking[0] if asking else None
        names = " and ".join(f"'{a.name}'" for a in asking)
        is_empty = isinstance(error, UnsatisfiableConstraint)
        message = f"nothing can be written at '{node.name}': no text satisfies {names}" if is_empty else str(error)
        help = error.reason if isinstance(error, UnsatisfiableConstraint) and node.argument("grammar") else ""
        span = argument.value.span if argument is not None else node.span
        raise syntax_error(source, span, message, help=help) from error
    stop = node.argument("stop_regex")
    pattern = plan.stop_regex if plan is not None else None
    if stop is not None and pattern is not None and pattern.compile(vocab).matcher().is_accepting:
        help = "the text would end before it begins; use + instead of *"
        raise syntax_error(source, stop.span, "'stop_regex' matches the empty text", help=help)


def _check_budget(
    node: nodes.Hole, defs: Mapping[str, Any], source: Source, vocab: Vocabulary, defaults: HoleOptions
) -> None:
    plan = static_plan(node, defs, source, defaults)
    limit = plan.decoding.max_tokens if plan is not None and not plan.options else None
    if plan is None or limit is None:
        return
    shortest = plan.constraint.compile(vocab).matcher().shortest_completion()
    if len(shortest) <= limit or (needed := len(vocab.spell(shortest))) <= limit + 1:
        return  # the text around it may save a token: whether it does is seen when the hole opens
    argument = next((a for a in node.arguments if a.name == "max_tokens"), None)
    message = f"max_tokens={limit} is too small for '{node.name}': its shortest text has {needed} tokens"
    help = f"give at least max_tokens={needed}; the shortest text is {shortest.decode('utf-8', 'replace')[:60]!r}"
    span = argument.value.span if argument is not None else node.span
    raise syntax_error(source, span, message, help=help) from BudgetTooSmall(limit, needed)
