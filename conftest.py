"""Choose how notebooks are tested, and say so: strictly on MNIST, else for errors."""

import os

import pytest

from mnist_tutorial import load_mnist


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Compare stored outputs on the real MNIST; otherwise only run the notebooks."""
    digits = load_mnist().name
    strict = digits == "MNIST"
    if not strict:
        # The kernels need not ask the network again.
        os.environ["MNIST_TUTORIAL_DATA"] = "stand-in"
    config.option.nbval = strict
    config.option.nbval_lax = not strict
    config.stash[digits_key] = digits


digits_key = pytest.StashKey()


def pytest_terminal_summary(terminalreporter, config):
    """Say which digits the notebooks ran on, and what was therefore compared."""
    if config.stash[digits_key] == "MNIST":
        line = "Notebooks ran on MNIST: every stored output was compared."
    else:
        line = (
            f"Notebooks ran on {config.stash[digits_key]}, not MNIST: only errors "
            "counted, no output was compared."
        )
    terminalreporter.write_line(line)
