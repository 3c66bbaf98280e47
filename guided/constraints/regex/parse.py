"""From a pattern to a program, remembered for the patterns seen last."""

from __future__ import annotations

import functools
from typing import Literal

from guided.constraints.regex.ecma_dialect import EcmaReader
from guided.constraints.regex.nodes import Program
from guided.constraints.regex.python_dialect import PythonReader
from guided.constraints.regex.references import expand_references

__all__ = ["Dialect", "parse_pattern"]

Dialect = Literal["python", "ecma"]


@functools.lru_cache(maxsize=512)
def parse_pattern(pattern: str, dialect: Dialect = "python") -> Program:
    """Parse `pattern`; InvalidRegex gives the position of what is wrong or not supported."""
    return expand_references((PythonReader if dialect == "python" else EcmaReader)(pattern).read())
