"""A process's place among those that train together, and what all have to agree on.

Each process learns its place from Keras's own environment variables, which launch.py or
a cluster's scheduler sets. A process without them is alone.
"""

import hashlib
import os
from dataclasses import dataclass

import numpy as np

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
RANK = "KERAS_DISTRIBUTION_PROCESS_ID"


class ScaleError(Exception):
    """Processes that cannot work together: which one, why, and the way out."""


@dataclass(frozen=True)
class Job:
    """One process's place: how many there are, which it is, where process 0 is."""

    count: int = 1
    rank: int = 0  # 0 to count - 1
    address: str = ""  # host:port

    @classmethod
    def from_environment(cls, environment=os.environ):
        """Read the place from Keras's variables, or be alone if none is set."""
        names = (ADDRESSES, COUNT, RANK)
        addresses, count, rank = (environment.get(name, "") for name in names)
        if not addresses + count + rank:
            return cls()
        address = addresses.split(",")[0]
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ScaleError(
                f"{ADDRESSES} is {addresses!r}: write host:port of process 0, such as "
                "127.0.0.1:12355."
            )
        if not (count.isdecimal() and rank.isdecimal() and int(rank) < int(count)):
            raise ScaleError(
                f"{COUNT} is {count!r} and {RANK} is {rank!r}: give the number of "
                "processes, and which of them this is, from 0 on."
            )
        return cls(int(count), int(rank), address)


def agree(name, value, way_out):
    """Raise ScaleError in every process if `value`, a text, is another in one."""
    from jax.experimental import multihost_utils

    digest = hashlib.sha256(value.encode()).digest()
    try:
        multihost_utils.assert_equal(np.frombuffer(digest, np.int32))
    except AssertionError:
        raise ScaleError(
            f"the processes differ in their {name}, {value} here: {way_out}."
        ) from None
