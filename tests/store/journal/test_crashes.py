"""A process that dies before or after any of its writes loses nothing that it acknowledged, and counts all once."""

import asyncio
import random
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.store.journal.items import Admission
from relay.store.journal.pace import Pace
from tests.store.journal.conftest import Open, P, Process, ledger
from tests.store.journal.proxy import Fate, Proxy
from tests.store.journal.toy import Add, Fire, Hand, Look, Press
from tests.support.patience import patience
from tests.support.waiting import until


async def live(process: Process, acknowledged: list[str], seed: int) -> None:
    """Live a short life, the same for a seed, and note what is acknowledged."""
    dice = random.Random(seed)
    for number in range(20):
        kind = dice.choices(("event", "press", "hand", "fire"), (6, 3, 2, 2))[0]
        if kind == "event":
            event = f"e{dice.randrange(10)}"
            await process.submit(Add("x", event, timer=dice.choice((1, 50))), admission=Admission.PROGRESS)
            acknowledged.append(event)
        elif kind == "press":
            await process.submit(Press("x"), act=f"press-{number}")
            acknowledged.append(f"press-{number}")
        elif kind == "fire":
            await process.submit(Fire())
        elif process.partition.owns:
            await process.submit(Hand("x"), lazy=True)


async def is_exact(redis: Redis, process: Process, acknowledged: list[str]) -> None:
    for name in acknowledged:
        if name.startswith("press"):
            before = await ledger(redis)
            await process.submit(Press("x"), act=name)
            assert await ledger(redis) == before, f"{name} was lost"
        else:
            answer = await process.submit(Add("x", name), admission=Admission.PROGRESS)
            assert answer["duplicate"], f"{name} was lost"
    counts = await ledger(redis)
    found = await process.submit(Look("x")) or {"total": 0, "seen": []}
    assert counts.get("accepted", 0) == await redis.hlen(P + "events:x")
    assert found["total"] == counts.get("accepted", 0) + counts.get("pressed", 0)
    fired = [name for name in found["seen"] if name != "handed"]
    assert len(fired) == len({*fired}) == counts.get("fired", 0)
    assert counts.get("accepted", 0) == len(fired) + await redis.zcard(P + "timers")


DEATHS: list[tuple[str, Fate]] = [
    (script, fate) for script in ("commit", "append") for fate in ("lose call", "lose answer", "hold")
]


@pytest.mark.parametrize("death", DEATHS, ids=" ".join)
async def test_at_each_write(open_process: Open, redis: Redis, between: Proxy, death: tuple[str, Fate]) -> None:
    script, fate = death
    crashes = 0
    for doomed in range(60):
        await redis.flushall()
        between.fate = lambda _name: "pass"
        between.befell.clear()
        options: dict[str, Any] = {"pace": Pace(poll_alone=0.005)}
        options |= {} if script == "commit" else {"alone": False, "may_own": False}
        if script == "append":
            owner = await open_process("owner", pace=options["pace"]).start()
        process = await open_process(f"p{doomed}", between.url, **options).start(owns=script == "commit")
        left, crashed = doomed, asyncio.Event()

        def decide(name: str, crashed: asyncio.Event = crashed) -> Fate:
            nonlocal left
            if crashed.is_set():
                return "lose call"
            if name != script:
                return "pass"
            left -= 1
            if left >= 0:
                return "pass"
            crashed.set()
            return fate

        between.fate = decide
        acknowledged: list[str] = []
        living = asyncio.create_task(live(process, acknowledged, DEATHS.index(death)))
        crash = asyncio.create_task(crashed.wait())
        await asyncio.wait([living, crash], return_when=asyncio.FIRST_COMPLETED)
        if crashed.is_set():
            await asyncio.wait_for(between.befell.wait(), patience())
        await process.die()
        living.cancel()
        crash.cancel()
        await asyncio.gather(living, crash, return_exceptions=True)
        if script == "commit":
            owner = await open_process("next", pace=options["pace"]).start()
        await between.release()
        await until(lambda: _empty(redis))
        await is_exact(redis, owner, acknowledged)
        await owner.die()
        if not crashed.is_set():
            break
        crashes += 1

    assert crashes >= 10


async def _empty(redis: Redis) -> bool:
    return not await redis.xlen(P + "inbox")
