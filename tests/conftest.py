"""A browser for the tests that need a real one."""

import os
import shutil
import sys

import pytest

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
