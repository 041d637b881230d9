"""The e-mail channel with mail servers that relay's people did not write: many mails, over few connections, in time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from relay.channels.email.channel import SIZE, Email
from relay.domain.deliveries import Notification
from tests.support.certificates import Certificate
from tests.support.ports import free_ports
from tests.support.postfix import Postfix, needs_postfix
from tests.support.waiting import until

pytestmark = pytest.mark.slow

MAILS = 60
MODES = ("none", "starttls", "tls")
CONTENT = {"subject": "[relay] Monthly mining", "preheader": "", "text": "Done.\n" * 200, "html": "<p>Done.</p>" * 500}


class MailServer(Protocol):
    ports: dict[str, int]

    @property
    def connections(self) -> int: ...
    @property
    def encrypted(self) -> int: ...
    @property
    def delivered(self) -> list[str]: ...


class Aiosmtpd:
    """The same of aiosmtpd, which runs in a thread of its own."""

    def __init__(self, certificate: Certificate) -> None:
        self.ports = dict(zip(MODES, free_ports(len(MODES)), strict=True))
        self.delivered: list[str] = []
        self._peers: dict[Any, bool] = {}  # is the connection encrypted?
        self._certificate = certificate

    @contextmanager
    def running(self) -> Iterator["Aiosmtpd"]:
        context = self._certificate.context
        how: dict[str, dict[str, Any]] = {
            "none": {}, "starttls": {"tls_context": context, "require_starttls": True}, "tls": {"ssl_context": context},
        }  # fmt: skip
        controllers = [Controller(self, "127.0.0.1", self.ports[mode], **how[mode]) for mode in MODES]
        for controller in controllers:
            controller.start()
        yield self
        for controller in controllers:
            controller.stop()

    @property
    def connections(self) -> int:
        return len(self._peers)

    @property
    def encrypted(self) -> int:
        return sum(self._peers.values())

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        transport = server.transport
        self._peers[session.peer] = transport is not None and transport.get_extra_info("sslcontext") is not None
        self.delivered += envelope.rcpt_tos
        return "250 2.0.0 OK"


@pytest.fixture(scope="module")
def postfix(certificate: Certificate) -> Iterator[Postfix]:
    with Postfix(certificate) as running:
        yield running


@pytest.fixture(scope="module")
def aiosmtpd(certificate: Certificate) -> Iterator[Aiosmtpd]:
    with Aiosmtpd(certificate).running() as running:
        yield running


@pytest.fixture(params=[pytest.param("postfix", marks=needs_postfix), "aiosmtpd"])
def server(request: pytest.FixtureRequest) -> MailServer:
    running: MailServer = request.getfixturevalue(request.param)
    return running


@pytest.mark.parametrize("mode", MODES)
async def test_many_mails_arrive_over_few_connections(mode: str, server: MailServer, certificate: Certificate) -> None:
    before = (server.connections, server.encrypted, len(server.delivered))
    given = {"host": "127.0.0.1", "port": server.ports[mode], "tls": mode, "from": "relay@example.com"}
    mails = Email(Email.Settings.model_validate(given | ({"ca_file": certificate.authority} if mode != "none" else {})))
    recipients = [f"analyst-{number}@example.com" for number in range(MAILS)]
    mail = Notification(
        delivery="d", destination="analysts", address="", kind="each", content=CONTENT, subject="op-gg1e8400",
        event="operation.completed", created_at=datetime(2024, 1, 20, 11, 40, tzinfo=UTC),
    )  # fmt: skip

    await asyncio.gather(*(mails.send(replace(mail, delivery=name, address=name)) for name in recipients))
    await mails.aclose()

    await until(lambda: len(server.delivered) - before[2] >= MAILS)
    assert sorted(server.delivered[before[2] :]) == sorted(recipients)
    connections, encrypted = server.connections - before[0], server.encrypted - before[1]
    assert 1 <= connections <= SIZE
    assert encrypted == (connections if mode != "none" else 0)
