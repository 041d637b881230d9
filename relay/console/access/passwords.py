"""Whether a password is right. Finding out is slow on purpose, so it is done beside the loop, two at once.

More would take from events the processor, and the memory that each of them wants.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from relay.config.console import User
from relay.errors import RelayError

AT_ONCE = 2
WAITING = 8  # and no more: who comes then is to come again
PRIORITY = 10  # of 0 to 19; the loop has 0
LONGEST = 1024  # bytes of a password


class Busy(RelayError):
    """So many are being looked at that one more would have to wait for long."""


class Passwords:
    """Those that are looked at, and as many as may wait for that."""

    def __init__(self) -> None:
        # None is started before the first password.
        self._threads = ThreadPoolExecutor(AT_ONCE, "console-password", initializer=_behind)
        self._taken = 0

    @contextmanager
    def seat(self) -> Iterator["Seat"]:
        """Where one password is looked at, or none: whether that may be is asked inside. Raises Busy."""
        if self._taken >= AT_ONCE + WAITING:
            raise Busy(f"{self._taken} passwords are being looked at")
        self._taken += 1
        seat = Seat(self._threads)
        try:
            yield seat
        finally:
            if seat.looking is None:
                self._free()
            else:  # also where its owner has hung up: the thread works on
                seat.looking.add_done_callback(self._looked)

    def _looked(self, looking: "asyncio.Future[bool]") -> None:
        self._free()
        if not looking.cancelled():
            looking.exception()  # who waited for it may be gone

    def _free(self) -> None:
        self._taken -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Seat:
    """Of one login. A name that nobody has takes as long as one that somebody has."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self.looking: asyncio.Future[bool] | None = None

    async def right(self, users: Mapping[str, User], name: str, password: str) -> bool:
        """Whether it is this user's. Once."""
        if not users:
            return False
        user = users.get(name) or sorted(users.items())[len(name) % len(users)][1]
        secret = password.encode("utf-8", "replace")
        self.looking = asyncio.get_running_loop().run_in_executor(
            self._threads, matches, user.password.get_secret_value(), secret[:LONGEST]
        )
        return await asyncio.shield(self.looking) and name in users and len(secret) <= LONGEST


def _behind() -> None:
    """Let this thread have what the loop leaves: on Linux, each has a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # where a service may not
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY)


def matches(hashed: str, password: bytes) -> bool:
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - an extra
    from argon2.low_level import Type, verify_secret  # noqa: PLC0415

    try:
        return verify_secret(hashed.encode(), password, Type.ID)
    except (Argon2Error, InvalidHashError):
        return False


def hashed(password: str) -> str:
    """What the configuration keeps of it. Raises ModuleNotFoundError."""
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1).hash(password)
