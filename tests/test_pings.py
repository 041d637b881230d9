"""Pings of cron jobs by real curl, as people hear of them."""

import asyncio
import shutil
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.foreign import workflow_run
from tests.support.foreign_stage import CONFIG, told
from tests.support.redis_server import RedisServer
from tests.support.sender import Sender
from tests.support.stage import SECRET, Stage, running, surroundings

NEEDS_CURL = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")


@pytest.fixture
async def here(redis_server: RedisServer) -> AsyncIterator[Stage]:
    async with surroundings(redis_server.url) as around, running(around, CONFIG) as relay:
        yield Stage(around, relay)


async def curl(here: Stage, address: str, *options: str, token: str = SECRET) -> tuple[int, str]:
    """Call as a crontab does; return the exit status, and what was printed."""
    bearer, url = f"Authorization: Bearer {token}", f"{here.url}/webhooks/{address}"
    command = ("curl", "-fsS", "-m", "10", "-H", bearer, *options, url)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


@NEEDS_CURL
async def test_a_cron_job_by_three_calls_of_curl(here: Stage, tmp_path: Path) -> None:
    output = tmp_path / "backup.log"
    output.write_text("dumping\npg_dump: error: connection refused\n")
    calls = [
        await curl(here, "cron/backup/start"),
        await curl(here, "cron/backup/log", "--data-binary", "half of it"),
        await curl(here, "cron/backup/3", "--data-binary", f"@{output}"),
        await curl(here, "cron/backup/3", "--data-binary", f"@{output}"),  # the answer was lost
        await curl(here, "cron/nightly%20load", "--head"),
    ]
    await here.around.settled()
    refused = [
        await curl(here, "cron/backup/ok", token="a-token-of-somebody-else"),
        await curl(here, "cron/backup/maybe"),
        await curl(here, "cron"),
        await curl(here, "github/backup/ok"),
    ]
    pinged, signed = (  # an address of a job is one of a source that pings, and of no other
        Sender(f"{here.url}/webhooks/{address}", secret=SECRET, scheme=scheme, clock=time.time)
        for address, scheme in (("cron", "token"), ("github/backup/ok", "github"))
    )
    nowhere = [(await sender.post(workflow_run())).status for sender in (pinged, signed)]

    assert [status for status, _ in calls] == [0] * 5
    assert [printed for _, printed in calls[:4]] == ["OK\n"] * 4
    assert [status for status, _ in refused] == [22] * 4
    assert nowhere == [404, 404]
    backup = [(reply, text) for reply, text in told(here) if "backup" in text]
    assert [reply for reply, _ in backup] == [False, True]
    assert "pg_dump: error: connection refused" in backup[1][1]
    assert next(text for _, text in told(here) if "nightly load" in text).startswith("Completed: nightly load")
    assert await here.around.store.bodies.size() == 0


@NEEDS_CURL
async def test_a_run_that_names_itself_needs_no_memory(here: Stage) -> None:
    for address in ("cron/etl/start?rid=a1", "cron/etl/start?rid=b2", "cron/etl/0?rid=a1", "cron/etl/1?rid=b2"):
        assert (await curl(here, address))[0] == 0
    await here.around.settled()

    assert sorted(text.partition(":")[0] for reply, text in told(here) if not reply) == ["Completed", "Failed"]
