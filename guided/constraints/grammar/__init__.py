"""Context-free grammars in GBNF, the notation of llama.cpp."""

from guided.constraints.grammar.constraint import Grammar

__all__ = ["Grammar"]
