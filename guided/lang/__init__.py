"""The template language: text to typed nodes, checked; and pure evaluation of expressions.

`parse` makes a `TemplateFile`, `check` refuses what cannot run and says what the captures are, `bind_inputs`,
`bind_defaults`, `load_tools` and `start_scope` make what a run starts from, `evaluate` computes an expression.
`guided.program` compiles the nodes (`guided.lang.nodes`); `render` makes the text of a body without holes.
"""

from __future__ import annotations

from guided.lang.captures import CaptureDeclaration, captures_of
from guided.lang.checker import check
from guided.lang.constants import definitions, is_constant
from guided.lang.declarations import FrontMatter, InputDeclaration, TemplateFile
from guided.lang.evaluate import evaluate, evaluate_text
from guided.lang.inputs import bind_inputs
from guided.lang.parser import parse
from guided.lang.problems import runtime_error, syntax_error
from guided.lang.render import Budget, assign, block_text, check_failure, loop_frames, make_macro, render
from guided.lang.scope import Scope
from guided.lang.start import bind_defaults, load_tools, start_scope
from guided.lang.values import Undefined, to_text

__all__ = [
    "Budget",
    "CaptureDeclaration",
    "FrontMatter",
    "InputDeclaration",
    "Scope",
    "TemplateFile",
    "Undefined",
    "assign",
    "bind_defaults",
    "bind_inputs",
    "block_text",
    "captures_of",
    "check",
    "check_failure",
    "definitions",
    "evaluate",
    "evaluate_text",
    "is_constant",
    "load_tools",
    "loop_frames",
    "make_macro",
    "parse",
    "render",
    "runtime_error",
    "start_scope",
    "syntax_error",
    "to_text",
]
