"""Make `.venv` from `requirements.lock`, once, and again when the lock changes.

Runs on any Python 3, so that a wrong one is told what is wrong.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "installed-from")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
if os.name == "nt":
    VENV_PYTHON = os.path.join(VENV, "Scripts", "python.exe")


# For this environment alone: no question about news on the first screen, and no
# warning that kernels talk to this very machine without encryption.
SETTINGS = {
    "share/jupyter/lab/settings/overrides.json": {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}
    },
    "etc/ipython/ipython_kernel_config.json": {"IPKernelApp": {"log_level": 40}},
}


def refuse():
    """Print one line and fail where the course cannot be set up."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] == (3, 14):
        sys.exit(
            "There is no TensorFlow for Python 3.14 yet (2.22 will be the first): name "
            "another Python, as in: make lab PYTHON=python3.12, or "
            "python3.12 scripts/set_up.py"
        )
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            "This course needs Python 3.11, 3.12 or 3.13, and {} is Python {}: name "
            "another, as in: make lab PYTHON=python3.12, or python3.12 "
            "scripts/set_up.py".format(sys.executable, found)
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit(
            "Python {} has no venv module: install it, on Debian and Ubuntu with: "
            "apt install python{}.{}-venv".format(found, *sys.version_info[:2])
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        sys.exit(
            "There is no TensorFlow for Macs with Intel processors any more: README.md "
            "says what to do instead."
        )


def is_ready(wanted):
    """Tell whether the environment was made from what is wanted, and still runs.

    Whatever Python asks: the environment has its own.
    """
    try:
        with open(STAMP) as stream:
            if stream.read() != wanted:
                return False
        command = [VENV_PYTHON, "-c", "import mnist_tutorial"]
        # What is broken is made anew, and needs no traceback.
        return subprocess.call(command, cwd=ROOT, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def main():
    """Set up what is missing; print one line and fail where that cannot work."""
    wanted = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as stream:
            # Line ends differ between systems, and are no reason to set up again.
            wanted.update(stream.read().replace(b"\r\n", b"\n"))
    if is_ready(wanted.hexdigest()):
        return
    refuse()
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        sys.exit(
            "This Python is that of .venv itself: run deactivate first, or name the "
            "Python to set up with, as in: make lab PYTHON=python3.12, or "
            "python3.12 scripts/set_up.py"
        )
    import venv

    print("Setting up .venv from requirements.lock (some minutes, once) ...")
    sys.stdout.flush()
    links = os.name != "nt"  # so that it keeps up with this Python
    try:
        venv.create(VENV, clear=os.path.isdir(VENV), symlinks=links, with_pip=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(
            "{} cannot be made ({}). Close what runs from it, and see that the disk "
            "has room.".format(VENV, error)
        )
    pip = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    lock = ["--only-binary", ":all:", "--require-hashes", "-r", "requirements.lock"]
    project = ["--no-deps", "--no-build-isolation", "-e", "."]
    for what in (lock, project):
        if subprocess.call(pip + what, cwd=ROOT):
            sys.exit("pip could not install the course: its message stands above.")
    for name, content in SETTINGS.items():
        path = os.path.join(VENV, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            json.dump(content, stream)
    with open(STAMP, "w") as stream:
        stream.write(wanted.hexdigest())


if __name__ == "__main__":
    main()
