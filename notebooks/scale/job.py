"""Let processes that train together meet first, and never wait for one that is lost.

A job is a number of processes that run the same program. Each learns its place from
Keras's own environment variables: ``KERAS_DISTRIBUTION_JOB_ADDRESSES`` (host:port of
process 0), ``KERAS_DISTRIBUTION_NUM_PROCESSES`` and ``KERAS_DISTRIBUTION_PROCESS_ID``.
`mnist_tutorial.launch` sets them for processes on one machine, a cluster's scheduler
for processes on many. A process without them is alone.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass

__all__ = ["PATIENCE", "Job", "ScaleError", "roll_call", "together"]

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
RANK = "KERAS_DISTRIBUTION_PROCESS_ID"
PATIENCE = 60.0  # seconds to wait for another process


class ScaleError(Exception):
    """Processes that cannot work together: which one, why, and the way out."""


@dataclass(frozen=True)
class Job:
    """One process's place among the others.

    Attributes
    ----------
    count : int
        How many processes there are.
    rank : int
        Which of them this is, 0 to `count` - 1.
    host, port : str, int
        Where the others find process 0.
    """

    count: int = 1
    rank: int = 0
    host: str = ""
    port: int = 0

    @classmethod
    def from_environment(cls, environment=os.environ):
        """Read the place from Keras's variables, or be alone if none is set.

        Raises
        ------
        ScaleError
            If one is missing or unreadable, or if they contradict each other.
        """
        given = {name: environment.get(name) for name in (ADDRESSES, COUNT, RANK)}
        if not any(given.values()):
            return cls()
        for name, value in given.items():
            if not value or (name != ADDRESSES and not value.isdecimal()):
                raise ScaleError(
                    f"{name} is {value!r}, but a job needs {ADDRESSES} (host:port), "
                    f"{COUNT} and {RANK} (whole numbers): set all three, or none."
                )
        addresses = given[ADDRESSES].split(",")
        count, rank = int(given[COUNT]), int(given[RANK])
        host, _, port = addresses[0].rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ScaleError(
                f"{ADDRESSES} is {given[ADDRESSES]!r}: write host:port of process 0, "
                "such as 127.0.0.1:12355."
            )
        if rank >= count or len(addresses) not in (1, count):
            raise ScaleError(
                f"{COUNT} is {count}, which does not fit {RANK}={rank} (the first is "
                f"0) or {ADDRESSES}={given[ADDRESSES]} (one address, or one each)."
            )
        return cls(count, rank, host.strip("[]"), int(port))


# --- coming together ---------------------------------------------------------


def roll_call(job, facts, patience=PATIENCE):
    """Wait until every process of the job is there and agrees with process 0.

    The others report to process 0, on the port that the training will use, and are
    told what it found.

    Parameters
    ----------
    job : Job
    facts : dict of str to str
        What has to be the same everywhere, by name.
    patience : float
        Seconds to wait.

    Raises
    ------
    ScaleError
        If a process is missing or comes twice, or if counts or `facts` differ: the
        same sentence in all that came. In process 0, if its port is in use.
    """
    if job.count == 1:
        return
    card = {"rank": job.rank, "count": job.count, "facts": facts}
    meet = _gather if job.rank == 0 else _report
    if problem := meet(job, card, patience):
        raise ScaleError(problem)


def _gather(job, card, patience):
    """As process 0, wait for the others' cards; return what is wrong, or ""."""
    deadline = time.monotonic() + patience
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    links, everyone, problem = {}, [], ""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(
                socket.create_server(("", job.port), family=family, dualstack_ipv6=dual)
            )
        except OSError as error:
            return (
                f"Process 0 cannot use port {job.port} ({os.strerror(error.errno)}): "
                f"choose another port in {ADDRESSES}."
            )
        # Who has died since does not count, and may come again.
        while not problem and sum(map(_is_open, links.values())) < job.count - 1:
            try:
                server.settimeout(max(deadline - time.monotonic(), 0.01))
                link = stack.enter_context(server.accept()[0])
            except TimeoutError:
                here = {rank for rank, link in links.items() if _is_open(link)}
                missing = [str(r) for r in range(1, job.count) if r not in here]
                problem = (
                    f"Process {' and '.join(missing)} of {job.count} did not come "
                    f"within {patience:g} s: see whether it was started, and whether "
                    f"it can reach {job.host}:{job.port}."
                )
            else:
                # Whoever sends something else is no process of a job.
                if other := _read(link, "card", seconds=2):
                    problem = _compare(card, other, links)
                    links[other["rank"]] = link
                    everyone.append(link)
        # The training needs the port as soon as anybody hears the answer.
        server.close()
        for link in everyone:
            with contextlib.suppress(OSError):
                _write(link, "answer", problem)
    return problem


def _compare(card, other, links):
    """Return what is wrong with the `other` card, or ""."""
    rank = other["rank"]
    if other["count"] != card["count"]:
        return (
            f"Process {rank} was told of {other['count']} processes, process 0 of "
            f"{card['count']}: give all the same {COUNT}."
        )
    if rank == 0 or (rank in links and _is_open(links[rank])):
        return f"Two processes are told that they are process {rank}: mend {RANK}."
    for name, value in card["facts"].items():
        if (found := other["facts"].get(name)) != value:
            return (
                f"Process {rank} and process 0 differ in their {name} ({found} and "
                f"{value}): give all processes the same."
            )
    return ""


def _report(job, card, patience):
    """As another process, hand in the card; return what process 0 finds wrong."""
    deadline = time.monotonic() + patience
    while (left := deadline - time.monotonic()) > 0:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((job.host, job.port), left) as link,
        ):
            _write(link, "card", card)
            # A little longer than process 0 may wait for others.
            if (problem := _read(link, "answer", left + 2)) is not None:
                return problem
        time.sleep(0.2)
    return (
        f"Process 0 of {job.count} did not answer at {job.host}:{job.port} within "
        f"{patience:g} s: see whether it was started, and whether it can be reached."
    )


def _write(link, kind, content):
    link.sendall(json.dumps({"mnist_tutorial": kind, "content": content}).encode())
    link.sendall(b"\n")


def _read(link, kind, seconds):
    """Return the content of one message of this kind, or None."""
    link.settimeout(seconds)
    try:
        with link.makefile("rb") as stream:
            message = json.loads(stream.readline(65536))
        return message["content"] if message["mnist_tutorial"] == kind else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_open(link):
    link.setblocking(False)
    try:
        return link.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


# --- staying together --------------------------------------------------------


@contextlib.contextmanager
def together(job, facts, patience=PATIENCE):
    """Call the roll; then rather end this process than let it wait for a lost one.

    The process ends with code 1 and one sentence on the standard error if the roll
    call fails, the link to another process breaks, or nothing moves any more. It
    ends at once: an ordered exit would wait for the others again.

    Parameters
    ----------
    job : Job
    facts : dict of str to str
        See `roll_call`.
    patience : float
        Seconds to wait for the others, and to go on without a sign of life.

    Yields
    ------
    callable
        The sign of life, to be called with any arguments after each batch.
    """
    seen = time.monotonic()

    def alive(*_, **__):
        nonlocal seen
        seen = time.monotonic()

    def watch():
        while (left := seen + patience - time.monotonic()) > 0:
            time.sleep(left)
        _leave(job, f"nothing moved for {patience:g} s: another process may be lost.")

    try:
        roll_call(job, facts, patience)
        alive()
        if job.count > 1:
            threading.Thread(target=watch, daemon=True).start()
        yield alive
    except ScaleError as error:
        _leave(job, error)
    except Exception as error:
        # Gloo is what JAX links processes on CPUs with.
        if job.count > 1 and "Gloo" in str(error):
            _leave(job, "the link to another process broke: it may be lost.")
        _leave(job, traceback.format_exc())


def _leave(job, words):
    sys.stdout.flush()
    print(f"process {job.rank}: {words}", file=sys.stderr, flush=True)
    os._exit(1)
