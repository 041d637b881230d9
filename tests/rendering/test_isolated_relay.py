"""A whole relay whose user's template fails: it says so, and goes on."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from relay.app import Relay
from tests.rendering.templates_of_others import FILE, LOOPS, NOTE
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, post, running, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.slow


async def test_a_relay_tells_in_its_own_wording_says_so_and_reads_a_mended_file(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "own" / FILE
    file.parent.mkdir(parents=True)
    file.write_text(f"text: |\n  {LOOPS}\n", "utf-8")
    config = tmp_path / "stage.yaml"
    config.write_text(f"templates: {tmp_path / 'own'}\n{CONFIG.read_text('utf-8')}", "utf-8")

    async with surroundings(redis_server.url) as around, running(around, config) as relay:
        host, port = relay.addresses[0]
        await post(f"http://{host}:{port}", failed("op-1"))
        [first] = await around.messages("#room", lambda messages: len(messages) == 1)
        noticed = await readiness(relay)
        file.write_text("text: mine\n", "utf-8")
        relay.reload()
        await post(f"http://{host}:{port}", failed("op-2"))
        _, second = await around.messages("#room", lambda messages: len(messages) == 2)
        await until(lambda: shown_mended(relay))  # an answer is kept for a tenth of a second

    assert first.text.startswith("Failed: ")
    assert NOTE in str(first.blocks[-1])
    assert noticed[f"template:{FILE}"] == (
        f"failed, so relay's own wording is shown: {FILE}: it took more than 2 s of processor time"
    )
    assert second.text == "mine"


async def shown_mended(relay: Relay) -> bool:
    return f"template:{FILE}" not in await readiness(relay)


def failed(key: str) -> dict[str, Any]:
    return body("operation.failed", 50, operationId=key) | {"tenantId": "room"}


async def readiness(relay: Relay) -> dict[str, str]:
    """Return the checks of `/readyz?verbose`."""
    host, port = relay.admin_addresses[0]
    async with aiohttp.ClientSession() as client, client.get(f"http://{host}:{port}/readyz?verbose") as response:
        found: dict[str, str] = (await response.json())["checks"]
        return found
