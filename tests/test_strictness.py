"""That the comparison of outputs compares: each kind of harm has to be noticed."""

import os
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

from mnist_tutorial import load_mnist

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "tests" / "sanitize.cfg"
# For each rule: what is stored here, and what another machine may say.
ELSEWHERE = {
    "python version": ("Python 3.11.7", "Python 3.13.12"),
    "logical processors": ("2 logical processors", "16 logical processors"),
    "graphviz": ("Graphviz: found", "Graphviz: missing, and not needed"),
}


def verdicts(done):
    """Return how many tests passed and failed in a run of pytest."""
    counts = re.findall(r"(\d+) (passed|failed)", done.stdout)
    return {verdict: int(count) for count, verdict in counts}


def nbval(folder, *options):
    """Run strict nbval on a folder's notebooks, away from this project's settings."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return verdicts(done)


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


@pytest.fixture
def two(tmp_path):
    """Write lesson 0's first cell of code twice, once with a stored number changed."""
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    whole = next(cell for cell in notebook.cells if cell.cell_type == "code")
    corrupted = deepcopy(whole)
    corrupted.id = "corrupted"
    assert "784 pixels" in whole.outputs[0].text
    corrupted.outputs[0].text = whole.outputs[0].text.replace("784", "785")
    notebook.cells = [whole, corrupted]
    nbformat.write(notebook, tmp_path / "two.ipynb")
    return tmp_path


def test_each_sanitizing_rule_is_live(tmp_path):
    without_rule = "97.5 % are right", "97.4 % are right"
    pairs = [*ELSEWHERE.values(), without_rule]
    nbformat.write(printing(pairs), tmp_path / "rules.ipynb")
    clean = f"--nbval-sanitize-with={RULES}"
    assert nbval(tmp_path, clean) == {"passed": len(ELSEWHERE), "failed": 1}


def stored_texts():
    """Yield each text that nbval may compare, and its notebook's name."""
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                for text in (output.get("text"), *output.get("data", {}).values()):
                    if isinstance(text, str):
                        yield path.name, text


def test_no_rule_is_broader_than_needed():
    """Each rule serves one place of one stored output, and leaves the others alone."""
    assert rules().keys() == ELSEWHERE.keys()
    stored = list(stored_texts())
    assert len(stored) > 100
    for name, regex in rules().items():
        found = [path for path, text in stored for _ in re.finditer(regex, text)]
        assert found == ["00_start_here.ipynb"], name
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


def ours_elsewhere(folder, **variables):
    """Run a folder's notebooks with this project's settings."""
    settings = ["-p", "conftest", "-c", "pyproject.toml", f"--rootdir={folder}"]
    return our_pytest(folder, *settings, **variables)


def test_on_mnist_outputs_are_compared(two):
    if load_mnist().name != "MNIST":
        pytest.skip("there is no MNIST here")
    done = ours_elsewhere(two)
    assert verdicts(done) == {"passed": 1, "failed": 1}, done.stdout
    assert done.returncode == 1
    assert "ran on MNIST: stored outputs were compared." in done.stdout


def test_on_other_digits_no_output_is_compared(two):
    done = ours_elsewhere(two, MNIST_TUTORIAL_DATA="stand-in")
    assert verdicts(done) == {"passed": 2}, done.stdout
    assert done.returncode == 0
    assert "ran on stand-in: only errors counted, no output was" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        # Its ids hold names of notebooks.
        (["tests/test_readme.py::test_titles_are_the_lessons_own"], 0),
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
    # No last line speaks of notebooks where none ran.
    assert "Notebooks ran on" not in done.stdout
