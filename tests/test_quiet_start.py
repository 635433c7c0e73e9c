"""A quiet start: what TensorFlow prints is kept aside, and shown if it matters.

Each case runs in a process of its own, so that file descriptor 2 and the list of
loaded modules are really those of a fresh start.
"""

import os
import subprocess
import sys

import pytest


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
