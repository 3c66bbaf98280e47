"""Regular expressions: a parser of two dialects into a flat program, and its lowering to native expressions."""

from guided.constraints.regex.constraint import Regex
from guided.constraints.regex.lower import lower_program, pattern_expression
from guided.constraints.regex.parse import parse_pattern

__all__ = ["Regex", "lower_program", "parse_pattern", "pattern_expression"]
