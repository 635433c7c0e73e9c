"""Choose how notebooks are tested, and say so: strictly on MNIST, else for errors."""

import os

import pytest

from mnist_tutorial import MnistDataError, load_mnist
from mnist_tutorial.data import find_source

digits_key = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Compare stored outputs on the real MNIST; otherwise only run the notebooks."""
    try:
        digits = load_mnist().name
    except MnistDataError as error:
        raise pytest.UsageError(str(error)) from None
    if digits != "MNIST":
        config.option.nbval_lax = True
    # The kernels start in another folder, and need not ask the network again.
    source = os.environ.get("MNIST_TUTORIAL_DATA", "").strip()
    if digits == "stand-in":
        os.environ["MNIST_TUTORIAL_DATA"] = "stand-in"
    elif source:
        os.environ["MNIST_TUTORIAL_DATA"] = str(find_source(source))
    # Another kind of processor may ask for --nbval-lax: its last digits differ.
    config.option.nbval = not config.option.nbval_lax
    config.stash[digits_key] = digits


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
    if config.option.nbval:
        line = "Notebooks ran on MNIST: every stored output was compared."
    else:
        line = (
            f"Notebooks ran on {digits}: only errors counted, no output was compared."
        )
    terminalreporter.write_line(line)
