"""Which names are bound at a point of the template, and what kind of thing each is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from guided.lang.problems import nearest
from guided.source import Span

__all__ = ["Binding", "BindingKind", "Names"]

BindingKind: TypeAlias = Literal["input", "capture", "variable", "macro", "function", "special"]


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name is; `span` is where it was bound, if in the template."""

    kind: BindingKind
    span: Span | None = None


@dataclass(slots=True)
class Names:
    """Frames of bindings, as `Scope` has frames of values. Captures go to the outermost."""

    frames: list[dict[str, Binding]] = field(default_factory=lambda: [{}])

    def find(self, name: str) -> Binding | None:
        return next((frame[name] for frame in reversed(self.frames) if name in frame), None)

    def bind(self, name: str, binding: Binding) -> None:
        frame = self.frames[0] if binding.kind == "capture" else self.frames[-1]
        frame[name] = binding

    @contextmanager
    def inside(self, bindings: dict[str, Binding]) -> Iterator[None]:
        """A frame for the time of a `with` statement."""
        self.frames.append(bindings)
        try:
            yield
        finally:
            self.frames.pop()

    def nearest(self, name: str, more: Iterable[str] = ()) -> str | None:
        return nearest(name, [*(n for frame in self.frames for n in frame), *more])
