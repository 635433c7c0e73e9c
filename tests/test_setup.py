"""The set-up: three lists of packages that agree, and commands that help."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
EXTRAS = PROJECT["optional-dependencies"]

REQUIREMENTS = {
    canonicalize_name(requirement.name): requirement
    for group in (PROJECT["dependencies"], *EXTRAS.values())
    for requirement in map(Requirement, group)
}
ENTRY = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
    r"(?:    # .*\n)+"
)
ENTRIES = {entry["name"]: entry for entry in ENTRY.finditer(LOCK)}

# What a lock that is valid on every system may ask about the machine.
UNIVERSAL = {
    "implementation_name",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_system",
    "python_full_version",
    "python_version",
    "sys_platform",
}


# --- lock --------------------------------------------------------------------


def test_lock_is_nothing_but_exact_packages_with_hashes_and_who_wants_them():
    assert ENTRY.sub("", LOCK) == ""
    assert len(ENTRIES) == len(ENTRY.findall(LOCK)) > 100


def test_lock_names_no_place_to_download_from():
    assert "://" not in LOCK
    assert not re.search(r"^\s*(-i|-f|--(?!hash=))", LOCK, re.MULTILINE)
    assert not re.search(r"\.(com|dev|io|net|org)\b", LOCK)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_lock_has_what_the_project_needs_everywhere_at_a_version_that_will_do(name):
    entry = ENTRIES[name]
    assert entry["marker"] is None
    assert REQUIREMENTS[name].specifier.contains(entry["version"])


def test_markers_in_the_lock_ask_only_what_holds_for_whole_systems():
    asked = set()
    for entry in ENTRIES.values():
        if marker := entry["marker"]:
            Marker(marker)
            asked |= set(
                re.findall(r"\b([a-z_]+)\b(?= *(?:[<>=!~]|in|not in))", marker)
            )
    assert asked
    assert asked <= UNIVERSAL


def test_lock_holds_the_full_tensorflow():
    assert "tensorflow" in ENTRIES
    assert not {"tensorflow-cpu", "tensorflow-intel", "tf-nightly"} & set(ENTRIES)


# --- environment.yml ---------------------------------------------------------


def test_environment_is_for_conda_forge_under_the_name_of_the_project():
    environment = yaml.safe_load(ENVIRONMENT)
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"] == ["conda-forge"]
    *conda, pip = environment["dependencies"]
    assert conda == [f"python {PROJECT['requires-python']}", "graphviz", "pip"]
    assert list(pip) == ["pip"]


def test_environment_installs_the_project_and_names_every_package_of_it():
    project, *names = yaml.safe_load(ENVIRONMENT)["dependencies"][-1]["pip"]
    assert project == f"-e .[{','.join(sorted(EXTRAS))}]"
    # Names only: pyproject.toml says which versions.
    assert sorted(names) == sorted(REQUIREMENTS)


def test_every_package_in_the_environment_says_who_needs_it():
    packages = ENVIRONMENT[ENVIRONMENT.index("dependencies:") :].splitlines()[1:]
    entries = [line for line in packages if line.lstrip().startswith("- ")]
    assert len(entries) == len(REQUIREMENTS) + 5
    for line in entries:
        assert re.search(r" # \S.{5,}", line) or line.strip() == "- pip:", line


# --- Python ------------------------------------------------------------------


def test_every_place_means_the_same_versions_of_python():
    known = [f"3.{minor}" for minor in range(8, 20)]
    served = [v for v in known if SpecifierSet(PROJECT["requires-python"]).contains(v)]
    spelt = f"{', '.join(served[:-1])} or {served[-1]}"
    assert f"There is no $(PYTHON): install Python {spelt}" in MAKEFILE
    code = (ROOT / "scripts/set_up.py").read_text("utf-8")
    assert f"This course needs Python {spelt}" in code
    first, last = (version.replace(".", ", ") for version in (served[0], served[-1]))
    assert f"({first}) <= sys.version_info[:2] <= ({last})" in code
    assert f"--python-version {served[0]} " in MAKEFILE


# --- scripts/set_up.py -------------------------------------------------------


@pytest.fixture
def set_up(tmp_path, monkeypatch):
    """Import the script for a project elsewhere, with pip and venv only noted."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "scripts/set_up.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module, "STAMP", str(tmp_path / ".venv" / "installed-from"))
    module.done = []
    module.pip_fails = False

    def create(place, with_pip, clear):
        module.done.append("venv anew" if clear else "venv")
        os.makedirs(place, exist_ok=True)

    def call(command, cwd):
        assert cwd == str(tmp_path)
        module.done.append("lock" if "requirements.lock" in command else "project")
        module.command = command
        return int(module.pip_fails)

    monkeypatch.setattr(venv, "create", create)
    monkeypatch.setattr(module.subprocess, "call", call)
    return module


def test_set_up_makes_the_environment_once(set_up, capsys):
    set_up.main()
    assert set_up.done == ["venv", "lock", "project"]
    assert capsys.readouterr().out.startswith("Setting up .venv")
    set_up.main()
    assert set_up.done == ["venv", "lock", "project"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_set_up_goes_to_work_again_when_the_lists_change(name, set_up, tmp_path):
    set_up.main()
    with open(tmp_path / name, "a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    set_up.main()
    assert set_up.done == ["venv", "lock", "project", "venv anew", "lock", "project"]


def test_other_line_ends_are_no_change(set_up, tmp_path):
    set_up.main()
    lock = tmp_path / "requirements.lock"
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    set_up.main()
    assert set_up.done == ["venv", "lock", "project"]


def test_set_up_that_failed_is_tried_again(set_up):
    set_up.pip_fails = True
    with pytest.raises(SystemExit, match="pip could not install the course"):
        set_up.main()
    set_up.pip_fails = False
    set_up.main()
    assert set_up.done == ["venv", "lock", "venv anew", "lock", "project"]


def test_packages_come_only_with_the_right_hashes(set_up, monkeypatch):
    commands = []
    monkeypatch.setattr(
        set_up.subprocess, "call", lambda command, cwd: commands.append(command)
    )
    set_up.main()
    lock, project = commands
    assert "--require-hashes" in lock
    assert "--no-deps" in project


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 13), (3, 14, 0)])
def test_another_python_is_told_so_in_one_line(version, set_up, monkeypatch):
    fake = SimpleNamespace(version_info=version, executable="there", exit=sys.exit)
    monkeypatch.setattr(set_up, "sys", fake)
    with pytest.raises(SystemExit) as caught:
        set_up.main()
    found = ".".join(map(str, version))
    assert str(caught.value) == (
        f"This course needs Python 3.11, 3.12 or 3.13, and there is Python {found}: "
        "name another, as in: make lab PYTHON=python3.12"
    )
    assert set_up.done == []


def old_pythons():
    """Find interpreters that are too old for the course, at the usual places."""
    places = (Path.home() / ".pyenv/versions").glob("*/bin/python")
    old = re.compile(r"2\.7\.|3\.([0-9]|10)\.")
    return [place for place in places if old.match(place.parent.parent.name)]


@pytest.mark.skipif(not old_pythons(), reason="there is no older Python to try")
def test_even_an_old_python_can_read_the_message():
    for python in old_pythons():
        if "2.7" in str(python):
            continue  # set_up.py is for Python 3
        done = subprocess.run(
            [python, ROOT / "scripts/set_up.py"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("This course needs Python 3.11, 3.12 or 3.13")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_the_cure_in_one_line(
    module, set_up, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as caught:
        set_up.main()
    message = str(caught.value)
    assert "has no venv module" in message
    minor = sys.version_info[1]
    assert message.endswith(f"apt install python3.{minor}-venv")
    assert "\n" not in message
    assert set_up.done == []


# --- Makefile ----------------------------------------------------------------

needs_make = pytest.mark.skipif(
    not shutil.which("make") or os.name == "nt", reason="there is no make"
)


def make(*arguments, **variables):
    """Run make as from a shell, whatever make may be running these tests."""
    ours = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "PYTHON")
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@needs_make
def test_help_lists_every_target():
    (phony,) = re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)
    rules = set(re.findall(r"^([\w-]+):(?!=)", MAKEFILE, re.MULTILINE))
    assert rules == set(phony.split())
    listed = re.findall(r"^make (\S+) +\S", make("help").stdout, re.MULTILINE)
    assert sorted([*listed, "help", "set-up"]) == sorted(rules)
    assert make().stdout == make("help").stdout


@needs_make
@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False)])
def test_jupyterlab_is_allowed_root_only_for_root(user, allowed, tmp_path):
    fake = tmp_path / "id"
    fake.write_text(f"#!/bin/sh\necho {user}\n")
    fake.chmod(0o755)
    plan = make("-n", "lab", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}").stdout
    assert "-m jupyterlab" in plan
    assert "notebooks/00_start_here.ipynb" in plan
    assert ("--allow-root" in plan) == allowed


@needs_make
@pytest.mark.parametrize("target", ["lab", "test", "course", "bench", "notebooks"])
def test_each_command_does_its_own_set_up_first(target):
    plan = make("-n", target, "ARGS=-k data").stdout.splitlines()
    assert plan[-2] == "python3 scripts/set_up.py"
    assert ".venv/bin/python " in plan[-1]
    if target != "lab":
        assert plan[-1].endswith(" -k data")


@needs_make
def test_a_python_that_is_not_there_is_said_in_one_line():
    done = make("set-up", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert done.stdout.startswith("There is no no-such-python: install Python 3.11")
    assert done.stdout.count("\n") == 1
