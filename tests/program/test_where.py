"""`where`: what the automaton can keep, the model cannot write."""

from __future__ import annotations

import pytest

from guided.errors import TemplateSyntaxError
from guided.lang import nodes, parse
from guided.program.names import walk
from guided.program.where import static_where
from guided.source import Source

STATIC = [
    ("len(it) < 3", ["", "ab"], ["abc"]),
    ("3 >= len(it)", ["", "abc"], ["abcd"]),
    ("len(it) != 2", ["", "abc"], ["ab"]),
    ('"\\n" not in it', ["", "a b"], ["a\n", "\n"]),
    ('"no" in it', ["no", "nothing", "a no"], ["", "n o"]),
    ('it in ["a", "b.c"]', ["a", "b.c"], ["", "bxc"]),
    ('it != "a"', ["", "aa"], ["a"]),
    ('not it.startswith(" Why")', ["", "Why"], [" Why", " Why not"]),
    ('it.endswith("?")', ["?", "a?"], ["", "a"]),
    ('it.startswith("a") or it.endswith("b")', ["a", "b", "cb"], ["c", ""]),
    ('it.startswith("a") and len(it) > 1', ["ab"], ["a", "bb"]),
]
DYNAMIC = ["len(it) < limit", "it.upper() == 'A'", "it in names", "len(it | trim) < 3", "'a' in other"]


def where_items(condition):
    file = parse(Source(f'{{{{ gen("x", where=[{condition}]) }}}}'))
    (hole,) = (node for node in walk(*file.body) if isinstance(node, nodes.Hole))
    return hole.argument("where").items


@pytest.mark.parametrize(("condition", "fits", "refused"), STATIC)
def test_static_items_are_exact(bytewise, condition, fits, refused):
    (constraint,), rest = static_where(where_items(condition))
    assert rest == ()
    grammar = constraint.compile(bytewise)
    for text, expected in [*((t, True) for t in fits), *((t, False) for t in refused)]:
        matcher = grammar.matcher()
        assert (matcher.accept_bytes(text.encode()) and matcher.is_accepting) == expected, text


@pytest.mark.parametrize("condition", DYNAMIC)
def test_other_items_are_left_to_the_end(condition):
    static, rest = static_where(where_items(condition))
    assert static == []
    assert len(rest) == 1


@pytest.mark.parametrize("seed", range(8))
def test_the_model_cannot_write_what_is_refused(play, seed):
    run = play('{{ gen("x", regex="[ab]{1,5}", where=["ab" not in it, len(it) > 2]) }}.', seed=seed)
    assert run.result.error is None
    assert "ab" not in run.result.values["x"]
    assert len(run.result.values["x"]) > 2


def test_an_unsatisfiable_where_is_a_compile_error(compiled):
    with pytest.raises(TemplateSyntaxError, match="'regex' and 'where'"):
        compiled('{{ gen("x", regex="[ab]{1,5}", where=[len(it) > 7]) }}')
