"""Every Python block of README.md and docs/*.md runs, and every relative link leads somewhere.

The blocks of a file run in order in one namespace, in a scratch folder that holds a link to `templates/`. A block
with prompts (`>>>`) is checked as a doctest. A block that cannot run here says so: ```` ```python no-run ````.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```python[ \t]*(?P<words>[^\n]*)\n(?P<code>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\((?!https?:|mailto:|#)(?P<target>[^)\s#]+)")
FENCED = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks_of(page: Path) -> list[tuple[int, str]]:
    """(line of the first line of code, code) of each block that is to run."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, block.start("code")) + 1, block["code"])
        for block in BLOCK.finditer(text)
        if "no-run" not in block["words"]
    ]


def run_block(code: str, page: Path, line: int, namespace: dict[str, Any]) -> None:
    if ">>> " in code:
        test = doctest.DocTestParser().get_doctest(code, namespace, page.name, str(page), line - 1)
        report: list[str] = []
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
        namespace.update(test.globs)
        assert not report, "".join(report)
    else:
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_the_python_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "docs"}
    for line, code in blocks_of(page):
        run_block(code, page, line, namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    broken = [m["target"] for m in LINK.finditer(text) if not (page.parent / m["target"]).exists()]
    assert not broken
