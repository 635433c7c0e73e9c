"""That the comparison of outputs compares: each kind of harm has to be noticed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "tests" / "sanitize.cfg"
# For each rule: what is stored here, and what another machine may say.
ELSEWHERE = {
    "python version": ("Python 3.11.7", "Python 3.13.12"),
    "logical processors": ("2 logical processors", "16 logical processors"),
    "graphviz": ("Graphviz: found", "Graphviz: missing, and not needed"),
}


def nbval(path, *options):
    """Run strict nbval on one notebook, away from this project's settings."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options, path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    counts = re.findall(r"(\d+) (passed|failed)", done.stdout)
    return {verdict: int(count) for count, verdict in counts}


def printing(pairs):
    """Make a notebook whose cells print one text and have another one stored."""
    cells = []
    for number, (stored, printed) in enumerate(pairs, start=1):
        cell = nbformat.v4.new_code_cell(f"print({printed!r})", execution_count=number)
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{stored}\n")]
        cells.append(cell)
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return notebook


def rules():
    return dict(
        re.findall(
            r"^\[(.+)\]\nregex: (.+)\nreplace: ", RULES.read_text("utf-8"), re.MULTILINE
        )
    )


def test_a_corrupted_output_is_noticed(tmp_path):
    """Take the beginning of lesson 0, change one stored number, and see it fail."""
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    notebook.cells = notebook.cells[:4]
    whole, corrupted = tmp_path / "whole.ipynb", tmp_path / "corrupted.ipynb"
    nbformat.write(notebook, whole)
    text = whole.read_text(encoding="utf-8")
    assert "784 pixels" in text
    corrupted.write_text(text.replace("784 pixels", "785 pixels"), encoding="utf-8")
    assert nbval(whole) == {"passed": 1}
    assert nbval(corrupted) == {"failed": 1}


def test_each_sanitizing_rule_is_live(tmp_path):
    path = tmp_path / "rules.ipynb"
    nbformat.write(printing(ELSEWHERE.values()), path)
    assert nbval(path, f"--nbval-sanitize-with={RULES}") == {"passed": len(ELSEWHERE)}
    assert nbval(path) == {"failed": len(ELSEWHERE)}


def test_no_rule_is_broader_than_needed():
    """Each rule serves some stored output, and leaves other texts alone."""
    assert rules().keys() == ELSEWHERE.keys()
    stored = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "notebooks").rglob("*.ipynb"))
    )
    for name, regex in rules().items():
        assert re.search(regex, stored), name
        assert re.fullmatch(regex, ELSEWHERE[name][0]), name


@pytest.mark.parametrize("text", ["accuracy 97.5%", "loss 0.42", "Keras 3.15.1"])
def test_figures_are_never_sanitized(text):
    assert not any(re.search(regex, text) for regex in rules().values())


def our_pytest(*arguments, **variables):
    """Run pytest with this project's settings."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("tests", "claims"),
    [
        ("tests/test_course.py::test_what_is_no_lesson_is_a_line_in_the_table", False),
        ("notebooks/00_start_here.ipynb", True),
    ],
)
def test_the_last_line_speaks_of_notebooks_only_where_some_ran(tests, claims):
    done = our_pytest(tests)
    assert " passed" in done.stdout
    assert ("Notebooks ran on" in done.stdout) == claims


def test_on_other_digits_no_output_is_compared():
    lesson = "notebooks/00_start_here.ipynb"
    done = our_pytest(lesson, MNIST_TUTORIAL_DATA="stand-in")
    assert done.returncode == 0, done.stdout
    assert "ran on stand-in: only errors counted, no output was" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["tests/test_folders.py"], 0),
        (["notebooks/00_start_here.ipynb", "--collect-only"], 0),
        (["notebooks/00_start_here.ipynb"], 4),
    ],
)
def test_only_notebooks_that_run_need_the_digits_first(arguments, code):
    done = our_pytest(*arguments, MNIST_TUTORIAL_DATA="nowhere")
    assert done.returncode == code, done.stdout
    wrong = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert len(wrong) == (code == 4)
    assert all("nowhere does not exist" in line for line in wrong)
