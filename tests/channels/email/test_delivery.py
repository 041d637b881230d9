"""Mails from the queue to a real mail server and back: what is tried again, who is not written to any more."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from relay.channels import CHANNELS
from relay.channels.email.channel import Email
from relay.config import parse_config
from relay.delivering.worker import Worker
from relay.domain.deliveries import Delivery
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.suppressions import Suppressions
from tests.support import events
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer
from tests.support.scripted_smtp import ScriptedSmtp
from tests.support.stage import SECRET, Stage, running, surroundings
from tests.support.targets import mail
from tests.support.workers import worker_of

TEMPLATES = Path(__file__).parents[3] / "templates"
PUBLIC = "https://relay.example.com"
Smtp = Callable[..., ScriptedSmtp]


@asynccontextmanager
async def delivering(store: Store, clock: Clock, server: ScriptedSmtp, **settings: Any) -> AsyncIterator[Worker]:
    """A worker that sends to this server as the configuration says."""
    text = f"""
sources: {{ops: {{signature: {{secrets: {{current: "{SECRET}"}}}}}}}}
retry: {{max_retries: 3, retry_delay: 60}}
channels: {{email: {{host: 127.0.0.1, port: {server.port}, tls: none, from: relay@example.com}}}}
destinations: {{analysts: {{email: analyst@example.com}}}}
rules: []
"""
    config = parse_config(text, env={}, channels=CHANNELS)
    given = (
        {"host": "127.0.0.1", "port": server.port, "tls": "none", "from": "relay@example.com"}
        | server.settings
        | settings
    )
    channel = Email(Email.Settings.model_validate(given))
    renderer = IsolatedRenderer([TEMPLATES])

    async def link(_delivery: Delivery, _language: str) -> str:
        return f"{PUBLIC}/unsubscribe/token"

    worker = worker_of(store, {"email": channel}, config, renderer, clock=clock, jitter=lambda: 0.0, unsubscribe=link)
    try:
        yield worker
    finally:
        await channel.aclose()
        await renderer.aclose()


async def test_an_address_that_does_not_exist_is_written_to_no_more(store: Store, clock: Clock, smtp: Smtp) -> None:
    async with smtp(rcpt=["550 5.1.1 no such user"]) as server, delivering(store, clock, server) as worker:
        await store.accept(events.failed(), [mail()])
        await worker.run_once("email")
        later = await store.accept(events.completed(operationId="op-2"), [mail(), mail("lead@example.com")])
        await worker.run_once("email")

    assert later.held == (("analysts", "bounced"),)
    assert [taken.rcpt_to for taken in server.taken] == ["<lead@example.com>"]
    [entry] = await Suppressions(store).all()
    assert "550 5.1.1 no such user" in entry.detail


async def test_a_refused_login_pauses_the_channel_and_costs_nobody_an_attempt(
    store: Store, clock: Clock, smtp: Smtp
) -> None:
    login = {"username": "relay", "password": "correct horse"}
    async with (
        smtp(auth=["535 5.7.8 wrong", "535 5.7.8 wrong"]) as server,
        delivering(store, clock, server, **login) as worker,
    ):
        await store.accept(events.failed(), [mail()])
        await worker.run_once("email")
        await store.accept(events.completed(operationId="op-2"), [mail("lead@example.com")])
        while_paused = await worker.run_once("email")
        paused = await Admin(store).paused(["channel:email"])
        for _ in range(4):
            clock.advance(61)
            await worker.run_once("email")

    assert while_paused == 0
    assert "535 5.7.8 wrong" in paused["channel:email"][1]
    assert sorted(taken.rcpt_to for taken in server.taken) == ["<analyst@example.com>", "<lead@example.com>"]
    assert await Suppressions(store).all() == []
    assert (await Admin(store).ledger()).counts["delivered"] == 2


@pytest.fixture
async def running_stage(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Stage]:
    """The whole relay, which the outside reaches under another name than it listens on."""
    stage_yaml = (Path(__file__).parents[2] / "data" / "stage.yaml").read_text("utf-8")
    config = tmp_path / "relay.yaml"
    config.write_text(stage_yaml.replace("port: 0,", f"port: 0, public_url: {PUBLIC}/relay,", 1))
    async with surroundings(redis_server.url) as around, running(around, config) as relay:
        yield Stage(around, relay)


@pytest.mark.slow
async def test_one_click_in_a_mail_ends_the_mails_of_that_list(running_stage: Stage) -> None:
    def completed(number: int) -> dict[str, Any]:
        document = events.body("operation.completed", 100, status="Completed", operationId=f"op-{number}")
        return document | {"tenantId": "mail"}

    await running_stage.post(completed(1))
    mails = await running_stage.around.mails(2)
    [german] = [one for one in mails if one.recipient == "german@example.com"]
    link = str(german.message["List-Unsubscribe"]).strip("<>")
    inside = re.sub(rf"^{PUBLIC}/relay", running_stage.url, link)  # as the proxy in front would lead there
    async with aiohttp.ClientSession() as client:
        async with client.get(inside) as looked:
            page = await looked.text()
        async with client.post(inside, data={"List-Unsubscribe": "One-Click"}) as clicked:
            status = clicked.status
    await running_stage.post(completed(2))
    ledger = await running_stage.around.settled()

    assert "Abbestellen?" in page
    assert status == 200
    assert [one.recipient for one in running_stage.around.inbox.mails].count("german@example.com") == 1
    assert [one.recipient for one in running_stage.around.inbox.mails].count("english@example.com") == 2
    assert (ledger.counts["held:unsubscribed"], ledger.imbalance) == (1, 0)
