"""The command line: `guided run`, `guided check`, `guided doctor`.

Text or one JSON document goes to standard output, everything else to standard error. Exit code 0: fine; 1: the
work failed; 2: wrong usage (unknown input, missing file, bad `k=v`, unknown option); 130: stopped by Ctrl-C.
"""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line on `sys.argv`."""
    from guided.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a character that the terminal lacks must not end the run
    app(prog_name="guided")
