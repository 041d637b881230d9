"""The inbox, filled by the e-mail channel and read as the browser reads it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from relay.channels.email.channel import Email
from relay.domain.deliveries import Notification
from relay_sandbox.standins.inbox import Inbox
from tests.support.commands import ROOT
from tests.support.patience import patience

GREETING = {
    "subject": "Läuft: Übersicht",
    "text": "Erster Satz.\n.\n",
    "html": "<html><head></head><body>Satz</body></html>",
}


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with Inbox() as inbox:
        yield inbox


@pytest.fixture
async def channel(inbox: Inbox) -> AsyncIterator[Email]:
    settings = {"host": "127.0.0.1", "port": inbox.smtp_port, "tls": "none", "from": "Operations <relay@example.com>"}
    channel = Email(Email.Settings.model_validate(settings))
    yield channel
    await channel.aclose()


@pytest.fixture
async def browser(inbox: Inbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(inbox.url) as session:
        yield session


async def test_a_mails_html_runs_no_script_and_loads_nothing(channel: Email, browser: aiohttp.ClientSession) -> None:
    at = datetime(2024, 1, 20, 11, 40, tzinfo=UTC)
    about = ("op-1", "operation.progress", at, "de")
    await channel.send(Notification("d-1", "analysts", "analyst@example.com", "each", GREETING, *about))

    async with browser.get("/mails/1.html") as response:
        page = await response.text()

    assert "<body>Satz</body>" in page
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.slow
async def test_it_is_served_with_a_slack_for_a_relay_of_ones_own() -> None:
    command = ["-m", "relay_sandbox.standins", "--port", "0", "--smtp-port", "0", "--slack-port", "0"]
    serving = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert serving.stdout
    async with asyncio.timeout(patience()):
        inbox, slack = [(await serving.stdout.readline()).decode() for _ in range(2)]
    api = slack.partition("base_url: ")[2].rstrip("})\n")
    async with aiohttp.ClientSession() as client:
        posted = await client.post(f"{api}chat.postMessage", json={"channel": "#any", "text": "Hello"},
                                   headers={"Authorization": "Bearer xoxb-any"})  # fmt: skip
        answer = await posted.json()
        shown = await (await client.get(f"{api.removesuffix('api/')}messages.json")).text()
    serving.terminate()
    await serving.communicate()

    assert answer["ok"]
    assert "Hello" in shown
    assert "tls: none" in inbox
