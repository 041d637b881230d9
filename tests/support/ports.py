"""Ports for servers that cannot say which one the system gave them."""

import contextlib
import random
import socket
import sys

# Below those that the system hands out, so that nobody gets one meanwhile. A relay on one has the next for operators.
NEVER_GIVEN_OUT = range(20_000, 32_000, 2)


def free_ports(count: int) -> list[int]:
    """So many different ports of loopback on which nobody listens."""
    free: list[int] = []
    for port in random.SystemRandom().sample(NEVER_GIVEN_OUT, k=1_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            free.append(port)
        if len(free) == count:
            return free
    raise AssertionError(f"no {count} free ports on 127.0.0.1 from {NEVER_GIVEN_OUT.start} on")


def own_host() -> str:
    """An address of this machine at which nobody else listens: on Linux all of 127/8 is ours.

    Where a process is killed, no server of another test can take its port there and answer in its place.
    """
    dice = random.SystemRandom()  # `random` itself is seeded alike in all processes of a test run
    return f"127.{dice.randrange(1, 255)}.{dice.randrange(256)}.1" if sys.platform == "linux" else "127.0.0.1"


def free_place() -> tuple[str, str]:
    """A host and a port that nobody else takes, not even to connect from it."""
    host = own_host()
    with socket.socket() as probe:
        probe.bind((host, 0))
        return host, f"{probe.getsockname()[1]}"
