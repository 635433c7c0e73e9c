"""`make handout`: all that a student needs, no solutions, and it runs elsewhere."""

import importlib.util
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
# What git keeps for those who change the course, and a student has no use for.
FOR_AUTHORS = re.compile(r"\.|conftest\.py|tests/|notebooks/solutions/")
FORBIDDEN = re.compile(
    r"(^|/)(\.[^/]*|__pycache__|solutions|tests|build|models|conftest\.py)(/|$)"
    r"|\.(pyc|keras|h5|npz|new)$|_solutions\."
)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def handout():
    """Import the script."""
    spec = importlib.util.spec_from_file_location(
        "handout", ROOT / "scripts/handout.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archive(handout, tmp_path_factory):
    """Write the zip somewhere else than `make handout` does."""
    target = tmp_path_factory.mktemp("handout") / "handout.zip"
    handout.write(target)
    return target


@pytest.fixture
def unpacked(archive, tmp_path):
    """Unpack the zip in a fresh folder, and return its only folder."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    return folder


def names(archive):
    """Return the names in the zip, without its one folder."""
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        found = opened.namelist()
    assert {name.split("/")[0] for name in found} == {"handwritten-digits"}
    return [name.split("/", 1)[1] for name in found]


def test_what_is_in_it(archive):
    found = names(archive)
    assert found == sorted(set(found))
    assert [name for name in found if FORBIDDEN.search(name)] == []
    lessons = [path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")]
    assert {f"notebooks/{name}" for name in lessons} <= set(found)
    for needed in ("README.md", "INSTRUCTORS.md", "Makefile", "requirements.lock"):
        assert needed in found


@pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="no git checkout"
)
def test_every_file_that_git_keeps_is_in_it_or_is_for_authors(archive):
    """A new kind of file has to be put on one side or the other."""
    kept = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    there = [name for name in kept if (ROOT / name).exists()]
    for_students = {name for name in there if not FOR_AUTHORS.match(name)}
    assert for_students - set(names(archive)) == set()


def test_junk_stays_out(handout, unpacked, tmp_path, monkeypatch):
    """What lies about in a folder that was worked in."""
    before = sorted(path for path in unpacked.rglob("*") if path.is_file())
    for junk in (
        "notebooks/solutions/01_load_data_solutions.ipynb",
        "notebooks/.ipynb_checkpoints/01_load_data-checkpoint.ipynb",
        "notebooks/Untitled.ipynb",
        "notebooks/my_digit.jpg",
        "notebooks/scale/.DS_Store",
        "mnist_tutorial/__pycache__/data.cpython-311.pyc",
        "mnist_tutorial/.ipynb_checkpoints/data-checkpoint.py",
        "models/cnn_3x3.keras",
        "build/course/index.html",
        "mnist.npz",
    ):
        (unpacked / junk).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / junk).touch()
    monkeypatch.setattr(handout, "ROOT", unpacked)
    assert sorted(handout.find()) == before


def test_the_same_files_give_the_same_zip(
    handout, archive, unpacked, tmp_path, monkeypatch
):
    """Unpacked files are younger than those in the repository."""
    monkeypatch.setattr(handout, "ROOT", unpacked)
    again = tmp_path / "build" / "again.zip"
    assert handout.write(again) == len(names(archive))
    assert again.read_bytes() == archive.read_bytes()


def test_a_failure_leaves_the_older_zip(handout, archive, tmp_path, monkeypatch):
    target = tmp_path / "handout.zip"
    target.write_bytes(b"older")

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(OSError, match="No space left"):
        handout.write(target)
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_part_is_named(handout, unpacked, monkeypatch):
    (unpacked / "LICENSE").unlink()
    monkeypatch.setattr(handout, "ROOT", unpacked)
    with pytest.raises(SystemExit, match="needs LICENSE, and there is none"):
        handout.main()


def test_the_command_says_what_it_wrote(handout, unpacked, monkeypatch, capsys):
    monkeypatch.setattr(handout, "ROOT", unpacked)
    handout.main()
    written = "build/handout/handwritten-digits.zip"
    assert capsys.readouterr().out.startswith(f"Wrote {written}: ")
    assert (unpacked / written).exists()


def texts(folder):
    """Yield the name and the Markdown of each page for people."""
    for name in ("README.md", "INSTRUCTORS.md"):
        yield folder / name, (folder / name).read_text(encoding="utf-8")
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(c.source for c in cells if c.cell_type == "markdown")


def test_every_link_leads_somewhere_but_to_the_solutions(unpacked):
    followed = 0
    for path, text in texts(unpacked):
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in LINK.findall(text):
            if re.match(r"https?://|#", target):
                continue
            place = path.parent / unquote(target.partition("#")[0])
            if "solutions" in place.parts:
                assert not place.exists(), target
            else:
                assert place.exists(), f"{path.name}: {target}"
                followed += 1
    assert followed > 20


def test_a_lesson_runs_elsewhere(unpacked, monkeypatch):
    """On the digits at hand, with the package from the zip."""
    monkeypatch.setenv("PYTHONPATH", str(unpacked))
    notebook = nbformat.read(unpacked / "notebooks/01_load_data.ipynb", as_version=4)
    notebook.cells.append(
        nbformat.v4.new_code_cell(
            "import mnist_tutorial\nprint(mnist_tutorial.__file__)"
        )
    )
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(unpacked / "notebooks")}},
    ).execute()
    package = Path(notebook.cells[-1].outputs[0].text.strip())
    assert package == unpacked / "mnist_tutorial" / "__init__.py"


@pytest.mark.skipif(
    not shutil.which("make") or os.name == "nt", reason="there is no make"
)
def test_make_knows_its_way_there(unpacked):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    plan = subprocess.run(
        ["make", "-n", "lab"],
        cwd=unpacked,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for program in re.findall(r"\S+\.(?:py|ipynb)\b", plan):
        assert (unpacked / program).exists(), program
