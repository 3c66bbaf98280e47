"""Every Python block of README.md and docs/*.md runs and prints what the page says; the same for the notebooks.

The blocks of a page share one namespace, in order, with the repository as working directory. A `text` block right
after a `python` block is its output. `GUIDED_UPDATE_DOCS=1 pytest tests/test_docs.py` writes all outputs anew.
"""

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"^(?P<fence>```+)python\n(?P<code>.*?)^(?P=fence)\n(?:\n?(?P<wall>```+)text\n(?P<output>.*?)^(?P=wall)\n)?",
    re.MULTILINE | re.DOTALL,
)


def run_page(path: Path) -> str:
    """Run the blocks of a page; returns the page with the outputs that they have."""
    page = path.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "__docs__"}
    parts, at = [], 0
    for block in BLOCK.finditer(page):
        line = page.count("\n", 0, block.start()) + 1
        code = compile("\n" * line + block["code"], str(path), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, namespace)
        if block["output"] is not None:
            parts += [page[at : block.start("output")], printed.getvalue()]
            at = block.end("output")
    return "".join([*parts, page[at:]])


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_python_of_a_page_runs_and_prints_what_it_says(path, monkeypatch):
    if not BLOCK.search(path.read_text(encoding="utf-8")):
        pytest.skip("no Python on this page")
    monkeypatch.chdir(ROOT)
    page = run_page(path)
    if os.environ.get("GUIDED_UPDATE_DOCS"):
        path.write_text(page, encoding="utf-8")
    assert page == path.read_text(encoding="utf-8")


def test_an_output_that_differs_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\nprint(x + 1)\n```\n\n```text\n3\n```\n\n```python\nassert x == 1\n```\n")
    assert run_page(page) == page.read_text().replace("\n3\n", "\n2\n")


@pytest.mark.parametrize("command", ["pip install . && guided run templates/character.guided", "./check"])
def test_the_readme_names_the_set_up_commands(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_a_notebook_shows_what_it_prints(path):
    nbformat = pytest.importorskip("nbformat", reason="pip install 'guided[notebook]'")
    nbclient = pytest.importorskip("nbclient", reason="pip install 'guided[notebook]'")
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(fresh, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in fresh.cells:
        cell.metadata.pop("execution", None)  # when it ran is of no interest
    if os.environ.get("GUIDED_UPDATE_DOCS"):
        fresh.metadata = stored.metadata
        nbformat.write(fresh, path)
    assert printed(fresh) == printed(nbformat.read(path, as_version=4))


def printed(notebook):
    """The text that each code cell printed or returned."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    texts = [[one.get("text") or one.get("data", {}).get("text/plain") for one in cell.outputs] for cell in cells]
    return ["".join(filter(None, parts)) for parts in texts]
