"""The front door, for readers and for instructors: what it promises is there."""

import math
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from packaging.requirements import Requirement

from mnist_tutorial.exercises import check

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTRUCTORS = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "INSTRUCTORS.md": INSTRUCTORS}
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


def lesson_rows(text, prefix=""):
    """Return number, title, file and minutes of each lesson in a Markdown table."""
    row = rf"\| \[?(\d)\. ([^]|]+?)(?:\]\({prefix}([\w.]+)\))? \| [^|]+ \| (\d+) \|"
    return re.findall(row, text)


def anchors(text):
    """Return what links within a page may name: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures(page):
    links = re.findall(r"\[([^]]*)\]\(([^)]+)\)", PAGES[page])
    assert len(links) > 10
    for text, target in links:
        assert text.strip()
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        assert (ROOT / unquote(file)).exists(), target
        assert not anchor or anchor in anchors(PAGES[file or page]), target


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


@pytest.mark.parametrize("page", PAGES)
def test_each_command_exists(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:^|`)make ([\w-]+)", PAGES[page], re.MULTILINE))
    assert {"lab", "course", "handout"} <= commands
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_instructors_see_the_minutes_that_readers_see():
    """The table of INSTRUCTORS.md: its minutes, its estimates and its sums."""
    row = r"\| ([0-9]|All)\.? [^|]*\| (\d+) \| (\d+) \| (\d+) \| [^|]+ \|"
    *rows, total = re.findall(row, INSTRUCTORS)
    there = lesson_rows(README, "notebooks/")
    assert [row[:2] for row in rows] == [(number, last) for number, *_, last in there]
    for number, minutes, _, whole in rows:
        assert int(whole) == int(minutes) + (10 if number != "0" else 0)
    _, *columns = zip(*rows, strict=True)
    assert list(total[1:]) == [str(sum(map(int, column))) for column in columns]


def test_a_server_is_as_large_as_the_table_says():
    """What "A class server" reckons with is what the timetable's table holds."""
    row = r"^\| (\d)\. [^|]*\| \d+ \| \d+ \| \d+ \| ([\d,]+) \|$"
    found = re.findall(row, INSTRUCTORS, re.MULTILINE)
    memory = {number: int(mib.replace(",", "")) for number, mib in found}
    assert f"30 × ({memory['2']:,} − 460) + 460 MiB" in INSTRUCTORS
    whole = (30 * (memory["2"] - 460) + 460) / 1024
    assert f"MiB, about {whole:.0f} GiB" in INSTRUCTORS
    # Rounded up, for a bound.
    eight = math.ceil(memory.pop("8") / 102.4) / 10
    most = math.ceil(max(memory.values()) / 102.4) / 10
    assert f"up to {most} GiB for the kernel of one lesson" in INSTRUCTORS
    assert f"and {eight} GiB in lesson 8" in INSTRUCTORS


def test_sessions_take_as_long_as_they_say():
    """The minutes of the half day, of the two evenings and of the week."""
    half_day = re.findall(r"^\| (\d):(\d\d) \| (\d+) \|", INSTRUCTORS, re.MULTILINE)
    clock = 0
    for hours, minutes, length in half_day:
        assert 60 * int(hours) + int(minutes) == clock
        clock += int(length)
    assert clock == 225
    evenings = re.findall(
        r"^\| [a-z][^|]* \| (\d+) \| [a-z][^|]* \| (\d+) \|$", INSTRUCTORS, re.MULTILINE
    )
    first, second = zip(*evenings, strict=True)
    assert sum(map(int, first)) == sum(map(int, second)) == 150
    days = re.findall(r"^\| \d \| [^|]+ \| (\d+) \|$", INSTRUCTORS, re.MULTILINE)
    assert len(days) == 5
    assert all(int(day) <= 60 for day in days)


def test_instructors_find_every_lesson():
    headings = re.findall(r"^### (\d\. .+)$", INSTRUCTORS, re.MULTILINE)
    rows = lesson_rows(README, "notebooks/")
    assert headings == [f"{number}. {title}" for number, title, _, _ in rows]


def test_instructors_see_what_a_check_prints(capsys):
    (shown,) = re.findall(r"```text\n(Exercise .+?)```", INSTRUCTORS, re.DOTALL)
    for answer in (..., 860, 55_000):
        check("02.1", answer)
    assert capsys.readouterr().out == shown


# --- Colab -------------------------------------------------------------------


def colab_cell():
    """Return the cell that README.md gives for Colab."""
    (cell,) = re.findall(r"```python\n(!git clone.*?)```", README, re.DOTALL)
    return cell


def test_colab_gets_what_the_project_asks_for():
    """Colab has the other packages; its own notebook server must stay as it is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {Requirement(line) for line in project["dependencies"]}
    listed = {Requirement(text) for text in re.findall(r'"([^"]+)"', colab_cell())}
    assert {requirement.name for requirement in listed} == {"keras", "tensorflow"}
    assert listed <= wanted


@pytest.fixture
def machine_like_colab(tmp_path):
    """A Python with all packages but the course, and pip without a network.

    Returns a function that runs a cell in a fresh IPython there.
    """
    place = tmp_path / "python"
    venv.create(place, symlinks=os.name != "nt")
    scheme = sysconfig.get_preferred_scheme("prefix")
    paths = {"base": str(place), "platbase": str(place)}
    site = Path(sysconfig.get_path("purelib", scheme, paths))
    # Python looks there too, but reads no .pth file there, as the course's own is:
    # so all packages are known but this one.
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    python = Path(
        sysconfig.get_path("scripts", scheme, paths), Path(sys.executable).name
    )
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    offline = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        # To pip, 0 means what --no-build-isolation means: setuptools is at hand.
        "PIP_NO_BUILD_ISOLATION": "0",
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }

    def run(cell):
        (tmp_path / "content").mkdir(exist_ok=True)
        (tmp_path / "cell.ipy").write_text(cell, encoding="utf-8")
        return subprocess.run(
            [python, "-m", "IPython", "--colors=NoColor", tmp_path / "cell.ipy"],
            cwd=tmp_path / "content",
            env=ours | offline,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.skipif(os.name == "nt", reason="Colab is Linux")
@pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="no git checkout"
)
def test_the_colab_cell(machine_like_colab, clone, tmp_path):
    """Run it as Colab does, on a clone of this tree, and again."""
    here = f"git clone --quiet {clone.as_uri()}"
    cell, count = re.subn(r"git clone --quiet \S+", here, colab_cell())
    assert count == 1
    assert "No module named 'mnist_tutorial'" in (
        machine_like_colab("import mnist_tutorial").stdout
    )
    looks = """
import os, mnist_tutorial
print("at", os.getcwd())
print("package", mnist_tutorial.__file__)
print("beside", os.path.exists("01_load_data.ipynb"), os.path.exists("../assets"))
"""
    copy = tmp_path / "content" / "handwritten-digits"
    for _ in range(2):  # Colab may ask for a restart, and for the cell again.
        done = machine_like_colab(cell + looks)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"at {copy / 'notebooks'}" in done.stdout
        package = Path(re.search(r"^package (.+)$", done.stdout, re.MULTILINE)[1])
        assert package.is_relative_to(tmp_path / "python")
        assert "beside True True" in done.stdout
        assert "ERROR" not in done.stdout + done.stderr
    installed, cloned = (
        {path.relative_to(folder) for path in folder.rglob("*.py")}
        for folder in (package.parent, copy / "mnist_tutorial")
    )
    assert installed == cloned
