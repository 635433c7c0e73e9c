"""Hear nothing from a library at its start or at work, unless it fails."""

import logging
import os
import subprocess
import sys
import warnings

import pytest

from mnist_tutorial.quiet import quiet


def chatter():
    warnings.warn("an old way", UserWarning, stacklevel=2)
    logging.getLogger("library").warning("a legacy format")
    os.write(2, b"I0000 a note from below Python\n")


def test_quiet_drops_warnings_logs_and_what_is_written_below_python(capfd, recwarn):
    with quiet():
        chatter()
        print("an answer")
    heard = capfd.readouterr()
    assert heard.out == "an answer\n"
    assert heard.err == ""
    assert not recwarn.list


def test_afterwards_everything_is_heard_again(capfd, caplog):
    with quiet():
        pass
    with pytest.warns(UserWarning, match="an old way"):
        chatter()
    assert "a note from below Python" in capfd.readouterr().err
    assert "a legacy format" in caplog.text


def fail():
    chatter()
    raise RuntimeError


def test_what_was_heard_is_shown_if_the_work_fails(capfd):
    with pytest.raises(RuntimeError), quiet():
        fail()
    assert "a note from below Python" in capfd.readouterr().err
    assert logging.root.manager.disable == logging.NOTSET


# --- the start ---------------------------------------------------------------------
# Each in a process of its own, so that file descriptor 2 and the list of loaded modules
# are really those of a fresh start.


def run(code, **variables):
    """Run `code` in a fresh interpreter; return the finished process."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=120,
        check=False,
    )


CHATTER = 'os.write(2, b"chatter from C\\n")'


def test_chatter_is_swallowed_and_the_descriptor_restored():
    done = run(f"""
import os, sys
from mnist_tutorial import quiet_start
before = os.fstat(2)
descriptors = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
with quiet_start():
    {CHATTER}
    print("chatter from Python", file=sys.stderr)
assert os.path.samestat(before, os.fstat(2))
if descriptors:
    assert len(os.listdir("/dev/fd")) == descriptors
os.write(2, b"heard again\\n")
""")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "heard again\n"
    assert done.stdout == ""


@pytest.mark.parametrize("error", ["ImportError", "KeyboardInterrupt"])
def test_chatter_is_shown_after_all_when_the_start_fails(error):
    done = run(f"""
import os
from mnist_tutorial import quiet_start
try:
    with quiet_start():
        {CHATTER}
        raise {error}("no such library")
except {error} as error:
    assert str(error) == "no such library"
os.write(2, b"heard again\\n")
""")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "chatter from C\nheard again\n"


def test_a_real_start_is_silent():
    done = run("""
from mnist_tutorial import quiet_start
with quiet_start():
    import keras
print(keras.backend.backend())
print(float(keras.ops.sum(keras.ops.ones(3))))
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "tensorflow\n3.0\n"


def test_a_backend_that_was_chosen_is_kept():
    done = run(
        """
import os
from mnist_tutorial import quiet_start
with quiet_start():
    pass
print(os.environ["KERAS_BACKEND"])
""",
        KERAS_BACKEND="numpy",
    )
    assert (done.stdout, done.stderr) == ("numpy\n", "")


def test_importing_the_package_loads_nothing_heavy():
    done = run("""
import sys
import mnist_tutorial
heavy = {"tensorflow", "keras", "jax", "matplotlib", "pooch", "sklearn", "scipy"}
print(sorted(heavy & set(sys.modules)))
""")
    assert (done.stdout, done.stderr) == ("[]\n", "")
