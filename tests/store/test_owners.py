"""One process owns the partition and decides: never two, wherever the data is, however long one is stopped."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from relay.store import Store
from relay.store.keys import PREFIX
from relay.store.queries.admin import Admin
from tests.store import owning
from tests.support import events
from tests.support.clusters import clustered
from tests.support.redis_server import RedisServer
from tests.support.sentinels import watched
from tests.support.targets import room
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@asynccontextmanager
async def one_server() -> AsyncIterator[RedisServer]:
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def reporting(url: str, durability: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """A process that owns the partition, and what was acknowledged to it."""
    command = sys.executable, "-m", owning.__name__, url, durability
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    acknowledged: list[str] = []

    async def read() -> None:
        assert process.stdout
        while line := await process.stdout.readline():
            if line.startswith(b"reported-"):  # else it is of the log
                acknowledged.append(line.decode().strip())

    reading = asyncio.create_task(read())
    try:
        yield process, acknowledged
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


@pytest.mark.parametrize(
    ("place", "durability"),
    [(one_server, "memory"), (watched, "replicated"), (clustered, "replicated")],
    ids=["one server", "Sentinels", "a Cluster"],
)
async def test_an_owner_that_was_stopped_beyond_its_lease_writes_nothing_when_it_wakes(
    place: Callable[[], AbstractAsyncContextManager[RedisServer]], durability: str
) -> None:
    async with place() as group, reporting(group.url, durability) as (process, acknowledged):
        await until(lambda: len(acknowledged) > 20)
        process.send_signal(signal.SIGSTOP)
        heir = Store.open(group.url, process="heir")
        await heir.prepare(durability)
        await until(lambda: heir.partition.owns)
        own = [f"own-{number}" for number in range(5)]
        for name in own:
            assert (await heir.report(events.completed(operationId=name), [room()])).status == "accepted"

        before, marks = len(acknowledged), set[bytes]()
        process.send_signal(signal.SIGCONT)

        async def goes_on() -> bool:
            marks.add(await heir.redis.get(f"{PREFIX}mark"))
            return len(acknowledged) > before + 20

        await until(goes_on)
        process.kill()
        again = [
            (await heir.report(events.completed(operationId=name), [room()])).status for name in acknowledged + own
        ]
        ledger = await Admin(heir).ledger()
        await heir.aclose()

    assert {mark.partition(b".")[0] for mark in marks} == {b"2"}  # the term of the heir
    assert {*again} == {"duplicate"}
    # The last of each process may be acknowledged no more.
    assert 0 <= ledger.counts["accepted"] - len(again) <= 2
    assert ledger.imbalance == 0
