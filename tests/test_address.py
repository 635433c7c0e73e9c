"""`make address`: one command names the address of a copy everywhere."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
URL = "https://github.com/a-teacher/my.course"


def without_address(text, module):
    """Return a page as it was before anybody gave this copy an address."""
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    badges = f"{re.escape(module.START)}.*?{re.escape(module.END)}"
    text = re.sub(badges, module.START + module.END, text, flags=re.DOTALL)
    for url in re.findall(rf"^{module.FIELD}(.+)$", citation, re.MULTILINE):
        text = text.replace(f"{module.FIELD}{url}\n", "").replace(url, "ADDRESS")
    return text


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Import the script for a copy of the pages."""
    spec = importlib.util.spec_from_file_location(
        "address", ROOT / "scripts/address.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in (*module.PAGES, "CITATION.cff"):
        text = without_address((ROOT / name).read_text("utf-8"), module)
        (tmp_path / name).write_text(text, "utf-8")
    return module


def texts(folder):
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def test_without_an_address_there_is_no_badge(address, tmp_path):
    readme = texts(tmp_path)["README.md"]
    assert "badge" not in readme.replace("badges", "")
    assert "git clone --quiet ADDRESS" in readme


def test_one_command_puts_the_address_everywhere(address, tmp_path, capsys):
    address.main([f"{URL}.git"])
    pages = texts(tmp_path)
    assert "mybinder.org/v2/gh/a-teacher/my.course/HEAD" in pages["README.md"]
    assert "colab.research.google.com/github/a-teacher/my.course" in pages["README.md"]
    assert "nbviewer.org/github/a-teacher/my.course/blob/main" in pages["README.md"]
    assert f"{URL}/actions/workflows/test.yml/badge.svg" in pages["README.md"]
    assert f"git clone {URL} handwritten-digits" in pages["README.md"]
    assert f"git clone --quiet {URL} handwritten" in pages["README.md"]
    assert f"Open an issue at {URL}, with" in pages["README.md"]
    assert f"git-pull?repo={URL}&branch" in pages["INSTRUCTORS.md"]
    assert yaml.safe_load(pages["CITATION.cff"])["repository-code"] == URL
    assert not any("ADDRESS" in page for page in pages.values())
    assert f"ADDRESS is now {URL}" in capsys.readouterr().out


def test_another_address_replaces_the_first(address, tmp_path):
    address.main([URL])
    once = texts(tmp_path)
    address.main([URL])
    assert texts(tmp_path) == once
    address.main([f"{URL}-2"])
    other = texts(tmp_path)
    address.main([URL])
    assert texts(tmp_path) == once != other


def test_an_address_elsewhere_has_no_badge_for_colab(address, tmp_path):
    address.main(["https://git.school.example/maths/digits/"])
    readme = texts(tmp_path)["README.md"]
    assert "v2/git/https%3A%2F%2Fgit.school.example%2Fmaths%2Fdigits/HEAD" in readme
    assert "colab.research" not in readme


@pytest.mark.parametrize(
    "url", ["", "github.com/a/b", "https://github.com/a", "git@github.com:a/b", "a b"]
)
def test_what_is_no_address_changes_nothing(address, tmp_path, url):
    before = texts(tmp_path)
    with pytest.raises(SystemExit, match="is no address of a repository: name yours"):
        address.main([url])
    assert texts(tmp_path) == before
