"""A message whose answer was lost is found by its metadata, where Slack lets the app look."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.channels.slack.channel import Slack
from relay.channels.slack.search import MARGIN
from relay.domain.deliveries import Receipt
from relay.errors import CannotFind, DeliveryError
from relay_sandbox.standins.slack import Conversation, Fault, SlackStandin
from tests.channels.slack_channel import POST, Connect, decision, failing, notification

HISTORY, REPLIES, JOINED = "conversations.history", "conversations.replies", "users.conversations"
LOST = (Fault(status=503, applied=True, body=b""), Fault(close=True, applied=True))
SCOPES = "chat:write,channels:read,groups:read,im:read,channels:history,groups:history,im:history"
LIVE = {"kind": "live", "lane": "00:lane"}
ADDRESSES = ["#process-mining", "C0TEAM0001", "U0ANALYST1"]


def since() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


async def lost(channel: Slack, slack: SlackStandin, fault: Fault = LOST[0], **changes: Any) -> None:
    """Post a message, and lose Slack's answer."""
    slack.script(POST, fault)
    assert (await failing(channel, **changes)).outcome_unknown


async def found(channel: Slack, at: datetime | None = None, **changes: Any) -> Receipt | None:
    return await channel.find(notification(**changes), at or since())


async def refused(channel: Slack, **changes: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await found(channel, **changes)
    return caught.value


class TestFound:
    @pytest.mark.parametrize("address", ADDRESSES)
    @pytest.mark.parametrize("fault", LOST, ids=["503", "reset"])
    async def test_a_message_that_is_there_has_the_receipt_of_any_other(
        self, address: str, fault: Fault, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.scopes = SCOPES
        await lost(channel, slack, fault, address=address)

        receipt = await found(channel, address=address)

        (message,) = slack.messages(address)
        link = f"{slack.url}archives/{message.channel}/p{message.ts.replace('.', '')}"
        assert receipt == Receipt(link, {"channel": message.channel, "ts": message.ts}, "operation.failed")
        assert channel.finds(address)

    async def test_a_reply_is_found_in_its_thread_and_leaves_that_as_it_is(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        thread = (await channel.send(notification(**LIVE))).thread
        reply: dict[str, Any] = {"delivery": "d-2", "kind": "reply", "thread": thread}
        await lost(channel, slack, **reply)

        receipt = await found(channel, **reply)

        link = f"?thread_ts={thread['ts']}&cid={thread['channel']}"
        assert receipt is not None
        assert (receipt.thread, receipt.detail.endswith(link)) == (thread, True)
        assert not slack.called(HISTORY)

    async def test_a_live_message_is_found_by_its_lane_with_the_event_that_it_shows(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        await lost(channel, slack, event="operation.started", **LIVE)

        receipt = await found(channel, delivery="d-2", event="operation.progress", **LIVE)

        assert receipt is not None
        assert receipt.thread["ts"] == slack.messages("#process-mining")[0].ts
        assert receipt.shown == "operation.started"


class TestNotThere:
    async def test_of_a_message_that_never_arrived_nothing_is_found(self, channel: Slack, slack: SlackStandin) -> None:
        await channel.send(notification(delivery="d-0"))
        slack.script(POST, Fault(close=True))
        assert (await failing(channel)).outcome_unknown

        assert await found(channel) is None

    async def test_clocks_may_differ_by_a_minute(self, channel: Slack, slack: SlackStandin) -> None:
        await lost(channel, slack)
        posted = datetime.fromtimestamp(float(slack.messages("#process-mining")[0].ts), UTC)

        assert await found(channel, posted + timedelta(seconds=MARGIN - 1))
        assert await found(channel, posted + timedelta(seconds=MARGIN + 1)) is None

    async def test_what_another_app_wrote_with_the_same_ids_is_not_taken_for_it(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        await lost(channel, slack)
        slack.messages("#process-mining")[0].bot = "B0OTHERAPP"

        assert await found(channel) is None


class TestCannotFind:
    async def test_a_webhook_says_nothing(self, connect: Connect, slack: SlackStandin) -> None:
        channel = connect(webhooks={"#process-mining": slack.webhook("#process-mining")})

        assert not channel.finds("#process-mining")
        assert channel.finds("#other")

    @pytest.mark.parametrize(
        ("address", "scopes"),
        [
            ("#process-mining", "channels:read,im:history"),
            ("#process-mining", "channels:history"),
            ("C0TEAM0001", "channels:read,groups:read,im:history"),
            ("G0TEAM0001", "channels:history"),
            ("D0PERSON01", "channels:history"),
            ("U0ANALYST1", "im:history"),
            ("U0ANALYST1", "im:read"),
        ],
    )
    async def test_without_the_scopes_it_is_known_beforehand(
        self, address: str, scopes: str, channel: Slack, slack: SlackStandin
    ) -> None:
        assert channel.finds(address)  # nothing is known of the scopes yet
        slack.scopes = f"chat:write,{scopes}"

        await channel.check()

        assert not channel.finds(address)
        await channel.send(notification(address=address))
        assert isinstance(await refused(channel, address=address), CannotFind)

    async def test_a_refusal_is_remembered_until_the_scopes_change(self, channel: Slack, slack: SlackStandin) -> None:
        slack.workspace.conversations["C0HIDDEN01"] = Conversation("C0HIDDEN01", "hidden", private=True)
        slack.scopes = "chat:write,channels:read,groups:read,channels:history"
        await lost(channel, slack, address="#hidden")
        assert channel.finds("#hidden")  # it may be a public one

        error = await refused(channel, address="#hidden")

        assert isinstance(error, CannotFind)
        assert "missing_scope, needs groups:history: add the scope groups:history in Slack" in str(error)
        assert not channel.finds("#hidden")
        slack.scopes += ",groups:history"
        await channel.check()
        assert channel.finds("#hidden")
        assert await found(channel, address="#hidden")


class TestLater:
    @pytest.mark.parametrize("method", ["auth.test", JOINED, HISTORY])
    async def test_a_look_up_waits_as_long_as_slack_says(
        self, method: str, channel: Slack, slack: SlackStandin
    ) -> None:
        await channel.send(notification())
        slack.script(method, Fault(status=429, error="ratelimited", headers={"Retry-After": "30"}))

        error = await refused(channel)

        assert not isinstance(error, CannotFind)
        assert (decision(error), error.retry_after) == ((False, "limit", False), 30.0)
        assert channel.finds("#process-mining")

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(status=503, body=b""),
            Fault(status=503, error="service_unavailable"),
            Fault(close=True),
            Fault(error="internal_error"),
            Fault(error="token_revoked"),
        ],
    )
    async def test_what_passes_is_no_verdict(self, fault: Fault, channel: Slack, slack: SlackStandin) -> None:
        await lost(channel, slack)
        slack.script(HISTORY, fault)

        error = await refused(channel)

        assert (isinstance(error, CannotFind), decision(error)) == (False, (False, "channel", False))
        assert await found(channel)
