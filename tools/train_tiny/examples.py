"""What one training document is.

A document is a list of segments; a segment is either given (prompt, observation) or to be written by the
model. Text is always tokenized whole, and a token belongs to the model when it overlaps a written segment:
so training sees the same tokens at a boundary as a decoder with token healing does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text; `is_target` says that the model writes it."""

    text: str
    is_target: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One document of one task; `answer` is what an evaluation compares with."""

    task: str
    segments: tuple[Segment, ...]
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole document."""
        return "".join(s.text for s in self.segments)

    def target_spans(self) -> list[tuple[int, int]]:
        """Character ranges of the text that the model writes."""
        spans, at = [], 0
        for s in self.segments:
            if s.is_target:
                spans.append((at, at + len(s.text)))
            at += len(s.text)
        return spans

    def questions(self) -> list[tuple[str, str]]:
        """(text before, text to write) for every target; earlier targets are given as they should be."""
        out, before = [], ""
        for s in self.segments:
            if s.is_target:
                out.append((before, s.text))
            before += s.text
        return out


def pair(task: str, prompt: str, completion: str, **answer: Any) -> Example:
    """A document of one prompt and one completion."""
    return Example(task, (Segment(prompt, False), Segment(completion, True)), answer)
