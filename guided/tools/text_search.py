"""Which passages of the text files in a folder speak of a query?

Files are cut into paragraphs and ranked by BM25 (Robertson & Zaragoza, 2009, k1 = 1.5, b = 0.75) over lower-cased
words. The index is made at the first call and again for files that have changed. Links that lead out of the folder
are not followed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guided.errors import ToolError
from guided.tools.tool import Tool

__all__ = ["text_search"]

WORD = re.compile(r"\w+")
K1, B = 1.5, 0.75
MAX_FILES = 10_000
MAX_FILE_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph: where it starts, its text, how often each word is in it."""

    file: str
    line: int
    text: str
    words: Counter[str]
    length: int


def text_search(
    folder: str | Path,
    *,
    patterns: tuple[str, ...] = ("*.txt", "*.md"),
    max_chars: int = 400,
    name: str = "search",
    description: str = "Search the text files.",
) -> Tool:
    """A tool that finds the passages of the files in `folder` that fit a query best, as `{file, line, text}`.

    Files are UTF-8 and up to 2 MB; others are passed over. A passage's text is cut to `max_chars`.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise ToolError(f"text_search: {str(folder)!r} is not a folder")
    index = _Index(root, patterns)

    def search(query: str, k: int = 3) -> list[dict[str, Any]]:
        return [
            {"file": passage.file, "line": passage.line, "text": _cut(passage.text, max_chars)}
            for passage in index.best(query, k)
        ]

    parameters = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1},
            "k": {"type": "integer", "minimum": 1, "maximum": 20, "default": 3},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    return Tool(name, description, parameters, search)


class _Index:
    def __init__(self, root: Path, patterns: tuple[str, ...]) -> None:
        self._root = root
        self._patterns = patterns
        self._files: dict[Path, tuple[tuple[int, int], list[Passage]]] = {}  # (mtime, size), passages

    def best(self, query: str, k: int) -> list[Passage]:
        """The `k` passages with the highest score above zero; ties in order of file and line."""
        passages = self._current()
        wanted = set(WORD.findall(query.casefold()))
        if not wanted:
            raise ToolError("the query has no words")
        total = len(passages) or 1
        mean = sum(p.length for p in passages) / total or 1.0
        found_in = {word: sum(word in p.words for p in passages) for word in wanted}
        rarity = {word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in found_in.items()}

        def score(passage: Passage) -> float:
            norm = K1 * (1 - B + B * passage.length / mean)
            return sum(rarity[w] * passage.words[w] * (K1 + 1) / (passage.words[w] + norm) for w in wanted)

        scored = [(score(passage), passage) for passage in passages]
        scored.sort(key=lambda pair: -pair[0])
        return [passage for points, passage in scored[:k] if points > 0]

    def _current(self) -> list[Passage]:
        paths = sorted({p for pattern in self._patterns for p in self._root.rglob(pattern)})
        if len(paths) > MAX_FILES:
            raise ToolError(f"text_search: more than {MAX_FILES} files; narrow the folder or the patterns")
        seen: dict[Path, tuple[tuple[int, int], list[Passage]]] = {}
        for path in paths:
            if not path.is_file() or not path.resolve().is_relative_to(self._root):
                continue
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size)
            known = self._files.get(path)
            seen[path] = known if known and known[0] == version else (version, self._read(path, status.st_size))
        self._files = seen
        return [passage for _, passages in seen.values() for passage in passages]

    def _read(self, path: Path, size: int) -> list[Passage]:
        if size > MAX_FILE_BYTES:
            return []
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            return []
        name = path.relative_to(self._root).as_posix()
        passages = []
        for match in re.finditer(r"\S(?:(?!\n[ \t]*\n).)*", text, re.DOTALL):
            words = WORD.findall(match[0].casefold())
            if words:
                line = text.count("\n", 0, match.start()) + 1
                passages.append(Passage(name, line, match[0].strip(), Counter(words), len(words)))
        return passages


def _cut(text: str, max_chars: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= max_chars else flat[: max_chars - 1] + "…"
