"""Processes that only receive, and those that deliver: who decides, who tells, and what happens where nobody does."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay.store.queries.admin import Ledger
from tests.chaos.load import DURABLE, event_of
from tests.chaos.test_outages import readiness
from tests.support.commands import Serving, relay
from tests.support.ports import own_host
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Surroundings, post, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

INBOX = "{relay}:inbox"


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url, RELAY_HOST=own_host()) as around:
            yield around


def env_of(around: Surroundings, folder: Path) -> Mapping[str, str]:
    """Return the environment of one more process, which has a socket of its own for commands."""
    folder.mkdir()
    return {**around.env, "STAGE_DATA": str(folder)}


@asynccontextmanager
async def serving(around: Surroundings, folder: Path, role: str) -> AsyncIterator[Serving]:
    async with Serving(CONFIG, env_of(around, folder), "--role", role) as process:
        yield process


async def test_one_receives_and_the_other_tells(around: Surroundings, home: Path) -> None:
    async with serving(around, home / "d", "deliver"), serving(around, home / "r", "receive") as receiving:
        answers = [await post(receiving.url, event_of("op-1")) for _ in range(2)]
        mails = await around.mails(2)
        ledger = await until(lambda: settled(around, events=2))
        status, checks = await readiness(receiving.admin_url)

    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].document == answers[1].document == {"status": "accepted", "eventId": "evt-op-1-100"}
    assert {mail.recipient for mail in mails} == {"english@example.com", "german@example.com"}
    assert (ledger.counts["events"], ledger.counts["duplicates"], ledger.imbalance) == (1, 1, 0)
    assert (status, "owner" in checks) == (200, False)


async def test_where_nobody_delivers_events_are_kept_and_readyz_says_so(around: Surroundings, home: Path) -> None:
    async with serving(around, home / "r", "receive") as receiving:
        paused = await relay(
            "pause", "english", "--reason", "test", "-c", CONFIG, env={**around.env, "STAGE_DATA": str(home / "r")}
        )
        answer = await post(receiving.url, event_of("op-1"))  # behind the pause, which is decided first then
        status, checks = await readiness(receiving.admin_url)

        assert (answer.status, answer.document) == (202, {"status": "accepted", "eventId": "evt-op-1-100"})
        assert (status, checks["owner"][:31]) == (200, "no process decides and delivers")
        assert (paused.status, "not done yet" in paused.out + paused.err) == (1, True), paused
        async with serving(around, home / "d", "deliver"):
            mails = await around.mails(1)
            await until(lambda: owned(receiving))
            ledger = await around.ledger()

    assert [mail.recipient for mail in mails] == ["german@example.com"]
    assert ledger.counts["accepted"] == 2


async def settled(around: Surroundings, *, events: int) -> Ledger | None:
    """Return the ledger, once so many reports are decided, repeated ones too, and nothing is pending."""
    ledger = await around.ledger()
    counts = ledger.counts
    decided = counts.get("events", 0) + counts.get("duplicates", 0) >= events
    return ledger if decided and not counts.get("pending", 0) else None


async def owned(receiving: Serving) -> bool:
    return "owner" not in (await readiness(receiving.admin_url))[1]


async def test_where_nobody_delivers_the_inbox_takes_so_many_bytes_and_outcomes_have_a_reserve(
    around: Surroundings, home: Path
) -> None:
    async def statuses(receiving: Serving, operation: str) -> list[int]:
        events = event_of(operation, "operation.progress"), event_of(operation)
        return [(await post(receiving.url, event)).status for event in events]

    redis = around.store.redis
    async with serving(around, home / "r", "receive") as receiving:
        before = await statuses(receiving, "op-1")
        first, second = [await redis.xadd(INBOX, {"id": "x", "entry": b"x" * (size << 20)}) for size in (65, 32)]
        full = await statuses(receiving, "op-2")
        await redis.xdel(INBOX, second)
        crowded = await statuses(receiving, "op-2")
        await redis.xdel(INBOX, first)
        after = await statuses(receiving, "op-3")

    assert (before, full, crowded, after) == ([202, 202], [503, 503], [503, 202], [202, 202])
