"""A one-byte vocabulary, and a way to ask whether a constraint accepts a text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guided.constraints import Constraint
from guided.vocab import Vocabulary

BYTES = Vocabulary([bytes([b]) for b in range(256)] + [None], eos_ids={256})


def accepts(constraint: Constraint, text: str | bytes) -> bool:
    """Whether the compiled constraint accepts the whole text."""
    matcher = constraint.compile(BYTES).matcher()
    return matcher.accept_bytes(text if isinstance(text, bytes) else text.encode()) and matcher.is_accepting


@pytest.fixture
def fits() -> Callable[[Constraint, str | bytes], bool]:
    return accepts
