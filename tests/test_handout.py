"""`make handout`: what is committed and a student needs, and it runs elsewhere."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
pytestmark = pytest.mark.skipif(
    os.name == "nt" or not (shutil.which("git") and shutil.which("make")),
    reason="needs git and make",
)


def make_handout(folder):
    return subprocess.run(
        ["make", "handout"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def unpacked(clone, tmp_path_factory):
    """Make the handout beside a learner's copy, and unpack it."""
    (clone / "notebooks" / "01_load_data-Copy1.ipynb").write_text("{}")
    done = make_handout(clone)
    assert done.returncode == 0, done.stderr
    left_out = (
        "Not committed, so not in the handout: notebooks/01_load_data-Copy1.ipynb"
    )
    assert left_out in done.stdout
    folder = tmp_path_factory.mktemp("Übung 1")
    zip_file = clone / "build" / "handout" / "handwritten-digits.zip"
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(folder)
    return folder / "handwritten-digits"


def test_it_holds_what_a_student_needs_and_nothing_else(unpacked):
    names = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*")}
    lessons = {p.name for p in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    found = {p.name for p in (unpacked / "notebooks").glob("*.ipynb")}
    assert found == lessons - {"01_load_data-Copy1.ipynb"}
    for needed in ("Makefile", "README.md", "requirements.lock", "scripts/set_up.py"):
        assert needed in names
    assert "mnist_tutorial/handwriting/pad.js" in names
    assert not {"INSTRUCTORS.md", "assets/students.md"} & names
    for name in names:
        assert not re.search(r"(^|/)\.|solutions|(^|/)(tests|conftest)", name), name


def lessons(folder):
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        yield path, nbformat.read(path, as_version=4)


def test_no_result_stands_below_the_question_that_asks_for_it(unpacked):
    questions = 0
    for path, notebook in lessons(unpacked):
        nbformat.validate(notebook)
        for above, below in zip(notebook.cells, notebook.cells[1:], strict=False):
            asks = above.cell_type == "markdown" and re.search(
                r"\?(\*\*)?$|Write your guess down", above.source
            )
            if asks and below.cell_type == "code":
                questions += not above.source.startswith("**Exercise")
                assert not below.outputs or above.source.startswith("**Exercise")
                assert below.outputs or below.execution_count is None, path.name
        assert any(cell.get("outputs") for cell in notebook.cells), path.name
    assert questions > 40


def test_its_readme_tells_a_student_how_to_start(unpacked):
    readme = (unpacked / "README.md").read_text(encoding="utf-8")
    assert "make lab" in readme
    for target in LINK.findall(readme):
        assert "://" in target
    for word in ("make test", "solutions", "INSTRUCTORS", "git "):
        assert not re.search(rf"\b{word}", readme), word


def test_make_offers_only_what_works_there(unpacked):
    command = ["make", "help"]
    shown = subprocess.run(command, cwd=unpacked, capture_output=True, text=True)
    offered = re.findall(r"^make (\w+)", shown.stdout, re.MULTILINE)
    assert offered == ["lab", "course", "reader", "bench"]


def test_nothing_in_the_lessons_needs_git(unpacked):
    for path, notebook in lessons(unpacked):
        for cell in notebook.cells:
            assert not re.search(r"\bgit\b", cell.source), (path.name, cell.source)


def test_every_file_has_the_date_of_the_commit(clone, unpacked):
    shown = ["git", "-C", clone, "show", "-s", "--format=%ct", "HEAD"]
    committed = int(subprocess.run(shown, check=True, capture_output=True).stdout)
    with zipfile.ZipFile(clone / "build/handout/handwritten-digits.zip") as archive:
        for entry in archive.infolist():
            date = datetime(*entry.date_time).timestamp()
            assert abs(date - committed) <= 2, entry.filename


def test_links_of_the_lessons_lead_somewhere_in_it(unpacked):
    for path in sorted((unpacked / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type != "markdown":
                continue
            for target in LINK.findall(cell.source):
                file = unquote(target.partition("#")[0])
                if "://" not in target and file:
                    assert (path.parent / file).exists(), (path.name, target)


def test_pictures_stay_in_the_lessons_and_come_along(unpacked):
    shown = set()
    for path, notebook in lessons(unpacked):
        for cell in notebook.cells:
            for target in re.findall(r"!\[[^]]+\]\(([^)]+)\)", cell.source):
                assert (path.parent / target).is_file(), (path.name, target)
                shown.add(Path(target).name)
    assert "tensorboard.png" in shown


def test_its_package_runs_in_a_folder_with_a_hard_name(unpacked):
    done = subprocess.run(
        [sys.executable, "-c", "import mnist_tutorial as m; print(m.course_folder())"],
        cwd=unpacked / "notebooks",
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "..", done.stderr


def test_without_a_clone_it_says_what_is_needed(unpacked):
    done = make_handout(unpacked)
    assert done.returncode != 0
    assert "A handout is made from a git clone of the course" in done.stdout
