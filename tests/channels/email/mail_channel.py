"""A channel that mails to a scripted server, and a mail to send."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.channels.email.channel import Email
from relay.channels.email.session import Timeouts
from relay.domain.deliveries import Notification
from relay.errors import DeliveryError
from tests.support.patience import patience
from tests.support.scripted_smtp import ScriptedSmtp

PASSWORD = "correct horse"
Connect = Callable[..., Email]
Smtp = Callable[..., ScriptedSmtp]

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


def impatient(seconds: float = 1.0) -> Timeouts:
    """Of a client that gives up soon, though never before a good server on this machine has answered."""
    return Timeouts(command=patience(seconds), reply=patience(seconds), submit=patience(10 * seconds))


def settings(port: int, **changes: Any) -> Any:
    good = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "Operations <relay@example.com>"}
    return Email.Settings.model_validate(good | changes)


def channel(server: ScriptedSmtp, timeouts: Timeouts | None = None, **changes: Any) -> Email:
    return Email(settings(server.port, **server.settings | changes), timeouts=timeouts or Timeouts())


async def failing(mails: Email, notification: Notification = MAIL) -> DeliveryError:
    """The error of an attempt that has to fail."""
    with pytest.raises(DeliveryError) as caught:
        await mails.send(notification)
    return caught.value


def outcome(result: object) -> str:
    if not isinstance(result, DeliveryError):
        return "delivered"
    away = result.pause == "channel"
    flags = {"waiting": away and result.unsent, "permanent": result.permanent, "unknown": result.outcome_unknown}
    return " and ".join(name for name, holds in flags.items() if holds) or "transient"
