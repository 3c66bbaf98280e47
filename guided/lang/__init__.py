"""The template language: text to typed nodes, checked; and pure evaluation of expressions."""

from __future__ import annotations

from guided.lang.declarations import TemplateFile
from guided.lang.inputs import bind_inputs
from guided.lang.parser import parse

__all__ = ["TemplateFile", "bind_inputs", "parse"]
