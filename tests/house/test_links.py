"""Every relative link of every page leads somewhere. (That the Python of the pages runs: `tests/test_docs.py`.)"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\((?!https?:|mailto:|#)(?P<target>[^)\s#]+)")
FENCED = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    broken = [m["target"] for m in LINK.finditer(text) if not (page.parent / m["target"]).exists()]
    assert not broken
