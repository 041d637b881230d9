"""A partition on a Cluster: its slot moves, and its primary is replaced, while events come."""

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from relay.errors import StoreUnavailable
from relay.store.journal.items import Admission
from tests.store.journal.conftest import Open, ledger
from tests.store.journal.toy import Add
from tests.support.clusters import clustered
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_what_was_acknowledged_outlives_moves_and_failovers(open_process: Open) -> None:
    acknowledged = Counter[str]()
    async with clustered() as group:
        process = await open_process("a", group.url, replicas=1).start()

        async def send(name: str) -> None:
            for number in count():
                event = f"{name}-{number}"
                answer: Any = None
                while answer is None:
                    with suppress(StoreUnavailable):
                        await until(process.partition.may_send)
                        answer = await process.submit(Add("x", event), admission=Admission.PROGRESS)
                acknowledged[event] += 1
                assert answer["total"] > 0

        async def more() -> None:
            before = len(acknowledged)
            await until(lambda: len(acknowledged) > before + 20)

        senders = [asyncio.create_task(send(f"s{number}")) for number in range(4)]
        for _ in range(2):
            await more()
            await group.move(await group.another())
        await more()
        await group.fail_over()
        await more()
        before = await group.owner()
        before.kill()
        await group.replaced(before)
        before.start()  # without a replica nothing is confirmed
        await more()
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

        again = await asyncio.gather(*(process.submit(Add("x", event)) for event in acknowledged))
        assert [event for event, answer in zip(acknowledged, again, strict=True) if not answer["duplicate"]] == []
        found: Any = await process.submit(Add("x", "last"))
        assert found["total"] == (await ledger(process.redis))["accepted"]
        await process.die()
