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
from guided.program.generate import Generated, GenerateRequest, generate_row, so_far
from guided.program.given_constraint import as_constraint
from guided.program.program import Program, compile_program
from guided.program.score import score_row
from guided.program.session import Session
from guided.program.state import Capture, Piece
from guided.program.trace import Segment, hole_segments, readable, segments
from guided.program.trace_html import run_html
from guided.runtime.hole import Healing, HoleToken

__all__ = [
    "Capture",
    "Emit",
    "Event",
    "GenerateRequest",
    "Generated",
    "Healing",
    "HoleClosed",
    "HoleOpened",
    "HoleToken",
    "Piece",
    "Program",
    "RunFinished",
    "RunResult",
    "Segment",
    "Session",
    "TextAppended",
    "TokenSampled",
    "Warned",
    "as_constraint",
    "compile_program",
    "generate_row",
    "hole_segments",
    "readable",
    "run_html",
    "score_row",
    "segments",
    "so_far",
]
