"""The template language: text to typed nodes, checked; and pure evaluation of expressions."""

from __future__ import annotations

from guided.lang.declarations import TemplateFile

__all__ = ["TemplateFile"]
