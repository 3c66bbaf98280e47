"""Floor 3: what a constraint becomes for one vocabulary. A thin handle over the compiled core."""

from guided.matcher.compiled_grammar import CompiledGrammar, Matcher, fill_masks

__all__ = ["CompiledGrammar", "Matcher", "fill_masks"]
