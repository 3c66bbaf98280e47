import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

import guided
from guided.notebook import live, page
from guided.program import HoleToken, Piece, RunFinished, TextAppended

HOSTILE = "<script>alert(1)</script>\"'&"
PIECES = (
    Piece(HOSTILE, "input"),
    Piece("a<b", "model", HOSTILE, (HoleToken(7, b"a<", "sampled", -0.5), HoleToken(8, b"b", "forced"))),
)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def told(result, *events):
    yield from events
    return result


def test_a_page_is_whole_and_every_text_is_escaped():
    text = page(PIECES, title=HOSTILE, error=HOSTILE)
    tags = Tags(text)
    assert text.startswith("<!doctype html>")
    assert "script" not in tags.tags
    assert {"html", "head", "body", "title", "pre", "span"} <= set(tags.tags)
    assert tags.text.count(HOSTILE) == 4  # title, heading, the input, the error
    assert "a<b" in tags.text
    assert any(name == "title" and value.startswith(HOSTILE) and "p 0.607" in value for name, value in tags.attributes)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in tags.attributes)


def test_without_a_notebook_a_stream_is_printed_as_it_comes(capsys):
    events = [
        TextAppended("Name: ", "template"),
        TextAppended("Ada", "model", "name"),
        TextAppended("unseen", "model", "x", is_hidden=True),
        RunFinished(),
    ]
    assert live(told("the result", *events)) == "the result"
    assert capsys.readouterr().out == "Name: Ada\n"


def test_in_a_notebook_one_output_is_drawn_anew(monkeypatch):
    drawn = []
    handle = SimpleNamespace(update=lambda shown: drawn.append(shown))
    display = SimpleNamespace(HTML=lambda text: text, display=lambda shown, display_id: handle)
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    events = [TextAppended("Name: ", "template"), TextAppended("<b>", "model", "name"), RunFinished("too <bad>")]
    assert live(told(3, *events), every_seconds=0) == 3
    assert len(drawn) == 4
    assert "Name: " in drawn[0]
    assert "&lt;b&gt;" in drawn[1]
    assert "&lt;bad&gt;" in drawn[-1]
    drawn.clear()
    live(told(3, *events), every_seconds=60)
    assert len(drawn) == 2  # the first event and the end


def test_an_error_on_the_way_is_raised_and_shown(capsys):
    def broken():
        yield TextAppended("Name: ", "template")
        raise guided.GenerationError("the model is gone")

    with pytest.raises(guided.GenerationError, match="is gone"):
        live(broken())
    assert capsys.readouterr().out == "Name: \n"


def test_importing_it_imports_no_notebook_library():
    code = (
        "import sys, guided.notebook; sys.exit(any(name in sys.modules for name in ('IPython', 'ipykernel', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
