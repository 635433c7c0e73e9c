"""Find the course's folders, write files whole, and err in plain words."""

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["course_folder"]


class PlainError(Exception):
    """An error that says it all in one sentence: a notebook shows that alone."""

    def _render_traceback_(self):
        # For IPython: a reader needs the words, not the lines of this package.
        return [f"{type(self).__name__}: {self}"]


def course_folder(name="."):
    """Return the path of a folder of the course.

    The course is looked for from the working folder upwards, so that a copy keeps to
    itself; then around this package. Who has a lesson alone gets folders beside it.

    Parameters
    ----------
    name : str
        Such as "models"; by default the course's folder itself. It need not exist.

    Returns
    -------
    Path
        Relative to the working folder, such as ``../models`` for a kernel in
        ``notebooks/``, unless it is on another drive of Windows.

    Examples
    --------
    >>> (course_folder("notebooks") / "00_start_here.ipynb").exists()
    True
    """
    here = Path.cwd()
    places = [here, *here.parents, Path(__file__).resolve().parents[1]]
    lesson = Path("notebooks", "00_start_here.ipynb")
    folder = next((p for p in places if os.path.exists(p / lesson)), here)
    try:
        return Path(os.path.relpath(folder / name))
    except ValueError:  # another drive
        return folder / name


@contextlib.contextmanager
def whole_or_not(path):
    """Write a file whole or not at all, whatever interrupts.

    Yields the path to write it to: beside `path`, and of its name. The folder is made;
    a file at `path` stays until the new one is whole.
    """
    path = Path(os.path.realpath(path))  # a link stays, and leads to the new file
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True)
    with beside as folder:
        temporary = Path(folder, path.name)
        yield temporary
        os.replace(temporary, path)
