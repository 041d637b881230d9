"""A Slack channel to send through, and the notifications that it gets."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.channels.slack.channel import Slack
from relay.domain.deliveries import Notification
from relay.errors import DeliveryError
from relay_sandbox.standins.slack import Message, SlackStandin

TOKEN = "xoxb-1234567890-abcdefSECRET"
POST, UPDATE = "chat.postMessage", "chat.update"

Connect = Callable[..., Slack]


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


CONTENT = {
    "text": "Failed: Order-to-Cash Q3 EMEA",
    "blocks": [section("🔴 *Failed* · Order-to-Cash Q3 EMEA"), section("SAP extractor did not answer for 300 s.")],
}


def notification(**changes: Any) -> Notification:
    settings: dict[str, Any] = {
        "delivery": "d-1",
        "destination": "process-mining",
        "address": "#process-mining",
        "kind": "each",
        "content": CONTENT,
        "subject": "op-7f3a91c2",
        "event": "operation.failed",
        "created_at": datetime(2024, 1, 20, 11, 40, tzinfo=UTC),
    }
    return Notification(**(settings | changes))


async def failing(channel: Slack, **changes: Any) -> DeliveryError:
    """The error of an attempt that has to fail."""
    with pytest.raises(DeliveryError) as caught:
        await channel.send(notification(**changes))
    return caught.value


async def posted(channel: Slack, slack: SlackStandin, **changes: Any) -> Message:
    """The message as Slack shows it after a successful attempt."""
    await channel.send(notification(**changes))
    return slack.messages("#process-mining")[-1]


def decision(error: DeliveryError) -> tuple[bool, str, bool]:
    return error.permanent, error.pause, error.outcome_unknown
