"""kill -9 in the middle of sending: the same process goes on at once after its restart, another one within seconds."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.channels.email.channel import Email
from relay.engine.receipts import CALL
from relay.store.journal.lease import LASTS
from relay_sandbox.standins.inbox import Inbox
from tests.chaos.load import DURABLE, event_of
from tests.support.patience import busyness, patience
from tests.support.ports import own_host
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, SECRET, TOKEN, post
from tests.support.waiting import until

pytestmark = pytest.mark.soak

# Seconds of a machine at rest until all is told: on the private Redis; else of what was not begun.
AT_ONCE, SOON = 2.0, 7.0
OPERATIONS = 10
MAILS = 2 * OPERATIONS
UNSENT = MAILS - Email.max_concurrency  # the others may be under way yet, for all that another process knows


class SlowInbox(Inbox):
    """One that lets senders wait in the middle of a mail until it is `open`."""

    def __init__(self, most: int = 1_000) -> None:
        """`most`: so many have to wait, and no other."""
        super().__init__()
        self.open = asyncio.Event()
        self.waiting, self._most = 0, most

    async def handle_RCPT(self, *arguments: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        self.waiting += 1
        if self.waiting <= self._most:
            await self.open.wait()
        return await super().handle_RCPT(*arguments)


@asynccontextmanager
async def environment(kind: str) -> AsyncIterator[dict[str, str]]:
    """Return where relay finds its Redis."""
    if kind == "external":
        with RedisServer(**DURABLE) as server:
            yield {"RELAY_REDIS_URL": server.url}
        return
    home = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    yield {"STAGE_DATA": str(home / "data")}
    shutil.rmtree(home)


def staged(inbox: Inbox) -> dict[str, str]:
    return {"STAGE_SECRET": SECRET, "STAGE_TOKEN": TOKEN, "STAGE_SLACK": "http://127.0.0.1:9",
            "STAGE_SMTP": str(inbox.smtp_port), "RELAY_HOST": own_host()}  # fmt: skip


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["embedded", "external"])
async def test_what_a_killed_relay_was_sending_is_told_within_seconds_of_the_restart(kind: str) -> None:
    async with (
        environment(kind) as redis,
        SlowInbox() as inbox,
        RunningRelay(CONFIG, staged(inbox) | redis) as relay,
    ):
        await in_the_middle_of_mails(relay, inbox)
        await relay.kill()
        killed = time.monotonic()
        await relay.start()
        inbox.open.set()
        ready = time.monotonic()
        took, _ = await all_told(inbox, ready, MAILS if kind == "embedded" else UNSENT)
        _, repeats = await all_told(inbox, ready)

    print(f"{kind}: ready after {ready - killed:.1f} s, all told {took:.1f} s later; {repeats} twice")
    assert took < (AT_ONCE if kind == "embedded" else SOON) * busyness()


@pytest.mark.timeout(180)
async def test_another_process_tells_what_a_killed_one_was_sending() -> None:
    async with environment("external") as redis, SlowInbox() as inbox:
        env = staged(inbox) | redis
        async with RunningRelay(CONFIG, env) as relay, RunningRelay(CONFIG, env) as other:
            await in_the_middle_of_mails(relay, inbox)
            await relay.kill()
            inbox.open.set()
            killed = time.monotonic()
            took, _ = await all_told(inbox, killed, UNSENT)
            _, repeats = await all_told(inbox, killed)
            assert [line["event"] for line in other.lines if line["event"] == "partition.owned"] == ["partition.owned"]

    print(f"all told {took:.1f} s after the kill; {repeats} twice")
    assert took < SOON * busyness()


@pytest.mark.timeout(180)
async def test_a_process_frozen_beyond_its_lease_repeats_nothing_that_another_one_told() -> None:
    async with environment("external") as redis, SlowInbox() as inbox:
        env = staged(inbox) | redis
        async with RunningRelay(CONFIG, env) as relay, RunningRelay(CONFIG, env) as other:
            await in_the_middle_of_mails(relay, inbox)
            relay.send_signal(signal.SIGSTOP)
            frozen = time.monotonic()
            inbox.open.set()
            await other.wait_for_line("partition.owned")
            took, _ = await all_told(inbox, frozen, UNSENT)  # it may go on with the others for ten minutes
            start = len(relay.lines)
            relay.send_signal(signal.SIGCONT)
            await relay.wait_for_line("partition.lost", start)
            answers = [await post(one.url, event_of("op-more")) for one in (relay, other)]
            await all_told(inbox, frozen, MAILS + 2)

        copies = Counter((mail.recipient, mail.id) for mail in inbox.mails)
        print(f"all told {took:.1f} s after the freeze, {sum(copies.values()) - len(copies)} twice")
        assert answers[0].document == {"status": "accepted", "eventId": "evt-op-more-100"}
        assert answers[1].status == 200
        # What was under way when it froze may have arrived; nothing else came again.
        assert sum(count > 1 for count in copies.values()) <= Email.max_concurrency
        assert max(copies.values()) <= 2


@pytest.mark.timeout(180)
async def test_a_process_that_stops_hands_over_at_once_and_finishes_what_it_sends() -> None:
    async with environment("external") as redis, SlowInbox(most=2) as inbox:
        env = staged(inbox) | redis
        async with RunningRelay(CONFIG, env, grace=60) as relay, RunningRelay(CONFIG, env) as other:
            assert (await post(relay.url, event_of("op-1"))).status == 202
            await until(lambda: inbox.waiting == 2)
            relay.send_signal(signal.SIGTERM)
            stopped = time.monotonic()
            await other.wait_for_line("partition.owned")
            owned = time.monotonic() - stopped
            answer = await post(other.url, event_of("op-2"))
            await all_told(inbox, stopped, 2)
            told = time.monotonic() - stopped
            # Longer than it takes until a process counts as gone that gives no sign of life.
            await asyncio.sleep(LASTS + 1)
            waiting = inbox.waiting
            inbox.open.set()
            await all_told(inbox, stopped, 4)
            status = await relay.wait()
            again = await post(other.url, event_of("op-1"))

        print(f"owned {owned:.1f} s after SIGTERM, the next event told after {told:.1f} s")
        assert (answer.document["deliveries"], again.status, status) == (2, 200, 0)
        assert (waiting, len(inbox.mails)) == (4, 4)
        assert max(owned, told) < AT_ONCE * busyness()


async def in_the_middle_of_mails(relay: RunningRelay, inbox: SlowInbox) -> None:
    for number in range(OPERATIONS):
        assert (await post(relay.url, event_of(f"op-{number}"))).status == 202
    await until(lambda: inbox.waiting == Email.max_concurrency)


async def all_told(inbox: SlowInbox, since: float, mails: int = MAILS) -> tuple[float, int]:
    """Return after how many seconds all mails are there, and how many came twice."""
    await inbox.wait_for(
        lambda: len({(mail.recipient, mail.id) for mail in inbox.mails}) >= mails, CALL / 1000 + patience()
    )
    copies = Counter((mail.recipient, mail.id) for mail in inbox.mails)
    assert max(copies.values()) <= 2
    return time.monotonic() - since, sum(copies.values()) - len(copies)
