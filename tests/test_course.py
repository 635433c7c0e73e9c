"""`make course` and `make notebooks`: run, store, and write pages."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The script, with folders of its own: one good lesson, one that fails."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    spec = importlib.util.spec_from_file_location("course", ROOT / "scripts/course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(module, "PAGES", tmp_path / "pages")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    write(tmp_path, "00_fails", ["1 / 0"])
    write(
        tmp_path,
        "01_works",
        [
            "import matplotlib.pyplot as plt\n"
            "from mnist_tutorial.plotting import describe\n"
            "describe(plt.subplots(figsize=(1, 1))[0], 'An empty frame.')\n"
            "plt.show()",
            "import time\n"
            "print('in two', flush=True)\n"
            "time.sleep(0.5)\n"
            "print('pieces')",
            "print('for the eyes only')",
        ],
    )
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", "stand-in")
    return module


def write(folder, name, sources):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(f"# Lesson {name}\n\n[next](02.ipynb)")]
        + [nbformat.v4.new_code_cell(source) for source in sources]
    )
    notebook.cells[-1].metadata.tags = ["live", "nbval-ignore-output"]
    notebook.metadata.language_info = {"name": "python", "version": "3.99"}
    nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")


def run(course, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["course.py", *arguments])
    course.main()


def test_pages(course, tmp_path, monkeypatch, capsys):
    """A failing lesson neither stops the next one nor goes unnoticed."""
    (tmp_path / "notebooks" / "page.ipynb").write_text("<!DOCTYPE html>")
    with pytest.raises(SystemExit) as stopped:
        run(course, monkeypatch)
    assert stopped.value.code == 1
    table = capsys.readouterr().out
    assert "failed at code cell 1: ZeroDivisionError division by zero" in table
    assert "ran" in table.split("01_works")[1]
    assert "is no notebook: " in table.split("page.ipynb")[1]
    index = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    assert '<a href="00_fails.html">0. Lesson 00_fails</a>' in index
    assert "failed at code cell 1" in index
    assert "stand-in" in index
    page = (tmp_path / "pages" / "01_works.html").read_text(encoding="utf-8")
    assert 'alt="An empty frame."' in page
    assert '<a rel="prev" href="00_fails.html">← 0. Lesson 00_fails</a>' in page
    assert "ZeroDivisionError" in (tmp_path / "pages" / "00_fails.html").read_text(
        encoding="utf-8"
    )


def test_links_lead_to_pages_and_prose_keeps_its_words(course, tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook()
    text = (
        "# T\n\nType `a/02.ipynb`, [next](01_works.ipynb#x), [notes](../INSTRUCTORS.md)"
    )
    text += ", [later](07.ipynb), [elsewhere](https://example.org/a)"
    notebook.cells = [nbformat.v4.new_markdown_cell(text)]
    nbformat.write(notebook, tmp_path / "notebooks" / "05_links.ipynb")
    run(course, monkeypatch, "--no-run", "01", "05")
    page = (tmp_path / "pages" / "05_links.html").read_text(encoding="utf-8")
    assert "a/02.ipynb" in page
    assert '<a href="01_works.html#x">next</a>, notes, later, ' in page
    assert 'href="https://example.org/a"' in page


STRAY = {
    "empty.ipynb": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "nothing.ipynb": "",
    "page.ipynb": "<!DOCTYPE html>",
    "json.ipynb": '{"a": 1}',
    "list.ipynb": "[]",
    "binary.ipynb": "\0\1",
    "number.ipynb": '{"nbformat": 4, "nbformat_minor": 5, "cells": [1]}',
}


def test_what_is_no_lesson_is_a_line_in_the_table(
    course, tmp_path, monkeypatch, capsys
):
    for name, content in STRAY.items():
        (tmp_path / "notebooks" / name).write_text(content)
    (tmp_path / "notebooks" / "folder.ipynb").mkdir()
    run(course, monkeypatch, "--no-run")
    lines = {
        line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line
    }
    index = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    assert "01_works.html" in index
    for name in STRAY:
        assert "is empty" in lines[name] or "is no notebook: " in lines[name]
        assert name.replace(".ipynb", ".html") not in index
    assert "folder.ipynb" not in lines
    # What has no page is nobody's neighbour.
    page = (tmp_path / "pages" / "01_works.html").read_text(encoding="utf-8")
    assert '<a rel="prev"' in page
    assert '<a rel="next"' not in page


def test_a_notebook_without_a_heading_is_named_after_its_file(
    course, tmp_path, monkeypatch
):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(notebook, tmp_path / "notebooks" / "06_mine.ipynb")
    run(course, monkeypatch, "--no-run", "06")
    index = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    assert '<a href="06_mine.html">06_mine</a>' in index


def test_pages_of_stored_outputs_run_nothing(course, tmp_path, monkeypatch, capsys):
    run(course, monkeypatch, "--no-run")
    assert "ZeroDivisionError" not in capsys.readouterr().out
    page = (tmp_path / "pages" / "01_works.html").read_text(encoding="utf-8")
    assert "describe" in page
    assert "<img" not in page


# In a process of its own: one process drives one browser.
PRINT = """
import sys
from pathlib import Path
import course
course.NOTEBOOKS, course.PAGES, course.ROOT = map(Path, sys.argv[1:4])
sys.argv[1:] = ["--no-run", "--pdf"]
course.main()
"""


@pytest.mark.usefixtures("course", "browser")
def test_all_lessons_go_into_one_tagged_pdf_with_an_outline(tmp_path):
    folders = [tmp_path / "notebooks", tmp_path / "pages", tmp_path]
    done = subprocess.run(
        [sys.executable, "-c", PRINT, *folders],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'scripts'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Or pages/course.pdf, all lessons in one." in done.stdout
    pdf = (tmp_path / "pages" / "course.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/StructTreeRoot" in pdf
    assert b"/Outlines" in pdf


def test_without_a_browser_the_pdf_is_refused_in_one_line(course, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="A PDF needs the package playwright"):
        run(course, monkeypatch, "--no-run", "--pdf")


def test_one_lesson(course, tmp_path, monkeypatch):
    run(course, monkeypatch, "--no-run", "01")
    pages = {path.name for path in (tmp_path / "pages").glob("0*.html")}
    assert pages == {"01_works.html"}


def test_one_lesson_leaves_the_cover_of_all(course, tmp_path, monkeypatch, capsys):
    run(course, monkeypatch, "--no-run")
    cover = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    write(tmp_path, "01_works", ["print('mended')"])
    capsys.readouterr()
    run(course, monkeypatch, "--no-run", "01")
    assert (tmp_path / "pages" / "index.html").read_text(encoding="utf-8") == cover
    assert "mended" in (tmp_path / "pages" / "01_works.html").read_text("utf-8")
    assert "01_works.html in a browser" in capsys.readouterr().out


def test_unknown_lesson(course, monkeypatch):
    with pytest.raises(SystemExit, match="No lesson begins with 77"):
        run(course, monkeypatch, "77")


def test_outputs_of_other_digits_are_not_stored(course, monkeypatch):
    with pytest.raises(SystemExit, match="come from MNIST, and here are stand-in"):
        run(course, monkeypatch, "--store")


def test_store(course, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "pin_source", lambda: "MNIST")
    before = (tmp_path / "notebooks" / "00_fails.ipynb").read_bytes()
    with pytest.raises(SystemExit):
        run(course, monkeypatch, "--store")
    assert (tmp_path / "notebooks" / "00_fails.ipynb").read_bytes() == before
    stored = nbformat.read(tmp_path / "notebooks" / "01_works.ipynb", as_version=4)
    drawing, slow, live = stored.cells[1:]
    assert drawing.outputs[0].data["text/plain"] == "An empty frame."
    assert drawing.execution_count == 1
    # On a busy machine, one text comes in pieces.
    assert [output.text for output in slow.outputs] == ["in two\npieces\n"]
    assert live.outputs == []
    # In full, as JupyterLab would write it: it need not ask to save.
    running = ".".join(map(str, sys.version_info[:3]))
    assert stored.metadata.language_info.version == running
    assert stored.metadata.language_info.pygments_lexer == "ipython3"
    assert sorted(p.name for p in (tmp_path / "notebooks").iterdir()) == [
        "00_fails.ipynb",
        "01_works.ipynb",
    ]
