"""A counter of schema nodes that refuses to pass its limit."""

from __future__ import annotations

from guided.errors import ConstraintTooComplex

__all__ = ["NodeCount"]


class NodeCount:
    """Counts up to `limit`."""

    def __init__(
        self, limit: int, what: str = "a schema with too many parts", name: str | None = "max_schema_nodes"
    ) -> None:
        self._limit = limit
        self._what = what
        self._name = name
        self._count = 0

    def add(self) -> None:
        """One more; ConstraintTooComplex beyond the limit."""
        self._count += 1
        if self._count > self._limit:
            raise ConstraintTooComplex(self._what, self._limit, self._name)
