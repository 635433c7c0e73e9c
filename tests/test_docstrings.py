"""Every public name has an example, and every example holds."""

import doctest
import importlib
import inspect
import pkgutil

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


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name):
    module = importlib.import_module(name)
    # Other packages show all that they import.
    is_package = hasattr(module, "__path__")
    shown = [n for n in dir(module) if not n.startswith("_")] if is_package else []
    for public in getattr(module, "__all__", shown):
        thing = getattr(module, public)
        if inspect.isclass(thing) and issubclass(thing, Exception):
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert ">>> " in (thing.__doc__ or ""), f"{name}.{public}"
