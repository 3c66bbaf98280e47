"""Which files of this repository are written by a program, and by which.

`python tools/generate.py` writes them all, `--list` prints their paths. `./check` runs the first and then asks
`git diff --exit-code` for the second, so a generated file that was edited by hand, or is out of date, fails there.
To add one: a function that returns the file's whole text, and its line in `GENERATED`.
"""

from __future__ import annotations

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


GENERATED: dict[str, Callable[[], str]] = {  # path from the root -> what makes its text
    "docs/cli.md": command_line_page,
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
