"""Write the lessons as a zip for students: `make handout`."""

import io
import json
import re
import subprocess
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HANDOUT = ROOT / "build" / "handout" / "handwritten-digits.zip"
FOLDER = "handwritten-digits/"


def git(*arguments):
    """Return what git prints, in bytes."""
    command = ["git", "-C", ROOT, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def without_answers(text):
    """Return a lesson without the outputs that a question above asks to predict."""
    notebook = json.loads(text)
    asked = False
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            prose = re.sub(r"^#.*", "", source, flags=re.MULTILINE)
            asked = "?" in prose and not source.startswith("**Exercise")
            # What is not in the zip is not linked to; the pictures are in it.
            source = re.sub(r"(?<!!)\[([^]]+)\]\(\.\./[^)]*\)", r"\1", source)
            cell["source"] = source.splitlines(keepends=True)
        elif asked and cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main():
    """Take what .gitattributes lets out of the last commit, and nothing else."""
    committed = git("archive", "--format=zip", f"--prefix={FOLDER}", "HEAD")
    readme = git("show", "HEAD:./assets/students.md")
    HANDOUT.parent.mkdir(parents=True, exist_ok=True)
    archive = zipfile.ZipFile(io.BytesIO(committed))
    with zipfile.ZipFile(HANDOUT, "w", zipfile.ZIP_DEFLATED) as handout:
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename == f"{FOLDER}README.md":
                content = readme
            elif entry.filename.endswith(".ipynb"):
                content = without_answers(content)
            handout.writestr(entry, content)
    print(f"Wrote {HANDOUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
