"""docs/language.md: its templates compile, its errors are those printed, and it names everything that there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from guided.errors import TemplateSyntaxError
from guided.lang import check, parse
from guided.lang.filters import FILTERS
from guided.lang.functions import BUILTINS
from guided.lang.holes import ARGUMENTS, DEFAULTABLE, TYPES
from guided.lang.inputs import TYPE_NAMES
from guided.lang.methods import METHOD_NAMES
from guided.lang.names import RUN_ARGUMENTS
from guided.lang.tags import TAGS
from guided.lang.tests import TESTS
from guided.source import Source

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^````jinja\n(?P<template>.*?)^````\n(?:\n```text\n(?P<error>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
BLOCKS = list(BLOCK.finditer(TEXT))


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_a_template_of_the_page(index, request):
    block = BLOCKS[index]
    if block["error"] is None:
        check(parse(Source(block["template"])))
        return
    with pytest.raises(TemplateSyntaxError) as caught:
        check(parse(Source(block["template"])))
    found = f"{caught.value}\n"
    if request.config.getoption("--update", default=False):
        PAGE.write_text(
            PAGE.read_text(encoding="utf-8").replace(block.group(), _with_error(block, found)), encoding="utf-8"
        )
        return
    assert block["error"] == found


def _with_error(block, error):
    start, end = (position - block.start() for position in block.span("error"))
    return block.group()[:start] + error + block.group()[end:]


def named(*heads: str) -> set[str]:
    """The names in code marks of the paragraph or table rows that begin with one of `heads`."""
    parts = [part for part in re.split(r"\n\n", TEXT) if part.startswith(heads)]
    assert parts
    return set(re.findall(r"`([a-z_]+)", " ".join(parts)))


def test_every_filter_test_and_function_is_named():
    assert named("Filters:") - {"indent", "ensure_ascii", "separators", "sort_keys", "n"} == set(FILTERS) - {"indent"}
    assert named("Tests:") == set(TESTS)
    assert named("`value.name`") >= set(BUILTINS) | METHOD_NAMES - {"cycle"}


@pytest.mark.parametrize("name", [*TAGS, *ARGUMENTS, *DEFAULTABLE, *TYPES, *TYPE_NAMES])
def test_it_is_on_the_page(name):
    assert re.search(rf"(`|{{% |, |\(){name}\b", TEXT)


def test_the_arguments_of_run_cannot_be_inputs():
    template = pytest.importorskip("guided.template").Template
    for method in (template.run, template.stream, template.map):
        kinds = inspect.signature(method).parameters.values()
        assert {p.name for p in kinds if p.kind is not p.VAR_KEYWORD} <= RUN_ARGUMENTS
