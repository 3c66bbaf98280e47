"""Which files of this repository are written by a program, and by which.

`python tools/generate.py` writes them all, `--list` prints their paths. `./check` runs the first and then asks
`git diff --exit-code` for the second, so a generated file that was edited by hand, or is out of date, fails there.
To add one: a function that returns the file's whole text, and its line in `GENERATED`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

GENERATED: dict[str, Callable[[], str]] = {}  # path from the root -> what makes its text


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
