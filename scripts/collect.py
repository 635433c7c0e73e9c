"""Count what a class got right and wrong, from stored outputs: `make collect`."""

import argparse
import csv
import re
import sys
import zipfile
import zlib
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

import nbformat
from pages import TEMPLATES

ROOT = Path(__file__).resolve().parent.parent
COLLECT = ROOT / "build" / "collect"
CALL = re.compile(r"""check\(\s*\\?["'](\d\d\.\d)""")
VERDICT = re.compile(
    r"^Exercise (\d\d\.\d): \W*(right|not yet|not answered)[.:]? *(.*)$",
    re.MULTILINE | re.IGNORECASE,
)
# Moodle gives each learner a folder, Canvas puts the name before two numbers.
MOODLE = re.compile(r"(.+?)_\d+_assignsubmission_")
CANVAS = re.compile(r"(.+?)(?:_LATE)?_\d+_\d+_.+")


def files_in(source):
    """Yield the name and the content of each file of a folder or a zip."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file():
                yield path.relative_to(source).as_posix(), path.read_bytes()
        return
    with zipfile.ZipFile(source) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if not entry.is_dir():
                yield entry.filename, archive.read(entry)


def learner_of(name):
    """Return who handed a file in, by its folder or the start of its name."""
    path = PurePosixPath(name)
    for part in path.parts:
        found = MOODLE.match(part)
        if found:
            return found[1]
    found = CANVAS.fullmatch(path.stem)
    if found:
        return found[1]
    return path.parts[0] if len(path.parts) > 1 else path.stem


def read_answers(content, course):
    """Return each exercise's last verdict and its words, and what is wrong, if any."""
    try:
        notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        asked = set(CALL.findall("\n".join(cell.source for cell in cells)))
        outputs = [output for cell in cells for output in cell.outputs]
        printed = "\n".join(output.get("text", "") for output in outputs)
    except (ValueError, AttributeError, TypeError, nbformat.ValidationError):
        return {}, "is no notebook"
    answers = dict.fromkeys(asked & course, ("not answered", ""))
    for number, verdict, words in VERDICT.findall(printed):
        answers[number] = (verdict.lower(), words)
    if not answers:
        return {}, "holds no exercise of the course"
    if not outputs and not any(cell.get("execution_count") for cell in cells):
        return answers, "was never run"
    lessons = {number[:2] for number in answers}
    lacking = sorted(n for n in course - answers.keys() if n[:2] in lessons)
    return answers, f"lacks exercise {', '.join(lacking)}" if lacking else ""


def safe(text):
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def main():
    """Write the gradebook and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, help="a folder, or a zip")
    source = parser.parse_args().source
    if source is None:
        sys.exit("Name what to read, as in: make collect FROM=~/Downloads/lesson-2.zip")
    source = source.expanduser()  # some shells leave FROM=~/... as it is
    lessons = (ROOT / "notebooks").glob("[0-9]*.ipynb")
    texts = [path.read_text(encoding="utf-8") for path in sorted(lessons)]
    course = set(CALL.findall("\n".join(texts)))
    rows = []
    verdicts = defaultdict(Counter)
    mistakes = defaultdict(Counter)
    try:
        for name, content in files_in(source):
            # What the systems of learners add by themselves.
            if re.search(r"(^|/)(\.|__MACOSX/)", name):
                continue
            answers, remark = read_answers(content, course)
            rows.append((learner_of(name), name, answers, remark))
            for number, (verdict, words) in answers.items():
                verdicts[number][verdict] += 1
                if verdict == "not yet":
                    mistakes[number][words] += 1
    except (OSError, zipfile.BadZipFile, RuntimeError, zlib.error):
        sys.exit(f"{source} is no folder and no zip that can be read.")
    numbers = sorted(verdicts)
    COLLECT.mkdir(parents=True, exist_ok=True)
    # With a mark at its start, by which spreadsheets know the letters with accents.
    gradebook = COLLECT / "gradebook.csv"
    try:
        with open(gradebook, "w", newline="", encoding="utf-8-sig") as file:
            book = csv.writer(file)
            book.writerow(["learner", "file", *numbers, "remark"])
            for learner, name, answers, remark in rows:
                marks = [answers.get(number, ("",))[0] for number in numbers]
                book.writerow([safe(learner), safe(name), *marks, remark])
    except OSError as error:
        sys.exit(f"{gradebook} cannot be written ({error.strerror}): is it open?")
    page = TEMPLATES.get_template("collect.html.j2").render(
        numbers=numbers, verdicts=verdicts, mistakes=mistakes, rows=rows
    )
    (COLLECT / "index.html").write_text(page, encoding="utf-8")
    doubtful = sum(bool(remark) for *_, remark in rows)
    print(f"Read {len(rows)} files, of which {doubtful} need a look.")
    print(f"Wrote {COLLECT.relative_to(ROOT)}/index.html and gradebook.csv")


if __name__ == "__main__":
    main()
