"""`make collect`: a gradebook and a page from what learners handed in."""

import csv
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
WRONG = "Those are images. One step takes a whole batch of them."


def notebook(**verdicts):
    """Return lesson 2 as handed in: what the checks of its exercises printed."""
    cells = [nbformat.v4.new_markdown_cell("# Dense networks")]
    for number in ("02.1", "02.2", "02.3"):
        cell = nbformat.v4.new_code_cell(f'x = ...\ncheck("{number}", x)')
        words = verdicts.get(f"e{number[-1]}")
        if words:
            text = f"Exercise {number}: {words}\n"
            cell.outputs = [nbformat.v4.new_output("stream", text=text)]
            cell.execution_count = 1
        if words != "gone":
            cells.append(cell)
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


HANDED_IN = {
    "Zoë Núñez Ávila_81_assignsubmission_file_/02 dense.ipynb": notebook(
        e1="✓ right. 860 steps.", e2=f"✗ not yet. {WRONG}", e3="not answered yet."
    ),
    "lovelaceada_4711_815_02_dense_network.ipynb": notebook(
        e1=f"not yet. {WRONG}", e2="✓ Right. Well.", e3="gone"
    ),
    "lovelaceada_LATE_4711_816_02_dense_network-1.ipynb": notebook(
        e1="right. 860 steps.", e2=f"not yet. {WRONG}", e3="right. Yes."
    ),
    "noether/never.ipynb": notebook(),
    "turing/letter.pdf": "%PDF",
    "turing/list.ipynb": "[]",
    "turing/number.ipynb": '{"nbformat": 4, "nbformat_minor": 5, "cells": [1]}',
    "turing/other.ipynb": nbformat.writes(nbformat.v4.new_notebook()),
    "=1+1.ipynb": notebook(e1="right. <b>860</b>"),
    "__MACOSX/noether/._never.ipynb": "\0",
    "noether/.ipynb_checkpoints/never-checkpoint.ipynb": notebook(),
}


@pytest.fixture
def collect(tmp_path, monkeypatch, capsys):
    """Return a function that collects from a folder or a zip, and what it wrote."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    spec = importlib.util.spec_from_file_location(
        "collect", ROOT / "scripts/collect.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "COLLECT", tmp_path / "collect")
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("0*.ipynb"):
        shutil.copy(path, tmp_path / "notebooks")
    (tmp_path / "notebooks" / "02_dense_network-Copy1.ipynb").write_text("{")

    def run(source):
        monkeypatch.setattr(sys, "argv", ["collect.py", str(source)])
        module.main()
        with open(
            tmp_path / "collect" / "gradebook.csv", newline="", encoding="utf-8-sig"
        ) as file:
            rows = {row["file"]: row for row in csv.DictReader(file)}
        return rows, tmp_path / "collect" / "index.html", capsys.readouterr().out

    return run


@pytest.fixture(params=["folder", "zip"])
def source(request, tmp_path):
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "all of it.zip", "w") as archive:
            for name, text in HANDED_IN.items():
                archive.writestr(name, text)
        return tmp_path / "all of it.zip"
    for name, text in HANDED_IN.items():
        path = tmp_path / "handed in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "handed in"


def test_each_file_is_a_row_with_its_learner_and_verdicts(collect, source):
    rows, _, printed = collect(source)
    assert "Read 9 files, of which 6 need a look." in printed
    zoe = rows["Zoë Núñez Ávila_81_assignsubmission_file_/02 dense.ipynb"]
    assert zoe == {
        "learner": "Zoë Núñez Ávila",
        "file": zoe["file"],
        "02.1": "right",
        "02.2": "not yet",
        "02.3": "not answered",
        "remark": "",
    }
    early, late = (row for row in rows.values() if row["learner"] == "lovelaceada")
    assert (early["02.1"], late["02.1"]) == ("not yet", "right")
    assert early["02.2"] == "right"
    assert early["remark"] == "lacks exercise 02.3"


def test_home_is_expanded_whatever_the_shell(collect, source, monkeypatch):
    monkeypatch.setenv("HOME", str(source.parent))
    monkeypatch.setenv("USERPROFILE", str(source.parent))
    rows, _, _ = collect(f"~/{source.name}")
    assert rows


def test_without_a_source_a_sentence_says_what_to_name():
    command = [sys.executable, ROOT / "scripts" / "collect.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr.startswith("Name what to read, as in: make collect FROM=")
    assert done.returncode == 1


def test_what_cannot_be_counted_is_a_line_of_its_own(collect, source):
    rows, page, _ = collect(source)
    remarks = {name: row["remark"] for name, row in rows.items()}
    assert remarks["noether/never.ipynb"] == "was never run"
    for name in ("turing/letter.pdf", "turing/list.ipynb", "turing/number.ipynb"):
        assert remarks[name] == "is no notebook"
    assert remarks["turing/other.ipynb"] == "holds no exercise of the course"
    text = page.read_text(encoding="utf-8")
    for name, remark in remarks.items():
        assert not remark or f"<li>{name} {remark}.</li>" in text
    assert rows["'=1+1.ipynb"]["learner"] == "'=1+1"


# A zip gives the same page.
@pytest.mark.parametrize("source", ["folder"], indirect=True)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_says_what_to_teach_again(
    collect, source, browser, theme, faults_by_axe
):
    _, page, _ = collect(source)
    context = browser.new_context(color_scheme=theme, offline=True)
    sheet = context.new_page()
    wrong = []
    sheet.on("requestfailed", lambda asked: wrong.append(asked.url))
    sheet.on("console", lambda line: wrong.append(line.text))
    sheet.set_viewport_size({"width": 390, "height": 844})
    sheet.goto(page.as_uri())
    row = sheet.get_by_role("row", name="02.2").inner_text()
    assert row.split("\t")[1] == "1 of 5"
    assert f"2 × {WRONG}" in row
    assert "2 × not answered" in row
    assert sheet.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults_by_axe(sheet) == []
    assert wrong == []
    context.close()


@pytest.mark.parametrize("name", ["nowhere", "broken.zip"])
def test_what_is_no_folder_and_no_zip_is_named(collect, tmp_path, name):
    if name.endswith("zip"):
        (tmp_path / name).write_text("no zip")
    with pytest.raises(SystemExit, match=f"{name} is no folder and no zip"):
        collect(tmp_path / name)
    assert not (tmp_path / "collect").exists()


def test_a_gradebook_that_is_open_elsewhere_gets_a_sentence(collect, source, tmp_path):
    (tmp_path / "collect" / "gradebook.csv").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"gradebook\.csv cannot be written .*open\?$"):
        collect(source)


def test_cells_that_do_not_say_when_they_ran(collect, tmp_path):
    (tmp_path / "in").mkdir()
    text = notebook().replace('"execution_count": null,', "")
    (tmp_path / "in" / "curie.ipynb").write_text(text, encoding="utf-8")
    rows, _, _ = collect(tmp_path / "in")
    assert rows["curie.ipynb"]["remark"] == "was never run"
