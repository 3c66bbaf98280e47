"""The agent's hand on the model: a session that is written to, by the model under a grammar and by the runtime as text.

Everything that the loop needs to know about tokens is asked here: how many a text has, how many the model's context
still holds, how many the shortest text of a grammar needs, what the engine has computed.
"""

from __future__ import annotations

from guided.constraints import Constraint
from guided.errors import ConstraintError
from guided.model import Model
from guided.program import Session

__all__ = ["Writer"]

COUNTERS = ("forward_calls", "tokens_computed", "tokens_reused", "tokens_forced")


class Writer:
    """One run's session; the same seed draws the same random numbers."""

    def __init__(self, model: Model, *, seed: int, temperature: float) -> None:
        self._model = model
        self._session = Session(model.engine, model.scheduler, seed=seed)
        self._temperature = temperature
        self._length = 0  # canonical tokens of the text so far

    def append(self, text: str) -> None:
        """Add text that the model did not write; control tokens stay off."""
        self._session.text(text)
        self._length += self.count(text)

    def write(self, index: int, constraint: Constraint, max_tokens: int | None) -> tuple[str, int]:
        """Let the model write turn `index` under a grammar: the text, and how many tokens it is."""
        name = f"turn_{index}"
        temperature = self._temperature
        text = str(self._session.gen(name, constraint=constraint, max_tokens=max_tokens, temperature=temperature))
        num_inside = sum(token.is_inside for token in self._session.pieces[-1].tokens)
        num_tokens = max(self.count(text), num_inside)  # more than canonical where the mask allowed another spelling
        self._length += num_tokens
        return text, num_tokens if max_tokens is None else min(num_tokens, max_tokens)

    def close(self) -> None:
        """Give the session's place in the cache back."""
        self._session.close()

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._model.vocab.spell(text.encode()))

    def room(self) -> int:
        """Tokens that the model's context still holds."""
        return max(0, int(self._model.capabilities.max_len) - self._length)

    def shortest(self, constraint: Constraint) -> int:
        """Tokens of the shortest text of a grammar: what must be held in reserve for it."""
        way = constraint.compile(self._model.vocab).matcher().shortest_completion()
        return len(self._model.vocab.spell(way))

    def can_write(self, constraint: Constraint) -> bool:
        """Whether any text fits the constraint, as far as it can be compiled at all."""
        try:
            constraint.compile(self._model.vocab)
        except ConstraintError:
            return False
        return True

    def engine_costs(self) -> dict[str, int]:
        """What the engine did for this run, whatever else ran."""
        return {name: int(getattr(self._session.stats, name)) for name in COUNTERS}
