"""How an error ends a command: one message on standard error and the right exit code, never a traceback.

Errors that we raise on purpose (`GuidedError`) are shown as they are: they name the place and what to do.
Anything else is a bug of ours, and keeps its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from guided.cli.values import UsageError
from guided.errors import GuidedError, InputError

__all__ = ["FAILED", "WRONG_USAGE", "complain", "failures"]

FAILED = 1
WRONG_USAGE = 2


def complain(message: object) -> None:
    """Write one message to standard error, after whatever was streamed to standard output."""
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr)


@contextmanager
def failures() -> Iterator[None]:
    """Turn errors inside the block into a message and an exit code."""
    try:
        yield
    except (UsageError, InputError) as error:
        complain(error)
        raise typer.Exit(WRONG_USAGE) from None
    except GuidedError as error:
        complain(error)
        raise typer.Exit(FAILED) from None
