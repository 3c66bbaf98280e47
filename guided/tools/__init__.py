"""What may be called: a `Tool` is a typed callable with a schema, used by agents, templates and programs alike."""

from guided.tools.builtin import calculator, lookup
from guided.tools.call import render
from guided.tools.function import tool
from guided.tools.text_search import text_search
from guided.tools.tool import Tool

__all__ = ["Tool", "calculator", "lookup", "render", "text_search", "tool"]
