"""The commands and their options; what they do is in the module of the same name.

Nothing heavy is imported here: `guided --help` and a usage error answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import guided

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Guided generation: templates compiled to exact token masks.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"guided {guided.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before any command."""


@app.command()
def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .guided template; - reads it from standard input.")],
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="Model name or directory; default: the shipped model.")
    ] = None,
    backend: Annotated[str | None, typer.Option("--backend", metavar="B", help="Inference backend.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="K=V", help="One input; arrays as JSON, or the option repeated."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option("--inputs", metavar="FILE", help="Inputs from .json, or many rows from .jsonl; - is stdin."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="K=V", help="A default of all holes, e.g. temperature=0.7."),
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="Temperature 0 at every hole.")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same bytes.")] = 0,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="End what is not done by then with an error.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the captures as one JSON document.")] = False,
    trace: Annotated[
        Path | None, typer.Option("--trace", metavar="OUT.html", help="Write a page that shows every token.")
    ] = None,
) -> None:
    """Run a template on a model and print its text."""
    from guided.cli import run as command
    from guided.cli.failures import failures

    with failures():
        command.run(
            file,
            model=model,
            backend=backend,
            inputs=inputs or [],
            rows=rows,
            settings=settings or [],
            greedy=greedy,
            seed=seed,
            timeout=timeout,
            as_json=as_json,
            trace=trace,
        )


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".guided templates; - is standard input.")],
) -> None:
    """Compile templates without a model and report what is wrong with them."""
    from guided.cli.check import check_files

    raise typer.Exit(check_files(files))


@app.command()
def doctor() -> None:
    """Say what is installed, what is not and why, and try the shipped model."""
    from guided.cli.doctor import examine

    raise typer.Exit(examine())
