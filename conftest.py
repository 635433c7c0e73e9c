"""Choose how notebooks are tested, and say so: strictly on MNIST, else for errors."""

import pytest

from mnist_tutorial import MnistDataError
from mnist_tutorial.data import pin_source

digits_key = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Collect notebooks, and compare their stored outputs."""
    # Another kind of processor may ask for --nbval-lax: its last digits differ.
    config.option.nbval = not config.option.nbval_lax


def pytest_collection_finish(session):
    """Find the digits where notebooks will run; compare outputs on MNIST alone."""
    cells = [item for item in session.items if item.path.suffix == ".ipynb"]
    if not cells or session.config.option.collectonly:
        return
    try:
        digits = pin_source()
    except MnistDataError as error:
        raise pytest.UsageError(str(error)) from None
    if digits != "MNIST":
        for cell in cells:
            cell.options["check"] = False
    session.config.stash[digits_key] = digits


def pytest_terminal_summary(terminalreporter, config):
    """Say which digits the notebooks ran on, and what was therefore compared."""
    reports = [
        r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])
    ]
    # A test in a Python file may have a notebook's name among its parameters.
    files = {report.nodeid.partition("::")[0] for report in reports}
    if not any(file.endswith(".ipynb") for file in files):
        return
    digits = config.stash[digits_key]
    if digits == "MNIST" and config.option.nbval:
        line = "Notebooks ran on MNIST: stored outputs were compared."
    else:
        line = (
            f"Notebooks ran on {digits}: only errors counted, no output was compared."
        )
    terminalreporter.write_line(line)
