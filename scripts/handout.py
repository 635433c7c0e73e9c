"""Write the lessons, and what runs them, as a zip without the solutions."""

import os
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "handwritten-digits"

# What a student needs for `make lab`, and what README.md links to: nothing else.
CONTENTS = [
    "CITATION.cff",
    "INSTRUCTORS.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "environment.yml",
    "pyproject.toml",
    "requirements.lock",
    "assets/*",
    "benchmarks/*.json",
    "benchmarks/*.md",
    "benchmarks/*.py",
    "mnist_tutorial/**/*.js",
    "mnist_tutorial/**/*.py",
    "notebooks/[0-9][0-9]_*.ipynb",
    "notebooks/scale/*",
    "scripts/*.py",
]


def find():
    """Return the paths of all files of the handout, sorted.

    Raises
    ------
    FileNotFoundError
        If there is none for one of the `CONTENTS`.
    """
    paths = set()
    for pattern in CONTENTS:
        found = {
            path
            for path in ROOT.glob(pattern)
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        }
        if not found:
            raise FileNotFoundError(f"The handout needs {pattern}, and there is none.")
        paths |= found
    return sorted(paths, key=lambda path: path.relative_to(ROOT).as_posix())


def write(target):
    """Write the zip: the same files give the same bytes, and all of it or nothing.

    Parameters
    ----------
    target : Path
        The zip. Its folder is made; an older one is replaced once the new one is whole.

    Returns
    -------
    int
        The number of files in it.

    Raises
    ------
    FileNotFoundError
        If a part of the handout is missing.
    """
    paths = find()
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".new")
    try:
        with zipfile.ZipFile(aside, "w") as archive:
            for path in paths:
                # A fixed date and mode, so that only contents count.
                entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(ROOT).as_posix()}")
                entry.create_system = 3
                entry.external_attr = 0o100644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    return len(paths)


def main():
    """Write the zip into `build/handout/`, and say so."""
    target = ROOT / "build" / "handout" / f"{NAME}.zip"
    try:
        count = write(target)
    except FileNotFoundError as error:
        sys.exit(str(error))
    size = target.stat().st_size / 1e6
    print(f"Wrote {target.relative_to(ROOT)}: {count} files, {size:.1f} MB")


if __name__ == "__main__":
    main()
