"""A real relay through outages on the real clock, and killed in one of its sends: nothing is lost or late."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.load import DURABLE
from tests.support import outages, traffic
from tests.support.outages import LOOPBACK, OUTAGES, SLACK_OUTAGES
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.scripted_smtp import ScriptedSmtp
from tests.support.stage import post, surroundings

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

SERVER = "server: {host: 127.0.0.1, port: 0, drain: 0s}\ndata_dir: /nonexistent\n"
SECONDS = 140.0
PROMPTLY = 61.0  # seconds after the end of an outage in which everything is delivered


@pytest.mark.parametrize("outage", ["503-html", "reset", "refused", "mail-cut-at-rcpt", "mail-refused"])
async def test_an_outage_and_a_kill_in_it_lose_nothing(
    outage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = "slack" if outage in SLACK_OUTAGES else "email"
    for host in ("SLACK_HOST", "HOOKS_HOST", "MAIL_HOST"):  # a process of its own asks the machine's name service
        monkeypatch.setattr(outages, host, LOOPBACK)
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url) as around, ScriptedSmtp() as smtp:
            config, peers = tmp_path / "relay.yaml", SimpleNamespace(slack=around.slack, smtp=smtp)
            config.write_text(SERVER + outages.config_text(around.slack, smtp))
            async with RunningRelay(config, around.env) as relay:
                runs = traffic.busy(60, SECONDS)
                await _pass(relay, peers, runs, tenant, outage)
                ended = time.monotonic()
                ledger = await around.settled(2 * PROMPTLY)
                took = time.monotonic() - ended

            account = traffic.Account(peers, tenant, runs)
            print(f"{outage}: settled {took:.1f} s after its end, {account}")
            assert took <= PROMPTLY
            assert (ledger.counts["dead"], ledger.imbalance) == (0, 0)
            assert (account.missing, account.stale) == ([], [])
            assert account.doubled.total() <= (ledger.counts["unknown_outcomes"] if tenant == "email" else 0)


async def _pass(relay: RunningRelay, peers: Any, runs: list[traffic.Run], tenant: str, outage: str) -> None:
    """Let the runs happen; relay is killed in a send as the outage begins, and starts again."""
    events = traffic.timetable(runs)
    begin = time.monotonic() - events[0][0]

    async def happens(until: float) -> None:
        while events and events[0][0] <= until:
            at, document = events.pop(0)
            await asyncio.sleep(begin + at - time.monotonic())
            await send(document)
        await asyncio.sleep(begin + until - time.monotonic())

    async def send(document: dict[str, object]) -> None:
        stamped = {"timestamp": datetime.now(UTC).isoformat(), "tenantId": tenant} | document
        assert (await post(relay.url, stamped)).status in (200, 202)  # late, where the first message was sent before

    await happens(0)
    sent = asyncio.create_task(traffic.unanswered(peers, tenant))
    await asyncio.sleep(0)
    await send(traffic.first_message(events, tenant))
    await sent
    await relay.kill()
    async with OUTAGES[outage](peers):
        await relay.start()
        await happens(SECONDS)
