"""Formats are read from files: these are what the definitions make, and nothing else is read."""

import pytest

from guided.constraints.json_schema.formats import (
    KNOWN_FORMATS,
    REFUSED_FORMATS,
    built_format,
    format_expression,
)
from guided.constraints.limits import DEFAULT_LIMITS


@pytest.mark.parametrize("name", sorted(KNOWN_FORMATS - REFUSED_FORMATS.keys()))
def test_what_is_read_is_what_the_definition_makes(name):
    built, read = DEFAULT_LIMITS.new_builder(), DEFAULT_LIMITS.new_builder()
    text = built.written(built_format(built, name))
    assert read.written(format_expression(read, name)) == text


GOOD = "c 48 57\nt 2\n- 0 1\n+ 0 1\nn 8 0 0 0 0 0\n"


def test_a_written_expression_is_read():
    builder = DEFAULT_LIMITS.new_builder()
    digits = builder.read(GOOD)
    assert builder.matches(digits, "07")
    assert not builder.matches(digits, "")
    assert builder.written(digits) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x 1\n",
        "c 48\nn 2 0 0 0 0 0\n",
        "c 57 48\nn 2 0 0 0 0 0\n",
        "c 48 57 50 60\nn 2 0 0 0 0 0\n",
        "c 48 1114112\nn 2 0 0 0 0 0\n",
        "n 2 0 0 0 0 0\n",
        "n 3 0 0 0 0 0\n",
        "n 9 0 0 0 0 0\n",
        "n 4 0 0 2 0 0 0\n",
        "t 0\n",
        "t 2\n+\n",
        "t 1\n+ 0 0\n",
        GOOD.replace("+ 0 1", "+ 0 2"),
        GOOD.replace("n 8 0 0 0", "n 8 0 0 2"),
        GOOD.replace("n 8 0 0 0", "n 8 0 1 0"),
        GOOD.replace("48", "99999999999"),
        GOOD[:-1],
        GOOD + "\0",
    ],
)
def test_what_nobody_wrote_is_refused(text):
    with pytest.raises(ValueError, match="no expression written by this version"):
        DEFAULT_LIMITS.new_builder().read(text)
