"""Start a program in several processes of this machine, as one job.

From a terminal: ``python -m mnist_tutorial.launch --processes 2 train.py --epochs 3``.
"""

import argparse
import contextlib
import importlib.util
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading

from mnist_tutorial.scale import ADDRESSES, COUNT, RANK, ScaleError

__all__ = ["launch"]


def launch(program, *arguments, processes=2, on_start=None):
    """Run a Keras program on JAX as a job of local processes, and print what it prints.

    Parameters
    ----------
    program : str or path-like
        A Python file that finds its place with `mnist_tutorial.scale.Job`.
    *arguments
        For the program.
    processes : int
        How many; 1 runs it alone.
    on_start : callable, optional
        Called with the list of `subprocess.Popen` once all are started.

    Raises
    ------
    ScaleError
        If one fails, naming it. The others are stopped first.
    """
    if processes < 1:
        raise ScaleError(f"a job of {processes} processes does nothing: take 1 or more")
    if not importlib.util.find_spec("jax"):
        raise ScaleError('JAX is missing: run pip install "jax>=0.7", or make lab.')
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    lines, job = queue.Queue(), []
    with contextlib.ExitStack() as stack:
        for rank in range(processes):
            errors = stack.enter_context(tempfile.TemporaryFile())
            place = {ADDRESSES: address, COUNT: str(processes), RANK: str(rank)}
            child = subprocess.Popen(
                [sys.executable, os.fspath(program), *map(str, arguments)],
                env=_environment(place if processes > 1 else {}),
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                errors="replace",
            )
            stack.callback(child.wait)
            stack.callback(child.kill)
            job.append((rank, child, errors))
            threading.Thread(target=_forward, args=(child, lines), daemon=True).start()
        if on_start:
            on_start([child for _, child, _ in job])
        _watch(job, lines)


def _environment(place):
    """Return this process's environment, with the `place` and what a job needs."""
    environment = {k: v for k, v in os.environ.items() if k not in (ADDRESSES, COUNT)}
    environment.pop(RANK, None)
    # Processes of one machine would fight for its GPU.
    environment.setdefault("JAX_PLATFORMS", "cpu")
    return environment | {
        "KERAS_BACKEND": "jax",
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Where a proxy is set, JAX's link would look there for this very machine.
        "no_grpc_proxy": "127.0.0.1",
        **place,
    }


def _forward(child, lines):
    for line in child.stdout:
        if not line.startswith("[Gloo]"):  # JAX's link, which reports for duty
            lines.put(line)
    lines.put(None)


def _watch(job, lines):
    """Print lines until all have ended; raise as soon as one has failed."""
    talking = len(job)
    while talking or any(child.poll() is None for _, child, _ in job):
        with contextlib.suppress(queue.Empty):
            if (line := lines.get(timeout=0.1)) is None:
                talking -= 1
            else:
                print(line, end="", flush=True)
        failed = [(child.poll(), rank, log) for rank, child, log in job if child.poll()]
        if failed:
            # The one that was killed (below 0) comes before those that left for it.
            raise ScaleError(_last_words(*min(failed, key=lambda one: one[:2])))


def _last_words(code, rank, log):
    if code < 0:
        return f"process {rank} was killed (signal {-code}): start the job again."
    log.seek(0)
    said = log.read().decode(errors="replace")
    own = said.rpartition(f"process {rank}: ")[2].strip()
    if own.startswith("Traceback") or not own:
        own = "it failed.\n" + "\n".join(said.splitlines()[-30:])
    return f"process {rank}: {own}"


def main():
    """Run the command line; end with one sentence if the job fails."""
    parser = argparse.ArgumentParser(
        prog="python -m mnist_tutorial.launch",
        description="Run a Keras program on JAX in several processes of this machine.",
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    try:
        launch(given.program, *given.arguments, processes=given.processes)
    except ScaleError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
