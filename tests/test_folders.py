"""The course's folders are found wherever a kernel starts."""

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from mnist_tutorial import course_folder
from mnist_tutorial.data import DigitData
from mnist_tutorial.folders import whole_or_not

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path):
    """Make a copy of the course, as a handout unpacks, in a folder with a hard name."""
    root = tmp_path / "Übung 1" / "handwritten-digits"
    (root / "notebooks" / "scale").mkdir(parents=True)
    (root / "notebooks" / "00_start_here.ipynb").touch()
    return root


@pytest.mark.parametrize(
    ("start", "path"),
    [(".", "models"), ("notebooks", "../models"), ("notebooks/scale", "../../models")],
)
def test_a_copy_keeps_to_itself(copy, monkeypatch, start, path):
    monkeypatch.chdir(copy / start)
    assert course_folder("models") == Path(path)


def test_from_elsewhere_the_course_around_the_package_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert course_folder().resolve() == ROOT


def test_a_lesson_alone_has_its_folders_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "site-packages" / "mnist_tutorial" / "folders.py"
    monkeypatch.setattr("mnist_tutorial.folders.__file__", str(package))
    assert course_folder("models") == Path("models")


def test_an_interrupted_file_leaves_the_old_one_as_it_was(tmp_path):
    path = tmp_path / "new folder" / "note.txt"
    with whole_or_not(path) as temporary:
        temporary.write_text("old")

    def interrupt():
        with whole_or_not(path) as temporary:
            temporary.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_and_leads_to_what_is_written(tmp_path):
    (tmp_path / "drive").mkdir()
    link = tmp_path / "training.npz"
    try:
        link.symlink_to(tmp_path / "drive" / "kept.npz")
    except OSError:
        pytest.skip("no links here")
    for text in "first", "second":
        with whole_or_not(link) as temporary:
            temporary.write_text(text)
        assert link.is_symlink()
        assert (tmp_path / "drive" / "kept.npz").read_text() == text


# --- errors that say it all ----------------------------------------------------------

FAILING = {
    "claim": "digits.confirm('It is so.', False)",
    "digits": "import mnist_tutorial; mnist_tutorial.load_mnist('nowhere.npz')",
    "picture": "import mnist_tutorial; mnist_tutorial.digit_from_image('nowhere.png')",
    "network": "from mnist_tutorial.saving import *; load_network('nowhere.keras')",
}


@pytest.mark.parametrize("name", FAILING)
def test_a_notebook_shows_the_words_and_not_the_lines_of_this_package(name):
    digits = DigitData()
    digits.name = "MNIST"
    shell = InteractiveShell(user_ns={"digits": digits})
    with capture_output() as shown:
        result = shell.run_cell(FAILING[name])
    error = result.error_in_exec
    assert shown.stdout.strip() == f"{type(error).__name__}: {error}"
