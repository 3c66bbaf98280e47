"""Who wrote what: the pieces of a run's text, in order, with the tokens decided at each hole."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from guided.program import Piece

__all__ = ["Trace"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The pieces of a run. Printed, fixed text is bare and what the model wrote stands in `«name: ...»`."""

    pieces: tuple[Piece, ...]
    name: str = "<template>"

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __str__(self) -> str:
        return "".join(f"«{p.hole}: {p.text}»" if p.provenance == "model" and p.hole else p.text for p in self.pieces)

    def page(self) -> str:
        """A whole HTML page: the text with every token, its log p and how it was decided."""
        return str(_notebook().page(self.pieces, title=self.name))

    def _repr_html_(self) -> str:
        return str(_notebook().fragment(self.pieces))


def _notebook() -> Any:
    return importlib.import_module("guided.notebook")  # a higher floor: known only where something is shown
