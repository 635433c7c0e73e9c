"""Start a program in several processes of this machine, as one job.

From a terminal: ``python launch.py --processes 2 train.py --epochs 3``.
"""

import argparse
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scale.job import ADDRESSES, COUNT, RANK, ScaleError


def launch(program, *arguments, processes=2, on_start=None):
    """Run a Keras program on JAX in local processes, and print what they print.

    Where one fails, the others are stopped, and a ScaleError names it. `on_start` is
    called with the list of `subprocess.Popen` once all are started.
    """
    if processes < 1:
        raise ScaleError(f"a job of {processes} processes does nothing: take 1 or more")
    if not importlib.util.find_spec("jax"):
        raise ScaleError('JAX is missing: run pip install "jax>=0.7", or make lab.')
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    command = [sys.executable, os.fspath(program), *map(str, arguments)]
    # On Windows, what a program leaves behind may hold its file.
    temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with temporary as folder, contextlib.ExitStack() as stack:
        outputs = [Path(folder, f"{rank}.out") for rank in range(processes)]
        logs = [Path(folder, f"{rank}.err") for rank in range(processes)]
        children = []
        for rank in range(processes):
            with outputs[rank].open("wb") as output, logs[rank].open("wb") as log:
                env = _environment(address, processes, rank)
                child = subprocess.Popen(command, env=env, stdout=output, stderr=log)
            stack.callback(child.wait)
            stack.callback(child.kill)
            children.append(child)
        if on_start:
            on_start(children)
        readers = [
            stack.enter_context(output.open(encoding="utf-8", errors="replace"))
            for output in outputs
        ]
        _watch(children, readers, logs)


def _environment(address, processes, rank):
    """Return this process's environment, with the place and what a job needs."""
    place = {ADDRESSES: address, COUNT: str(processes), RANK: str(rank)}
    environment = {k: v for k, v in os.environ.items() if k not in place}
    # Processes of one machine would fight for its GPU.
    environment.setdefault("JAX_PLATFORMS", "cpu")
    environment |= {"KERAS_BACKEND": "jax", "PYTHONUNBUFFERED": "1"}
    # Where a proxy is set, JAX's link would look there for this very machine.
    environment["no_grpc_proxy"] = "127.0.0.1"
    return environment | place if processes > 1 else environment


def _watch(children, readers, logs):
    """Print lines until all have ended; raise as soon as one has failed."""
    while True:
        codes = [child.poll() for child in children]
        for reader, code in zip(readers, codes, strict=True):
            _print_new_lines(reader, ended=code is not None)
        # The one that was killed (below 0) comes before those that left for it.
        failed = [(code, rank) for rank, code in enumerate(codes) if code]
        if failed:
            code, rank = min(failed)
            log = logs[rank].read_text(encoding="utf-8", errors="replace")
            raise ScaleError(f"process {rank} {_last_words(code, rank, log)}")
        if None not in codes:
            return
        time.sleep(0.05)


def _print_new_lines(reader, ended):
    """Print the lines written since the last call: whole ones, until all has ended."""
    while True:
        place = reader.tell()
        line = reader.readline()
        if not line.endswith("\n") and not (line and ended):
            reader.seek(place)
            return
        if not line.startswith("[Gloo]"):  # JAX's link, which reports for duty
            print(line.removesuffix("\n"), flush=True)


def _last_words(code, rank, log):
    """Say in one sentence why a process ended, as far as that is known."""
    _, found, sentence = log.rpartition(f"process {rank} ")
    if found:
        return sentence.strip()
    if "DEADLINE_EXCEEDED" in log:
        return "waited in vain for another: did all start, and do they reach process 0?"
    if code < 0:
        return f"was killed (signal {-code}): start the job again."
    return "failed.\n" + "\n".join(log.splitlines()[-30:])


def main():
    """Run the command line; end with one sentence if the job fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
