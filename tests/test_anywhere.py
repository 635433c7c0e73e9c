"""A lesson runs with its kernel in any folder, and from a folder with a hard name."""

import os
import shlex
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
# The first cell of each lesson, and what finds the course's folders from there.
LOOK = (
    "from mnist_tutorial import course_folder\nprint(course_folder('models').resolve())"
)
STOP = """
import os, signal
from tensorboard import manager
for program in manager.get_all():
    if program.logdir == FOLDER:
        os.kill(program.pid, signal.SIGTERM)
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Copy what the lessons need into a folder as people have them."""
    folder = tmp_path_factory.mktemp("Übung 1 (Ziffern)") / "handwritten-digits"
    for name in ("mnist_tutorial", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


def run(course, cells, where):
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=120,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(course / where)}},
    )
    environment = os.environ | {"PYTHONPATH": str(course)}
    if os.name != "nt":
        environment["PATH"] = "/usr/bin:/bin"
    client.execute(env=environment)
    return [
        output.get("text", "") or str(output.get("data", ""))
        for cell in notebook.cells
        for output in cell.outputs
    ]


def test_lessons_find_what_they_need_from_the_folder_above_theirs(course):
    cells = []
    for lesson in ("03_convolutional_network", "08_beyond_one_machine"):
        lesson = nbformat.read(course / "notebooks" / f"{lesson}.ipynb", as_version=4)
        cells.append(next(c for c in lesson.cells if c.cell_type == "code"))
    cells.append(nbformat.v4.new_code_cell(LOOK))
    *_, folder = run(course, cells, ".")
    assert folder.strip() == str((course / "models").resolve())


@pytest.mark.skipif(os.name == "nt", reason="there is no such PATH on Windows")
def test_tensorboard_is_found_beside_a_python_that_is_not_on_the_path(course, tmp_path):
    quiet = "from mnist_tutorial import quiet_start\nwith quiet_start():\n    pass"
    # A folder of its own, for only this TensorBoard is stopped.
    folder = str(tmp_path)
    options = f"--logdir {shlex.quote(folder)} --port 0"
    start = f"%load_ext tensorboard\n%tensorboard {options}"
    sources = (quiet, start, STOP.replace("FOLDER", repr(folder)))
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    outputs = " ".join(run(course, cells, "notebooks"))
    assert "ERROR" not in outputs
    assert "Could not find" not in outputs


def test_no_lesson_goes_by_the_folder_of_its_kernel():
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                assert "../" not in cell.source, path.name
