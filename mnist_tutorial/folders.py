"""Find the course's own folders, wherever a lesson's kernel starts."""

import os
from pathlib import Path

__all__ = ["course_folder"]


def course_folder(name="."):
    """Return the path of a folder of the course.

    The course is looked for from the working folder upwards, so that a copy keeps to
    itself; then around this package. Who has a lesson alone gets folders beside it.

    Parameters
    ----------
    name : str
        Such as "models" or "notebooks"; by default the course's folder itself.
        It need not exist.

    Returns
    -------
    Path
        Relative to the working folder where that is possible: ``../models`` for a
        kernel in ``notebooks/``, ``models`` for one in the course's folder.

    Examples
    --------
    >>> (course_folder("notebooks") / "00_start_here.ipynb").exists()
    True
    """
    here = Path.cwd()
    for folder in [here, *here.parents, Path(__file__).resolve().parents[1]]:
        if (folder / "notebooks" / "00_start_here.ipynb").exists():
            break
    else:
        folder = here
    try:
        return Path(os.path.relpath(folder / name))
    except ValueError:  # another drive of Windows
        return folder / name
