"""relay serve: how it stops."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.support.commands import Serving
from tests.support.serving import change, events, started
from tests.support.stage import Surroundings, post
from tests.support.waiting import until

pytestmark = pytest.mark.slow

DRAIN = 20  # seconds, the most that may be configured: more than a stop without one takes, on a busy machine too


async def probe(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


async def test_sigterm_drains_until_a_second_one(around: Surroundings, config: Path) -> None:
    change(config, "drain: 0s", f"drain: {DRAIN}s")
    async with Serving(config, around.env) as serving:
        await until(lambda: len(events(serving, "relay.started")) == 1)

        drained = asyncio.get_running_loop().time() + DRAIN
        serving.send_signal(signal.SIGTERM)
        await until(lambda: len(events(serving, "relay.stopping")) == 1)
        taken = await post(serving.url, started())
        probes = [await probe(f"{serving.url}/{name}") for name in ("readyz", "healthz")]
        async with asyncio.timeout_at(drained):
            serving.send_signal(signal.SIGTERM)
            status = await serving.wait()

    assert {line["drain"] for line in events(serving, "relay.stopping")} == {DRAIN}
    assert (taken.status, taken.headers["connection"], probes) == (202, "close", [503, 200])
    assert status == 0
    assert len(events(serving, "relay.stopped")) == 1
