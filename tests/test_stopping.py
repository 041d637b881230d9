"""Tests of what senders and load balancers see of a relay that stops: nothing, if they ask whether it is ready."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.interactivity.buttons import PATH
from relay_sandbox.standins.slack import Fault
from tests.chaos.load import DURABLE
from tests.support.events import body
from tests.support.front import Front, receiving
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.scripted_smtp import SILENCE, ScriptedSmtp
from tests.support.sender import Reply, read_reply
from tests.support.stage import post, surroundings

pytestmark = pytest.mark.slow

BUTTONS = Path(__file__).parent / "data" / "buttons.yaml"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"
READYZ = b"GET /readyz HTTP/1.1\r\nHost: relay\r\n\r\n"
EVENT = json.dumps(body()).encode()


def drain(front: Front) -> None:
    front.receiver.probes.stopping = True
    front.runner.leave()


@asynccontextmanager
async def connection(front: Front) -> AsyncIterator[tuple[Callable[[bytes], None], Callable[[], Awaitable[Reply]]]]:
    """One that stays: what writes to it, and what reads the next answer."""
    reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
    try:
        yield writer.write, lambda: read_reply(reader)
    finally:
        writer.transport.abort()


async def test_while_it_drains_it_is_not_ready_but_alive_and_takes_events(front: Front) -> None:
    drain(front)

    ready, alive = [await front.sender().exchange(request) for request in (READYZ, HEALTHZ)]
    taken = await front.sender().post(body())

    reasons = await front.operator("/readyz?verbose")
    assert (ready.status, ready.document) == (503, {"ready": False})
    assert (reasons.status, reasons.document) == (503, {"ready": False, "checks": {"server": "stopping"}})
    assert (alive.status, taken.status) == (200, 202)
    assert len(front.events) == 1


@pytest.mark.parametrize("sent", [1, 40, len(EVENT) // 2])
async def test_at_the_end_a_request_that_has_begun_is_read_and_answered(front: Front, sent: int) -> None:
    """A few of its bytes, a part of its headers, or half of its body are there."""
    request = front.sender().raw(EVENT)
    cut = sent if sent <= 40 else len(request) - sent
    async with connection(front) as (write, reply):
        write(HEALTHZ)
        await reply()
        write(request[:cut])
        await front.sender().exchange(HEALTHZ)  # on another connection: by its answer, those bytes are there as well

        closing = asyncio.create_task(front.runner.cleanup(3600))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(closing), 0.1)
        write(request[cut:])

        answer = await reply()
        await asyncio.wait_for(closing, patience())

    assert (answer.status, answer.headers["connection"]) == (202, "close")
    assert len(front.events) == 1


async def test_what_is_not_answered_in_time_is_cut_off() -> None:
    began = asyncio.Event()

    async def ingest(_event: Event) -> Accepted:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with receiving(ingest=ingest) as front, connection(front) as (write, reply):
        write(front.sender().raw(EVENT))
        await began.wait()

        await asyncio.wait_for(front.runner.cleanup(0.1), patience())

        assert (await reply()).status == 0


@pytest.mark.timeout(120)
async def test_a_mail_a_whisper_and_an_upload_that_hang_cost_one_grace_together(tmp_path: Path) -> None:
    grace = 3.0
    with RedisServer(**DURABLE) as server:
        async with (
            ScriptedSmtp(dot=[SILENCE]) as smtp,
            surroundings(server.url, STAGE_PLATFORM="http://127.0.0.1:1") as around,
            RunningRelay(with_mail(tmp_path, smtp.port), around.env, grace=grace) as relay,
        ):
            slack = around.slack
            slack.interact(f"{relay.url}{PATH}", "the-signing-secret-of-the-app")
            slack.outages["chat.postEphemeral"] = Fault(hang=True)
            await post(relay.url, body("operation.started", 0, status="Initiated"))
            [message] = await around.messages("#team", bool)
            await around.settled()
            assert await slack.press(message, "cancel") == 200  # who may not: relay says so to them alone
            await slack.wait_for(lambda: bool(slack.called("chat.postEphemeral")), patience())
            await post(relay.url, body("operation.failed", 50, status="Failed"))
            await smtp.heard(".")
            reader, writer = await asyncio.open_connection(*relay.url.removeprefix("http://").split(":"))
            writer.write(b"POST /webhooks/async-operations HTTP/1.1\r\nHost: relay\r\nContent-Length: 100\r\n"
                         b"X-Webhook-Signature: sha256=" + b"0" * 64 + b"\r\nExpect: 100-continue\r\n\r\n")  # fmt: skip
            await reader.readuntil(b"100 Continue\r\n\r\n")  # now the body is waited for
            begun = asyncio.get_running_loop().time()

            status = await relay.stop()

            took = asyncio.get_running_loop().time() - begun
            writer.transport.abort()

    assert status == 0
    assert relay.lines[-1]["event"] == "relay.stopped"
    assert grace <= took < 3 * grace  # one after the other it was more than four


def with_mail(folder: Path, port: int) -> Path:
    """The configuration with buttons, and mails about what failed."""
    text = BUTTONS.read_text("utf-8")
    for section, line in {
        "destinations:": f"  email: {{host: 127.0.0.1, port: {port}, tls: none, from: relay@example.com}}\n",
        "rules:": "  lead: {email: lead@example.com}\n",
    }.items():
        text = text.replace(f"{section}\n", f"{line}{section}\n")
    file = folder / "relay.yaml"
    file.write_text(text + '\n  - {name: failures, events: ["operation.failed"], notify: [lead]}\n', "utf-8")
    return file
