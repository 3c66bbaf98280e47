"""`guided check`: compile templates without a model, and say what is wrong with each, with its place."""

from __future__ import annotations

from collections.abc import Sequence

from guided.cli.failures import FAILED, WRONG_USAGE, complain
from guided.cli.run import read_template
from guided.cli.values import UsageError
from guided.errors import GuidedError, InputError
from guided.template import Template

__all__ = ["check_files"]


def check_files(files: Sequence[str]) -> int:
    """Check every file, also after one that is wrong; returns the worst exit code."""
    return max(_check(file) for file in files)


def _check(file: str) -> int:
    try:
        template = read_template(file)
    except (UsageError, InputError) as error:
        complain(error)
        return WRONG_USAGE
    except GuidedError as error:
        complain(error)
        return FAILED
    print(f"{file}: ok ({_counted(template)})")
    return 0


def _counted(template: Template) -> str:
    inputs, captures = len(template.inputs), len(template.captures)
    return f"{inputs} input{'s' * (inputs != 1)}, {captures} capture{'s' * (captures != 1)}"
