"""The template language: text to typed nodes, checked; and pure evaluation of expressions.

`parse` makes a `TemplateFile`, `check` refuses what cannot run and says what the captures are, `start_scope` binds the
inputs, `evaluate` computes an expression. `guided.program` compiles the nodes and walks them.
"""

from __future__ import annotations

from guided.lang.declarations import TemplateFile
from guided.lang.evaluate import evaluate, evaluate_text
from guided.lang.inputs import bind_inputs
from guided.lang.parser import parse
from guided.lang.render import render
from guided.lang.scope import Scope

__all__ = ["Scope", "TemplateFile", "bind_inputs", "evaluate", "evaluate_text", "parse", "render"]
