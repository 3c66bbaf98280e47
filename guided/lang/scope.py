"""Which names have which values at a point of a run, as a value: binding makes a new scope and changes none.

The outermost frame holds the inputs, the captures and what the top level sets; `for`, `with` and macros push a frame
each. `if`, `repeat`, `loop`, roles, `hidden` and `beam` push none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Scope"]


@dataclass(frozen=True, slots=True)
class Scope(Mapping[str, Any]):
    """Frames of names, the innermost last.

    >>> outer = Scope.of({"x": 1})
    >>> inner = outer.push({"x": 2}).capture("found", True)
    >>> inner["x"], inner.pop()["x"], inner.pop()["found"], "found" in outer
    (2, 1, True, False)
    """

    frames: tuple[Mapping[str, Any], ...] = ({},)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Scope:
        return cls((dict(values),))

    def __getitem__(self, name: str) -> Any:
        for frame in reversed(self.frames):
            if name in frame:
                return frame[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in frame for frame in self.frames)

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for frame in self.frames for name in frame})

    def __len__(self) -> int:
        return len({name for frame in self.frames for name in frame})

    def bind(self, name: str, value: Any) -> Scope:
        """With `name` in the innermost frame: what `set` does."""
        return Scope((*self.frames[:-1], {**self.frames[-1], name: value}))

    def capture(self, name: str, value: Any) -> Scope:
        """With `name` in the outermost frame, seen by all that follows: what a hole does."""
        return Scope(({**self.frames[0], name: value}, *self.frames[1:]))

    def rebind(self, name: str, value: Any) -> Scope:
        """With a new value in the innermost frame that has the name: what `set ns.x` does to `ns`."""
        at = next(i for i in range(len(self.frames) - 1, -1, -1) if name in self.frames[i])
        return Scope((*self.frames[:at], {**self.frames[at], name: value}, *self.frames[at + 1 :]))

    def push(self, values: Mapping[str, Any]) -> Scope:
        """With a new innermost frame."""
        return Scope((*self.frames, dict(values)))

    def pop(self) -> Scope:
        """Without the innermost frame."""
        return Scope(self.frames[:-1])
