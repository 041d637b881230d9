"""What a Cluster's life costs a relay under load: events lost, messages told twice, seconds until accepted again.

Three primaries with two replicas each, `durability: replicated`, and one whole relay, to which six senders send events
until each is answered 2xx. In each round the primary that has relay's own slot is killed and started again, and hands
over as planned; then that slot is moved key by key, and at once, and goes to a node that is added.
`cluster-node-timeout` is 1 s.
"""

import asyncio
import contextlib
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable

from redis.crc import key_slot

from relay.errors import StoreUnavailable
from relay.store.keys import PREFIX
from tests.chaos.failovers import BETWEEN, Report, configuration, count_all, longest_pause
from tests.chaos.test_kills import Load
from tests.support.clusters import Clustered, clustered
from tests.support.ports import own_host
from tests.support.running import RunningRelay
from tests.support.stage import Surroundings, surroundings
from tests.support.waiting import until

Disturbance = Callable[[Clustered, int], Awaitable[None]]


async def disturbances(rounds: int) -> Report:
    report = Report()
    async with (
        clustered(replicas=2) as group,
        surroundings(group.url, RELAY_HOST=own_host()) as around,
    ):
        slot = key_slot(PREFIX.encode())
        with tempfile.TemporaryDirectory(prefix="relay-") as directory:
            async with RunningRelay(configuration(directory), around.env) as relay:
                around.inbox.mails = deque()  # all of them, however many
                load = Load(relay)
                async with load.sending():
                    await load.more(BETWEEN)
                    for _ in range(rounds):
                        for name, disturbance in DISTURBANCES.items():
                            report.pauses[name].append(await _one(group, load, slot, disturbance))
                await until(lambda: _answers(around))
                await count_all(report, around, load)
    return report


async def _one(group: Clustered, load: Load, slot: int, disturbance: Disturbance) -> float:
    """One disturbance; the longest time without an event accepted."""
    watching = asyncio.create_task(longest_pause(load))
    await disturbance(group, slot)
    await load.more(BETWEEN)
    watching.cancel()
    [pause] = await asyncio.gather(watching)
    await group.settled()
    await load.more(BETWEEN)
    return pause


async def _kill(group: Clustered, _slot: int) -> None:
    primary = await group.owner()
    primary.kill()
    await group.replaced(primary)
    primary.start()


async def _fail_over(group: Clustered, _slot: int) -> None:
    await group.fail_over()


async def _move(group: Clustered, slot: int) -> None:
    await group.move(await group.another(await group.owner(slot)), slot)


async def _move_at_once(group: Clustered, slot: int) -> None:
    await group.move_at_once(await group.another(await group.owner(slot)), slot)


async def _add(group: Clustered, slot: int) -> None:
    added = await group.add()
    await group.add(follows=added)
    await group.move(added, slot)


async def _answers(around: Surroundings) -> bool:
    """Its connections to primaries that are gone have to be used once."""
    with contextlib.suppress(StoreUnavailable):
        await around.store.ping()
        return True
    return False


DISTURBANCES: dict[str, Disturbance] = {
    "primary killed": _kill,
    "planned failover": _fail_over,
    "slot moved key by key": _move,
    "slot moved at once": _move_at_once,
    "slot moved to a node that was added": _add,
}
