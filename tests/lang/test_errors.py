"""Every error of the language, as text: the place, the caret and the help.

A golden file is a template, a line of `=`, and what `check(parse(...))` says of it. `pytest tests/lang --update`
writes the second part anew; read the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from guided.errors import TemplateSyntaxError
from guided.lang import check, parse
from guided.source import Source

GOLDEN = Path(__file__).parent / "golden"
LINE = "=" * 72 + "\n"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_error(path, request):
    template, _, expected = path.read_text(encoding="utf-8").partition(LINE)
    with pytest.raises(TemplateSyntaxError) as caught:
        check(parse(Source(template, "bad.guided")))
    found = f"{caught.value}\n"
    if request.config.getoption("--update", default=False):
        path.write_text(template + LINE + found, encoding="utf-8")
        return
    assert found == expected


def test_there_are_many():
    assert len(list(GOLDEN.glob("*.txt"))) >= 60


def test_no_two_say_the_same_of_the_same_place():
    texts = [path.read_text(encoding="utf-8").partition(LINE)[2] for path in GOLDEN.glob("*.txt")]
    assert len(set(texts)) == len(texts)
