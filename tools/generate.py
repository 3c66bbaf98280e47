"""Which files of this repository are written by a program, and by which.

`python tools/generate.py` writes them all, `--list` prints their paths. `./check` runs the first and then asks
`git diff --exit-code` for the second, so a generated file that was edited by hand, or is out of date, fails there.
To add one: a function that returns the file's whole text, and its line in `GENERATED`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def command_line_page() -> str:
    """docs/cli.md: the commands and their options, from the declarations that typer reads."""
    from typer.main import get_command

    from guided.cli.app import app

    parts = ["# The command line", "Written by `python tools/generate.py` from the commands themselves; do not edit."]
    commands: dict[str, Any] = getattr(get_command(app), "commands", {})
    for name, command in commands.items():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        usage = " ".join(["guided", name, *(one.metavar or one.name.upper() for one in arguments), "[OPTIONS]"])
        parts += [f"## guided {name}", f"`{usage}`", command.help or ""]
        rows = [f"| `{_spelling(one)}` | {one.help} |" for one in command.params if one.name != "help"]
        if rows:
            parts.append("\n".join(["| argument | what it is |", "|---|---|", *rows]))
    parts.append("`guided COMMAND --help` says the same. `guided --version` prints the version.")
    return "\n\n".join(parts) + "\n"


def _spelling(parameter: Any) -> str:
    """`--seed N` for an option, `FILE` for an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return "/".join(parameter.opts) + takes


def keyword_page() -> str:
    """docs/keywords.md: what each draft enforces, from the tables that lowering reads."""
    from guided import _native
    from guided.constraints.json_schema.formats import KNOWN_FORMATS, PARTIAL_FORMATS, REFUSED_FORMATS

    drafts = {4: "4", 6: "6", 7: "7", 2019: "2019-09", 2020: "2020-12"}
    head = f"| keyword | {' | '.join(drafts.values())} |\n|---|" + ":-:|" * len(drafts)
    rows = [
        f"| `{keyword}` | " + " | ".join("yes" if first <= draft <= last else "" for draft in drafts) + " |"
        for keyword, first, last in sorted(_native.keywords())
    ]
    asserted = ", ".join(
        f"`{name}`" for name in sorted(KNOWN_FORMATS - REFUSED_FORMATS.keys() - PARTIAL_FORMATS.keys())
    )
    partial = [f"- `{name}`: {PARTIAL_FORMATS[name]}." for name in sorted(PARTIAL_FORMATS)]
    refused = [f"- `{name}`: {REFUSED_FORMATS[name]}." for name in sorted(REFUSED_FORMATS)]
    parts = [
        "# Keywords of JSON Schema, by draft",
        "Written by `python tools/generate.py` from the tables that lowering reads; do not edit. *Yes*: the masks\n"
        "enforce the keyword exactly, or the schema is refused with a typed error. Elsewhere it says nothing\n"
        "about values in that draft, and is an annotation. [schema.md](schema.md) tells how each is read,\n"
        "[suite-verdicts.md](suite-verdicts.md) what the official tests say.",
        "\n".join([head, *rows]),
        "## Formats",
        f"Asserted: {asserted}.",
        "Asserted in part: no text that breaks them is let through, and some that keep them are not:",
        "\n".join(partial),
        'Refused at compile, unless `formats="annotate"`:',
        "\n".join(refused),
        'Any other name is an annotation, unless `unknown_formats="error"`.',
    ]
    return "\n\n".join(parts) + "\n"


def format_automaton(name: str) -> str:
    """A format of JSON Schema as the automaton that its definition makes, to be read and not built."""
    from guided.constraints.json_schema.formats import built_format
    from guided.constraints.limits import DEFAULT_LIMITS

    builder = DEFAULT_LIMITS.new_builder()
    return builder.written(built_format(builder, name))


def _formats() -> dict[str, Callable[[], str]]:
    from guided.constraints.json_schema.formats import KNOWN_FORMATS, REFUSED_FORMATS

    names = sorted(KNOWN_FORMATS - REFUSED_FORMATS.keys())
    return {f"guided/constraints/json_schema/automata/{n}.txt": functools.partial(format_automaton, n) for n in names}


GENERATED: dict[str, Callable[[], str]] = {  # path from the root -> what makes its text
    "docs/cli.md": command_line_page,
    "docs/keywords.md": keyword_page,
    **_formats(),
}


def main(arguments: list[str]) -> int:
    """Write every generated file, or list them; returns the exit code."""
    if arguments not in ([], ["--list"]):
        print("usage: python tools/generate.py [--list]", file=sys.stderr)
        return 2
    for path, make in GENERATED.items():
        if arguments:
            print(path)
        else:
            (ROOT / path).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
