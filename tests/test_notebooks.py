"""The notebooks' hygiene: what a reader of any of them may rely on."""

import ast
import re
import statistics
import subprocess
import sys
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = [
    path
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb"))
    if ".ipynb_checkpoints" not in path.parts
]
LESSONS = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]
MACHINE_PATH = re.compile(r"(?:/home/|/root/|/Users/|/work/|/tmp/|[A-Z]:\\\\?Users)\S*")
DATE_OR_DURATION = re.compile(
    r"\b20\d\d-\d\d-\d\d\b|(?<!time=)\b\d\d:\d\d:\d\d\b|"
    r"\d ?m?s/(?:step|it|epoch|batch)|"
    r"\b\d+(?:\.\d+)? ?(?:ms|µs|seconds|minutes|min)\b"
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def prose(notebook):
    """All Markdown, without what stands in code fences."""
    text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def output_text(cell):
    """Everything textual that a cell gave."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text", ""))
        data = output.get("data", {})
        parts += [v for k, v in data.items() if k.startswith("text/")]
    return "\n".join("".join(part) for part in parts)


def problems_of_outputs(notebook):
    """What is wrong with the stored outputs and counts, as a list of sentences."""
    found = []
    for number, cell in enumerate(code_cells(notebook), start=1):
        where = f"code cell {number}"
        if cell.execution_count != number:
            found.append(f"{where} has the count {cell.execution_count}")
        for output in cell.outputs:
            if output.get("name") == "stderr":
                found.append(f"{where} stores stderr")
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                found.append(f"{where} stores an error")
            data = output.get("data", {})
            if "image/png" in data and data["text/plain"].startswith("<Figure"):
                found.append(f"{where} has a figure without a description")
        if "live" in tags(cell) and (
            cell.outputs or "nbval-ignore-output" not in tags(cell)
        ):
            found.append(f"{where} is live, and its output is stored or compared")
        text = output_text(cell)
        for pattern in (MACHINE_PATH, DATE_OR_DURATION):
            found += [f"{where} shows {hit!r}" for hit in pattern.findall(text)]
        if "\r" in text or "\b" in text:
            found.append(f"{where} stores a progress bar")
    return found


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return read(request.param)


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    return read(request.param)


def test_there_are_lessons():
    assert [path.name[:2] for path in LESSONS] == [
        f"{number:02}" for number in range(len(LESSONS))
    ]
    assert len(LESSONS) >= 4


def test_outputs_are_whole_and_clean(notebook):
    assert problems_of_outputs(notebook) == []


def test_format_is_valid(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_stripped_counts_are_caught():
    """Strict nbval passes over a cell without a count: this is what catches it."""
    notebook = read(LESSONS[0])
    for cell in code_cells(notebook):
        cell.execution_count = None
    assert len(problems_of_outputs(notebook)) == len(code_cells(notebook))


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({"output_type": "stream", "name": "stderr", "text": "oh"}, "stderr"),
        ({"output_type": "stream", "name": "stdout", "text": "/home/a/x"}, "/home/a/x"),
        ({"output_type": "stream", "name": "stdout", "text": "5ms/step"}, "5ms/step"),
        ({"output_type": "stream", "name": "stdout", "text": "1/2\r2/2"}, "progress"),
        (
            {
                "output_type": "display_data",
                "data": {"image/png": "", "text/plain": "<Figure size 1x1>"},
                "metadata": {},
            },
            "without a description",
        ),
    ],
)
def test_unclean_outputs_are_caught(output, problem):
    notebook = deepcopy(read(LESSONS[0]))
    code_cells(notebook)[0].outputs = [nbformat.from_dict(output)]
    assert any(problem in found for found in problems_of_outputs(notebook))


def test_size():
    for path in NOTEBOOKS:
        assert path.stat().st_size < 1_000_000, path.name


def test_bones(lesson):
    first, *_ = lesson.cells
    lines = [line for line in first.source.splitlines() if line]
    assert first.cell_type == "markdown"
    assert [line.split("**")[1] for line in lines[1:]] == [
        "You will",
        "You will learn",
        "You need",
    ]
    headings = re.findall(r"^## (.+)$", prose(lesson), re.MULTILINE)
    assert headings[-2:] == ["Recap", "Where to go next"]
    assert len(headings) >= 4


def verdicts(notebook):
    """Return exercise and verdict for each check in the stored outputs."""
    text = "\n".join(map(output_text, code_cells(notebook)))
    return re.findall(
        r"^Exercise (\S+): (?:✓ )?(not answered yet|right)\.", text, re.MULTILINE
    )


@pytest.mark.parametrize("lesson_path", LESSONS[1:], ids=lambda path: path.stem)
def test_three_exercises(lesson_path):
    lesson = read(lesson_path)
    numbers = [f"{lesson_path.name[:2]}.{k}" for k in (1, 2, 3)]
    assert verdicts(lesson) == [(number, "not answered yet") for number in numbers]
    for before, cell in pairwise(lesson.cells):
        if asked := re.search(r'^check\("\d\d\.(\d)"', cell.source, re.MULTILINE):
            assert before.source.startswith(f"**Exercise {asked[1]}.** ")


@pytest.mark.parametrize("lesson_path", LESSONS[1:], ids=lambda path: path.stem)
def test_solutions(lesson_path):
    solutions = lesson_path.parent / "solutions" / f"{lesson_path.stem}_solutions.ipynb"
    numbers = [f"{lesson_path.name[:2]}.{k}" for k in (1, 2, 3)]
    assert verdicts(read(solutions)) == [(number, "right") for number in numbers]
    # Each asks what its lesson asks, word for word, and says why.
    asked = re.findall(r"^\*\*Exercise \d\.\*\* (.+)$", prose(read(lesson_path)), re.M)
    text = prose(read(solutions))
    assert len(asked) == 3
    assert all(question in text for question in asked)


def test_headings(notebook):
    levels = [
        len(hashes) for hashes in re.findall(r"^(#+) \S", prose(notebook), re.MULTILINE)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_cell_length(notebook):
    lengths = [
        len([line for line in cell.source.splitlines() if line.strip()])
        for cell in code_cells(notebook)
    ]
    assert max(lengths) <= 20
    assert statistics.median(lengths) <= 6


def test_prose_and_code_are_balanced(lesson):
    code = len(code_cells(lesson))
    assert 0.6 <= (len(lesson.cells) - code) / code <= 2


def test_links_and_pictures(notebook, request):
    folder = request.node.callspec.params["notebook"].parent
    for bang, text, target in re.findall(
        r"(!?)\[([^]]*)\]\(([^)]+)\)", prose(notebook)
    ):
        assert text.strip(), f"no text for {target}"
        if re.match(r"https?://|#", target):
            assert not bang, f"{target} needs a network"
            continue
        assert (folder / unquote(target.split("#")[0])).exists(), target
    assert "<img" not in prose(notebook)


def test_tone(notebook):
    text = prose(notebook)
    assert "!" not in re.sub(r"!\[|`[^`]*`|!=", "", text)
    assert not re.search(r"in this notebook|simply|obviously", text, re.IGNORECASE)


def test_ruff():
    """Format and lint, notebooks included."""
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def names_in(tree):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def names_behind_validation(source):
    """Return the names that reach `validation_data` in `source` by assignment."""
    tree = ast.parse(source)
    behind = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        pairs = [(target, node.value) for target in node.targets]
        if all(isinstance(side, ast.Tuple) for side in pairs[0]):
            pairs = zip(pairs[0][0].elts, node.value.elts, strict=False)
        for left, right in pairs:
            for name in names_in(left):
                behind.setdefault(name, set()).update(names_in(right))
    reached, todo = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "validation_data":
            todo |= names_in(node.value)
    while todo:
        reached |= todo
        todo = set().union(*(behind.get(name, ()) for name in todo)) - reached
    return reached


def sources():
    """Each notebook's and each module's code, by name."""
    for path in NOTEBOOKS:
        yield path.name, "\n".join(cell.source for cell in code_cells(read(path)))
    for folder in ("mnist_tutorial", "notebooks", "benchmarks", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            yield name, path.read_text(encoding="utf-8")


def test_no_test_array_is_validated_on():
    for name, source in sources():
        source = re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)
        # `mnist` unpacks into both, so the names on the way are what counts.
        reached = names_behind_validation(source)
        assert not {n for n in reached if "test" in n}, name


@pytest.mark.parametrize(
    "source",
    [
        "m.fit(x, y, validation_data=(x_test, y_test))",
        "x_val = x_test[:100]\nm.fit(x, y, validation_data=(x_val, y_val))",
        "a, b = x_test, y\nc = a\nm.fit(x, y, validation_data=(c, b))",
    ],
)
def test_validating_on_test_arrays_is_caught(source):
    assert any("test" in name for name in names_behind_validation(source))


def test_lesson_3_copies_its_errors_from_lesson_2():
    lesson_2, lesson_3 = read(LESSONS[2]), read(LESSONS[3])
    text = "\n".join(map(output_text, code_cells(lesson_2)))
    # In the table of the test: name, for networks the loss, and the share right.
    row = r"^(\w+(?: images)?) {2,}(?:test loss [\d.]+, and )?([\d.]+)% right$"
    scores = re.findall(row, text, re.MULTILINE)
    errors = {name: round(100 - float(score), 1) for name, score in scores}
    source = "\n".join(cell.source for cell in code_cells(lesson_3))
    (copied,) = re.findall(r"^errors = (\{.+?\})$", source, re.MULTILINE | re.DOTALL)
    assert ast.literal_eval(copied) == errors
    assert len(errors) == 4


def test_the_exports_of_lesson_5_stand_under_their_heading():
    text = "\n".join(cell.source for cell in read(LESSONS[5]).cells)
    _, _, section = text.partition("## For a machine without Keras")
    assert "model.export(" in section.partition("\n## ")[0]
