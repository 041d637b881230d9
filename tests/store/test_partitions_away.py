"""Partitions on the nodes of a Cluster: what is away takes its own events along, and nobody else's."""

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import ClientSession
from redis.crc import key_slot

from relay.store import Store
from relay.store.keys import PREFIX, operation, partition
from relay.store.target_plan import home_of
from tests.chaos.failovers import configuration
from tests.support.clusters import Clustered, ClusterServer, clustered
from tests.support.events import body
from tests.support.patience import patience
from tests.support.stage import Stage, running, surroundings
from tests.support.targets import mail
from tests.support.waiting import until

PARTITIONS = 16
EVENTS = 64
READERS = ("english@example.com", "german@example.com")

pytestmark = pytest.mark.soak


async def at(group: Clustered, node: ClusterServer, store: Store) -> set[int]:
    """The partitions that this node has."""
    owners = {part.number: await group.owner(key_slot(part.prefix.encode())) for part in store.partitions}
    return {number for number, owner in owners.items() if owner is node}


def whose(name: str) -> int:
    return partition(operation(name), PARTITIONS)


@pytest.mark.parametrize("how", ["hanging", "killed"])
async def test_a_whole_relay_goes_on_and_says_what_is_away(tmp_path: Path, how: str) -> None:
    """Of the node that also has what belongs to no partition."""
    async with (
        clustered(replicas=0, appendonly="yes", appendfsync="always") as group,
        surroundings(group.url, partitions=PARTITIONS) as around,
        running(around, configuration(tmp_path, durability="fsync", partitions=PARTITIONS)) as relay,
    ):
        stage = Stage(around, relay)
        node = await group.owner(key_slot(PREFIX.encode()))
        gone = await at(group, node, around.store)
        assert not {partition(home_of(mail(to)), PARTITIONS) for to in READERS} & gone
        node.kill() if how == "killed" else node.pause()
        away = f"5 of 16 are away ({', '.join(map(str, sorted(gone)))})"  # and none that is only slow
        missing = await until(lambda: named(stage, away))
        names = [f"op-{number}" for number in range(EVENTS)]
        begun = time.monotonic()
        statuses = await asyncio.gather(*(status(stage, name) for name in names))
        mails = await around.mails(2 * statuses.count(202))
        seconds = time.monotonic() - begun
        ready = await readiness(stage)
        node.start() if how == "killed" else node.resume()
        await until(lambda: well(stage))
        again = [await status(stage, name) for name in names]
        every_mail = await around.mails(2 * EVENTS)
    took = f"{statuses.count(202)} of {EVENTS} answered 202, {len(mails)} mails within {seconds:.1f} s; {missing}"
    print(f"{how}: {took}")

    assert dict(zip(names, statuses, strict=True)) == {name: 503 if whose(name) in gone else 202 for name in names}
    assert ready == 200
    assert {*again} == {200, 202}
    assert len(every_mail) == 2 * EVENTS
    assert seconds < patience(15)


async def named(stage: Stage, away: str) -> str:
    """What relay says of its partitions, once it names these."""
    said = await checks(stage, "partitions")
    return said if said.startswith(away) else ""


async def status(stage: Stage, name: str) -> int:
    event = body("operation.completed", 100, status="Completed", operationId=name) | {"tenantId": "mail"}
    return (await stage.post(event | {"eventId": f"evt-{name}"})).status


async def readiness(stage: Stage) -> int:
    async with ClientSession() as client, client.get(f"{stage.url}/readyz") as response:
        return response.status


async def checks(stage: Stage, name: str) -> str:
    """What /readyz says of it, '' if nothing."""
    async with ClientSession() as client, client.get(f"{stage.admin_url}/readyz?verbose") as response:
        return str((await response.json())["checks"].get(name, ""))


async def well(stage: Stage) -> bool:
    return await readiness(stage) == 200 and not await checks(stage, "partitions")
