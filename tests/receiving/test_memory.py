"""What uploads without a genuine signature cost a relay, as the system counts it."""

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, surroundings
from tests.support.waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

UPLOADS, SIZE = 300, 2**20
HEAD = (
    b"POST /webhooks/async-operations HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n%b"
    b"Content-Length: %d\r\n\r\n"
)
FORGED = b"X-Webhook-Signature: sha256=" + b"0" * 64 + b"\r\n"


def memory(pid: int, what: str) -> float:
    """MB: VmRSS just now, VmHWM at most since it was reset."""
    return int(re.findall(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def upload(url: str, signature: bytes, sent: int, *, answered: bool) -> None:
    parts = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(HEAD % (signature, SIZE) + b" " * sent)
        await writer.drain()
        if answered:
            await asyncio.wait_for(reader.readline(), patience())
        writer.transport.abort()
    except ConnectionError:
        return


@pytest.mark.parametrize(("signature", "sent", "answered"), [
    (FORGED, SIZE, True), (FORGED, SIZE - 100_000, False), (b"", SIZE, True),
], ids=["forged", "forged and given up", "unsigned"])  # fmt: skip
async def test_300_uploads_cost_100_mb_at_most_which_are_given_back(
    redis_server: RedisServer,
    signature: bytes,
    sent: int,
    answered: bool,
) -> None:
    async with surroundings(redis_server.url) as around, RunningRelay(CONFIG, around.env) as relay:
        await upload(relay.url, FORGED, SIZE, answered=True)
        reset_peak(relay.pid)
        before = memory(relay.pid, "VmRSS")

        await asyncio.gather(*(upload(relay.url, signature, sent, answered=answered) for _ in range(UPLOADS)))

        assert memory(relay.pid, "VmHWM") - before <= 100
        await until(lambda: memory(relay.pid, "VmRSS") - before <= 25)
