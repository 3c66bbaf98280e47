import datetime
import io
import json
import stat
import time

import pytest
from pydantic import BaseModel

from guided.cli.output import Progress, TextPrinter, to_json
from guided.template.files import write_whole


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_the_bytes_are_the_text():
    stream = io.StringIO()
    printer = TextPrinter(stream)
    printer.write("fixed \x1b[31m", generated=False)
    printer.write("made", generated=True)
    printer.end_line()
    assert stream.getvalue() == "fixed \x1b[31mmade\n"


def test_a_finished_line_stays_finished():
    stream = io.StringIO()
    printer = TextPrinter(stream)
    printer.write("a\n", generated=True)
    printer.end_line()
    assert stream.getvalue() == "a\n"


def test_a_terminal_shows_what_was_generated_and_no_text_steers_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    printer = TextPrinter(stream)
    printer.write("fixed [bold]", generated=False)
    printer.write("made\x1b]0;title\x07", generated=True)
    shown = stream.getvalue()
    assert "\x1b[2mfixed [bold]" in shown
    assert "made␛]0;title␇" in shown
    assert shown.count("\x1b]") == 0


def test_long_work_tells_how_far_it_is_but_not_too_often(capsys):
    progress = Progress("rows", 5, every_seconds=0.05)
    progress.update(1)
    time.sleep(0.06)
    progress.update(2)
    progress.update(3)
    progress.close()
    assert capsys.readouterr() == ("", "rows: 2/5\n")


def test_json_of_typed_values():
    class Point(BaseModel):
        x: int

    value = {"d": datetime.date(2026, 1, 2), "p": Point(x=1), "s": ("a",), "é": None}
    assert json.loads(to_json(value)) == {"d": "2026-01-02", "p": {"x": 1}, "s": ["a"], "é": None}
    assert "é" in to_json(value)


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "out.html"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR
