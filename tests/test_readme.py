"""The front door: what it promises is there."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


def lesson_rows(text, prefix=""):
    """Return number, title, file and minutes of each lesson in a Markdown table."""
    row = rf"\| \[?(\d)\. ([^]|]+?)(?:\]\({prefix}([\w.]+)\))? \| [^|]+ \| (\d+) \|"
    return re.findall(row, text)


def test_links_and_pictures():
    links = re.findall(r"\[([^]]*)\]\(([^)]+)\)", README)
    assert len(links) > 10
    for text, target in links:
        assert text.strip()
        if not target.startswith("https://"):
            assert (ROOT / unquote(target)).exists(), target


def test_every_lesson_is_in_the_table():
    rows = lesson_rows(README, "notebooks/")
    assert [file for _, _, file, _ in rows] == LESSONS
    for number, _, file, _ in rows:
        assert file.startswith(f"0{number}")


def test_lesson_0_shows_the_same_table():
    notebook = nbformat.read(ROOT / "notebooks" / LESSONS[0], as_version=4)
    here = lesson_rows("\n".join(cell.source for cell in notebook.cells))
    there = lesson_rows(README, "notebooks/")
    assert [(n, title, minutes) for n, title, _, minutes in here] == [
        (n, title, minutes) for n, title, _, minutes in there
    ]


@pytest.mark.parametrize("path", LESSONS[1:])
def test_titles_are_the_lessons_own(path):
    notebook = nbformat.read(ROOT / "notebooks" / path, as_version=4)
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    assert title in [title for _, title, _, _ in lesson_rows(README, "notebooks/")]


def test_each_command_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    assert {"lab", "course", "test"} <= commands
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
