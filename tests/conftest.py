"""What several files of tests need: a real browser, and a clone of the course."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])),
    None,
)
QUIET = [
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def missing(what):
    """Skip, saying why; but CI has a browser on Linux, and must not skip it there."""
    message = f"no browser test: {what}"
    if os.environ.get("CI") and sys.platform == "linux":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def faults_by_axe():
    """Return a function that finds what shuts somebody out of a page."""
    from axe_playwright_python.sync_playwright import Axe

    def find(page, but=()):
        rules = {rule: {"enabled": False} for rule in but}
        found = Axe().run(page, options={"resultTypes": ["violations"], "rules": rules})
        return [
            [fault["id"], *fault["nodes"][0]["target"]]
            for fault in found.response["violations"]
        ]

    return find


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the package playwright is not installed")
    if CHROMIUM is None:
        missing("there is no chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


def git(folder, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", "-C", folder, *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """Return a clone of this tree, with its uncommitted changes committed."""
    folder = tmp_path_factory.mktemp("clone") / "course"
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder.parent, "init", "-q", folder)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "The course")
    return folder
