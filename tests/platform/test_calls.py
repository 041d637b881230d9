"""A whole relay that asks the platform: what a completion left out, and what never arrived here."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.events import body, seed
from tests.support.patience import patience
from tests.support.platform import scripted_platform
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, running, surroundings

RESULTS = "GET /api/mail/project-1/async/operation/{}/results"
TOKEN = "the-token-of-the-sandbox"


def configured(folder: Path, url: str, **more: str) -> Path:
    """The stage with a platform: mails go to the readers of the tenant `mail`."""
    file = folder / "relay.yaml"
    settings = {"base_url": url, "tenant": "mail", "project": "project-1", "token": TOKEN} | more
    file.write_text(f"{CONFIG.read_text()}\nplatform: {settings}\n")
    return file


def completed(operation: str) -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=operation) | {"tenantId": "mail"}


def results(operation: str) -> dict[str, Any]:
    document = seed("operation-results.response")
    document["artifacts"][0] |= {"name": "The Report", "downloadUrl": "/{tenantId}/{projectId}/files/report.pdf"}
    return document | {"operationId": operation}


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A platform that takes every call and never answers."""
    over = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"http://{host}:{port}"
    over.set()
    server.close()
    await server.wait_closed()


async def test_a_completion_without_results_is_told_with_those_that_the_platform_has(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with surroundings(redis_server.url) as around:
        answers = {RESULTS.format("op-1"): [(200, results("op-1"))], "GET /api/mail/project-1/async/operations": [LIST]}
        async with scripted_platform(answers) as platform:
            async with running(around, configured(tmp_path, platform.url)) as relay:
                await Stage(around, relay).post(completed("op-1"))
                mails = await around.mails(2)

            recommendation = results("op-1")["recommendations"][0]["recommendation"]
            assert all("The Report" in mail.text and recommendation in mail.text for mail in mails)
            assert all(f"{platform.url}/mail/project-1/files/report.pdf" in mail.text for mail in mails)
            [asked] = [one for one in platform.asked if one.path.endswith("/results")]
            assert asked.query["format"] == "summary"
            assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


LIST = (200, {"operations": []})


@pytest.mark.slow
async def test_a_platform_that_does_not_answer_delays_a_message_by_two_seconds_and_the_next_not_at_all(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with (
        surroundings(redis_server.url) as around,
        silent() as url,
        running(around, configured(tmp_path, url)) as relay,
    ):
        stage = Stage(around, relay)
        began = time.monotonic()
        await stage.post(completed("op-1"))
        await around.mails(2)
        waited = time.monotonic() - began
        async with aiohttp.ClientSession() as client, client.get(f"{stage.admin_url}/readyz?verbose") as ready:
            assert ready.status == 200
        began = time.monotonic()
        await stage.post(completed("op-2"))
        await around.mails(4)
        waited_again = time.monotonic() - began

        ledger = await around.settled()
        assert 2 <= waited < 2 + patience(2)
        assert waited_again < patience(2)
        assert (ledger.counts["delivered"], ledger.counts.get("dead", 0)) == (4, 0)
