"""The richer blocks: sent where they are wanted, and given up for good where the workspace has not got them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.channels.slack.channel import Slack
from relay.channels.slack.settings import SlackSettings
from relay.domain.deliveries import Notification
from relay_sandbox.standins.slack import SlackStandin

POST, UPDATE = "chat.postMessage", "chat.update"
PLAIN = {"type": "section", "text": {"type": "mrkdwn", "text": "🔵 *Running* · Order-to-Cash"}}
PLAN = {
    "type": "plan", "title": "Phases",
    "tasks": [{"type": "task_card", "task_id": "phase-1", "title": "Discovery", "status": "in_progress"}],
}  # fmt: skip
CONTENT = {"text": "Running: Order-to-Cash", "blocks": [PLAIN], "rich": [PLAIN, PLAN]}


def notification(**changes: Any) -> Notification:
    settings: dict[str, Any] = {
        "delivery": "d-1", "destination": "team", "address": "#team", "kind": "live", "content": CONTENT,
        "subject": "op-1", "event": "operation.progress", "created_at": datetime(2024, 1, 20, tzinfo=UTC),
    }  # fmt: skip
    return Notification(**settings | changes)


def kinds(slack: SlackStandin) -> list[str]:
    """The kinds of blocks of each call, oldest first."""
    return [" ".join(block["type"] for block in call.arguments.get("blocks", [])) for call in slack.calls
            if call.method in (POST, UPDATE)]  # fmt: skip


@pytest.fixture
async def old() -> AsyncIterator[SlackStandin]:
    async with SlackStandin(rich=False) as standin:
        yield standin


@pytest.fixture
async def new() -> AsyncIterator[SlackStandin]:
    async with SlackStandin() as standin:
        yield standin


def channel(slack: SlackStandin, profile: str = "rich") -> Slack:
    return Slack(SlackSettings(token="xoxb-1-x", base_url=slack.base_url, profile=profile))


async def test_whoever_asks_gets_them_in_new_messages_and_in_edits(new: SlackStandin) -> None:
    slack = channel(new)

    receipt = await slack.send(notification())
    await slack.send(notification(thread=receipt.thread))

    assert kinds(new) == ["section plan", "section plan"]
    assert new.violations == []
    await slack.aclose()


async def test_where_the_workspace_has_not_got_them_they_are_tried_once(old: SlackStandin) -> None:
    slack = channel(old)

    with capture_logs() as logs:
        receipt = await slack.send(notification())
        await slack.send(notification(thread=receipt.thread))
        await slack.send(notification(address="#other"))

    assert kinds(old) == ["section plan", "section", "section", "section"]
    assert [message.blocks for message in old.messages("#team")] == [[PLAIN]]
    assert old.messages("#team")[0].metadata["event_payload"]["operation_id"] == "op-1"
    assert [line["event"] for line in logs] == ["blocks.classic"]
    assert old.violations == []
    await slack.aclose()
