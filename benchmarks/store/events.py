"""What an event costs Redis, by the size of the batch that it travels in."""

from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.store.lives import PROGRESS, RUN, Lives, live, live_and_mail
from benchmarks.store.servers import logged, opened
from relay.store import Store
from tests.support.clock import Clock

SCRIPT_CALLS = ("evalsha", "eval")
OWN = ("info", "hello", "client|setinfo", "select")  # what connecting and measuring send
# Where the server counts its main thread apart, what its other threads do (freeing memory, for one) is left out.
CPU = (("used_cpu_user_main_thread", "used_cpu_sys_main_thread"), ("used_cpu_user", "used_cpu_sys"))
SHARE_OF_RUNS = 4  # of the operations, one in so many: a whole run takes as much work as several of the other cases


@dataclass(frozen=True, slots=True)
class Counters:
    """What a server has counted so far."""

    scripts: int
    commands: int
    cpu: float
    log: int

    @classmethod
    async def read(cls, redis: Redis) -> "Counters":
        rows = (await redis.info("commandstats")).items()
        calls = {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in rows}
        scripts = sum(calls.get(name, 0) for name in SCRIPT_CALLS)
        commands = sum(number for name, number in calls.items() if name not in (*SCRIPT_CALLS, *OWN))
        used = await redis.info("cpu")
        cpu = next(sum(used[name] for name in names) for names in CPU if names[0] in used)
        return cls(scripts, commands, cpu, int((await redis.info("persistence"))["aof_current_size"]))


@dataclass(frozen=True, slots=True)
class EventCost:
    """Means over all events of a case."""

    case: str
    batch: int
    scripts: float  # calls from outside
    commands: float  # all others, and what the scripts call
    cpu: float  # microseconds
    log: float  # bytes by which the append-only file grew


async def event_costs(batch: int, operations: int, binary: Path | None, fsync: str) -> list[EventCost]:
    """The four cases, each on a server of its own; the duplicates follow what they repeat."""

    async def progress(store: Store, clock: Clock) -> list[EventCost]:
        lives = Lives(store, clock, PROGRESS, operations, batch)
        new = await _measured("nobody hears of it", batch, store, lives, lives.tell())
        return [new, await _measured("a duplicate of it", batch, store, lives, lives.tell(again=True))]

    async def heard(store: Store, clock: Clock) -> list[EventCost]:
        lives = Lives(store, clock, PROGRESS, operations, batch)
        return [await _measured("one live message", batch, store, lives, lives.tell(live))]

    async def delivered(store: Store, clock: Clock) -> list[EventCost]:
        lives = Lives(store, clock, RUN, max(1, operations // SHARE_OF_RUNS), batch)
        whole = lives.tell(live_and_mail, deliver=True)
        return [await _measured("run of 21, delivered", batch, store, lives, whole)]

    costs = []
    for case in (progress, heard, delivered):
        with logged(binary, fsync) as server:
            async with opened(server) as (store, clock):
                # The first call of each script sends its source.
                await Lives(store, clock, RUN, 1, 1, name="before").tell(live_and_mail, deliver=True)
                costs += await case(store, clock)
    return costs


async def _measured(case: str, batch: int, store: Store, lives: Lives, telling: Coroutine[Any, Any, None]) -> EventCost:
    before = await Counters.read(store.redis)
    await telling
    after = await Counters.read(store.redis)
    return EventCost(
        case=case,
        batch=batch,
        scripts=(after.scripts - before.scripts) / lives.events,
        commands=(after.commands - before.commands) / lives.events,
        cpu=(after.cpu - before.cpu) * 1e6 / lives.events,
        log=(after.log - before.log) / lives.events,
    )
