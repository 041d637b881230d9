"""Postfix takes relay's mails: many, over few connections, in each kind of encryption."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.channels.email.channel import SIZE, Email
from relay.domain.deliveries import Notification
from tests.channels.email.postfix import Postfix, needs_postfix
from tests.support.certificates import Certificate
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, needs_postfix]

MAILS = 60
CONTENT = {"subject": "[relay] Monthly mining", "preheader": "", "text": "Done.\n" * 200, "html": "<p>Done.</p>" * 500}
MAIL = Notification(
    delivery="d", destination="analysts", address="", kind="each", content=CONTENT, subject="op-gg1e8400",
    event="operation.completed", created_at=datetime(2024, 1, 20, 11, 40, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture(scope="module")
def postfix(certificate: Certificate) -> Iterator[Postfix]:
    with Postfix(certificate) as running:
        yield running


@pytest.mark.parametrize("mode", ["none", "starttls", "tls"])
async def test_many_mails_arrive_over_few_connections(mode: str, postfix: Postfix, certificate: Certificate) -> None:
    before = (postfix.connections, postfix.encrypted, len(postfix.delivered))
    given = {"host": "127.0.0.1", "port": postfix.ports[mode], "tls": mode, "from": "relay@example.com"}
    mails = Email(Email.Settings.model_validate(given | ({"ca_file": certificate.authority} if mode != "none" else {})))
    recipients = [f"analyst-{number}@example.com" for number in range(MAILS)]

    await asyncio.gather(*(mails.send(replace(MAIL, delivery=name, address=name)) for name in recipients))
    await mails.aclose()

    await until(lambda: len(postfix.delivered) - before[2] >= MAILS)
    assert sorted(postfix.delivered[before[2] :]) == sorted(recipients)
    connections, encrypted = postfix.connections - before[0], postfix.encrypted - before[1]
    assert 1 <= connections <= SIZE
    assert encrypted == (connections if mode != "none" else 0)
