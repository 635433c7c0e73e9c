"""Every public name has an example, and every example holds."""

import doctest
import importlib
import inspect
import pkgutil
import re

import matplotlib
import pytest

import mnist_tutorial

NAMES = [
    module.name
    for module in pkgutil.walk_packages(mnist_tutorial.__path__, "mnist_tutorial.")
]


@pytest.mark.parametrize("name", NAMES)
def test_examples_hold(name, tmp_path, monkeypatch):
    matplotlib.use("agg")
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    if name.endswith("folders"):  # looks around where it is called
        monkeypatch.undo()
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=options)
    assert result.failed == 0


# Modules whose names are for this project alone.
INTERNAL = re.compile(
    r"mnist_tutorial\.(exercises\.(judging|lesson_\d\d)|handwriting\.ink"
    r"|plotting\.base|stand_in)"
)


def public_names(module):
    """Return what a module shows: by its list, or by names without an underscore."""
    if hasattr(module, "__all__"):
        return module.__all__
    names = [name for name in vars(module) if not name.startswith("_")]
    if hasattr(module, "__path__"):  # a package shows all that it imports
        return names
    if INTERNAL.fullmatch(module.__name__):
        return []
    things = vars(module)
    return [n for n in names if getattr(things[n], "__module__", "") == module.__name__]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name):
    module = importlib.import_module(name)
    for public in public_names(module):
        thing = getattr(module, public)
        if inspect.isclass(thing) and issubclass(thing, Exception):
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert ">>> " in (thing.__doc__ or ""), f"{name}.{public}"
