"""The e-mail channel against servers that behave, and against servers that do not."""

import asyncio
import email
import email.policy
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay.channels.email import Email
from relay.channels.email_errors import MailError
from relay.channels.email_session import Timeouts
from relay.deliveries import Notification
from relay.errors import DeliveryError
from tests.support.certificates import Certificate, make_certificate
from tests.support.scripted_smtp import FIN, GOOD, RST, SILENCE, Reply, ScriptedSmtp

PASSWORD = "correct horse"
IMPATIENT = Timeouts(command=0.5, reply=0.5, submit=5.0)

MAIL = Notification(
    delivery="d-01",
    destination="analysts",
    address="analyst@example.com",
    kind="each",
    content={"subject": "[relay] Monthly mining", "preheader": "", "text": "It failed.\n", "html": "<p>It failed.</p>"},
    subject="op-gg1e8400",
    event="operation.failed",
    created_at=datetime(2024, 1, 20, 11, 40, tzinfo=UTC),
    language="de",
)


def settings(port: int, **changes: Any) -> Any:
    good = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "Operations <relay@example.com>"}
    return Email.Settings.model_validate(good | changes)


def channel(server: ScriptedSmtp, timeouts: Timeouts | None = None, **changes: Any) -> Email:
    return Email(settings(server.port, **changes), timeouts=timeouts)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def send() -> Any:
    """Sends one mail over a channel of its own, and gives the receipt or the error."""
    opened: list[Email] = []

    async def once(server: ScriptedSmtp, notification: Notification = MAIL, **changes: Any) -> Any:
        opened.append(channel(server, changes.pop("timeouts", None), **changes))
        try:
            return await opened[-1].send(notification)
        except DeliveryError as error:
            return error

    yield once
    for one in opened:
        await one.aclose()


# --- every stage, every answer ----------------------------------------------------------------------------------------

REPLIES: dict[str, Reply] = {
    "2xx": "250 2.0.0 OK", "4xx": "451 4.3.0 later", "5xx": "550 5.7.1 no", "421": "421 4.3.2 closing",
    "garbage": "\x00\x01 HTTP/1.1 200 OK", "broken": b"250-one\r\ntwo\r\n", "64kB": b"250 " + b"x" * 65_536 + b"\r\n",
    "silence": SILENCE, "rst": RST, "fin": FIN,
}  # fmt: skip
# delivered, transient (costs an attempt), permanent, unknown, or waiting (the whole channel, without an attempt lost)
MATRIX = """
            2xx        4xx        5xx        421        garbage    broken     64kB       silence    rst        fin
connect     delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
banner      delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
ehlo        delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
starttls    delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
auth        delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
mail        delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
rcpt        delivered  transient  permanent  transient  transient  transient  transient  transient  transient  transient
data        transient  transient  permanent  transient  transient  transient  transient  transient  transient  transient
dot         delivered  transient  permanent  transient  unknown    unknown    unknown    unknown    unknown    unknown
rset        delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered
quit        delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered
"""
COLUMNS, *ROWS = [line.split() for line in MATRIX.strip().splitlines()]
CELLS = [(row[0], reply, outcome) for row in ROWS for reply, outcome in zip(COLUMNS, row[1:], strict=True)]


def outcome(result: object) -> str:
    if not isinstance(result, DeliveryError):
        return "delivered"
    flags = {"waiting": result.pause == "channel", "permanent": result.permanent, "unknown": result.outcome_unknown}
    return " and ".join(name for name, holds in flags.items() if holds) or "transient"


@pytest.mark.parametrize(("stage", "reply", "expected"), CELLS, ids=[f"{stage}-{reply}" for stage, reply, _ in CELLS])
async def test_every_answer_at_every_stage_has_its_outcome(
    stage: str, reply: str, expected: str, certificate: Certificate, send: Any
) -> None:
    answers = [GOOD[stage]] if reply == "2xx" and stage in GOOD and stage != "data" else [REPLIES[reply]]
    script: dict[str, list[Reply]] = {} if (reply, stage) in {("2xx", "connect"), ("2xx", "ehlo")} else {stage: answers}
    refuse_first = stage == "rset"
    encrypted = {"connect": "tls", "starttls": "starttls"}.get(stage, "none")
    options = {"tls": encrypted, "username": "relay", "password": PASSWORD}
    if encrypted != "none":
        options["ca_file"] = str(certificate.authority)
    server = ScriptedSmtp(
        tls=certificate.context if encrypted != "none" else None,
        implicit=encrypted == "tls",
        **script | ({"rcpt": ["550 5.1.1 no such user"]} if refuse_first else {}),
    )
    async with server:
        mails = channel(server, IMPATIENT if reply == "silence" else None, **options)
        if refuse_first:
            with pytest.raises(MailError):
                await mails.send(MAIL)

        try:
            result: object = await mails.send(MAIL)
        except DeliveryError as error:
            result = error
        await mails.aclose()

    assert outcome(result) == expected
    assert len(server.taken) == (expected == "delivered")
