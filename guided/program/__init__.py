"""Floor 7: templates and programs, run on an engine.

`compile_program` makes a `Program` of a parsed template; `Program.row` runs it and `generate_row` runs one prompt, both
as rows for `guided.runtime.scheduler.Scheduler`. `Session` is the same for programs written in Python.
"""

from guided.program.events import (
    Emit,
    Event,
    HoleClosed,
    HoleOpened,
    RunFinished,
    TextAppended,
    TokenSampled,
    Warned,
)
from guided.program.executor import RunResult
from guided.program.generate import Generated, GenerateRequest, generate_row
from guided.program.program import Program, compile_program
from guided.program.state import Capture, Piece

__all__ = [
    "Capture",
    "Emit",
    "Event",
    "GenerateRequest",
    "Generated",
    "HoleClosed",
    "HoleOpened",
    "Piece",
    "Program",
    "RunFinished",
    "RunResult",
    "TextAppended",
    "TokenSampled",
    "Warned",
    "compile_program",
    "generate_row",
]
