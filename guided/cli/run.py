"""`guided run`: one template, one run or many rows, text or JSON.

Everything that can be wrong with the call is found before the model is loaded; the model is loaded before the first
row runs; a file is written only when it is whole.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from guided.cli.failures import FAILED, complain
from guided.cli.output import Progress, TextPrinter, to_json
from guided.cli.values import UsageError, parse_inputs, parse_settings, read_rows
from guided.errors import InputError
from guided.lang import bind_defaults
from guided.model import Model, load_model
from guided.notebook import page
from guided.program import Event, TextAppended, TokenSampled, Warned
from guided.template import Template, TemplateResult, load, write_whole

__all__ = ["read_template", "run"]


def run(
    file: str,
    *,
    model: str | None,
    backend: str | None,
    inputs: Sequence[str],
    rows: str | None,
    settings: Sequence[str],
    greedy: bool,
    seed: int,
    timeout: float | None,
    as_json: bool,
    trace: Path | None,
) -> None:
    """Do what the command says; raises errors, or `typer.Exit` where the work failed."""
    template = read_template(file, is_stdin_taken=rows == "-")
    defaults = parse_settings(settings)
    bind_defaults(template.file.front, defaults)
    given, many = _given_inputs(template, inputs, rows)
    if seed < 0:
        raise UsageError(f"--seed is 0 or more, not {seed}")
    if timeout is not None and not 0 < timeout < math.inf:
        raise UsageError(f"--timeout is a number of seconds above 0, not {timeout:g}")
    _check_trace(trace, many)
    how: dict[str, Any] = {"seed": seed, "greedy": greedy, "defaults": defaults, "timeout": timeout}
    with load_model(model, backend) as loaded:
        if many is not None:
            _run_rows(template, loaded, many, how, as_json=as_json)
        else:
            _run_once(template, loaded, given, how, as_json=as_json, trace=trace)


def read_template(file: str, *, is_stdin_taken: bool = False) -> Template:
    """The template of a path, or of standard input for `-`."""
    if file != "-":
        return load(file)
    if is_stdin_taken:
        raise UsageError("the template and --inputs cannot both come from standard input")
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not UTF-8 text (byte {error.start})") from None
    return Template(text, name="<stdin>")


def _given_inputs(
    template: Template, words: Sequence[str], rows: str | None
) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    """The inputs of one run, and the rows if there are many; `--input` wins over the file."""
    typed = parse_inputs(words, {name: declared.schema for name, declared in template.inputs.items()})
    read = {} if rows is None else read_rows(rows)
    many = None if isinstance(read, dict) else [{**row, **typed} for row in read]
    one = {**read, **typed} if isinstance(read, dict) else typed
    for number, row in enumerate([one] if many is None else many):
        try:
            template.bind(row)
        except InputError as error:
            raise error if many is None else InputError(f"row {number}: {error}") from None
    return one, many


def _check_trace(trace: Path | None, many: object) -> None:
    if trace is None:
        return
    if many is not None:
        raise UsageError("--trace shows one run: leave it out, or give one row of inputs")
    if trace.is_dir() or not trace.absolute().parent.is_dir():
        raise UsageError(f"--trace {trace}: not a file in an existing directory")


def _run_once(
    template: Template,
    model: Model,
    inputs: Mapping[str, Any],
    how: Mapping[str, Any],
    *,
    as_json: bool,
    trace: Path | None,
) -> None:
    printer = TextPrinter()
    progress = Progress("tokens")
    num_tokens = 0

    def show(event: Event) -> None:
        nonlocal num_tokens
        if isinstance(event, Warned):
            print(f"warning: {event.message}", file=sys.stderr)
        elif as_json and isinstance(event, TokenSampled):
            num_tokens += 1
            progress.update(num_tokens)
        elif not as_json and isinstance(event, TextAppended) and not event.is_hidden:
            printer.write(event.text, generated=event.provenance == "model")

    result = template.run(model, inputs, on_event=show, logprobs=trace is not None, **how)
    progress.close()
    if not as_json:
        printer.end_line()
    if trace is not None:
        error = None if result.error is None else str(result.error)
        write_whole(trace, page(result.trace.pieces, title=template.name, error=error))
    if result.error is not None:
        raise result.error
    if as_json:
        print(to_json(result.captures))


def _run_rows(
    template: Template, model: Model, rows: Sequence[dict[str, Any]], how: Mapping[str, Any], *, as_json: bool
) -> None:
    progress = Progress("rows", len(rows))
    results = template.map(model, rows, on_done=progress.update, **how)
    progress.close()
    if as_json:
        print(to_json([_document(result) for result in results]))
    else:
        printer = TextPrinter()
        for result in results:
            printer.write(result.text, generated=False)
            printer.end_line()
    failed = [number for number, result in enumerate(results) if result.error is not None]
    for number in failed:
        complain(f"row {number}: {results[number].error}")
    if failed:
        raise typer.Exit(FAILED)


def _document(result: TemplateResult) -> dict[str, Any]:
    return dict(result.captures) if result.error is None else {"error": str(result.error)}
