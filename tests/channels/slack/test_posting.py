"""New messages, live messages and replies, posted over real connections to a Slack that runs here."""

import pytest

from relay.channels.slack.channel import Slack
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.channels.slack_channel import (
    CONTENT,
    POST,
    UPDATE,
    decision,
    failing,
    notification,
    posted,
    section,
)


class TestPosting:
    async def test_an_event_becomes_one_message_with_its_blocks(self, channel: Slack, slack: SlackStandin) -> None:
        await channel.send(notification())

        (message,) = slack.messages("#process-mining")
        assert (message.text, message.blocks) == (CONTENT["text"], CONTENT["blocks"])
        (call,) = slack.called(POST)
        switches = ("unfurl_links", "unfurl_media", "link_names", "parse")
        assert [call[switch] for switch in switches] == [False, False, False, "none"]

    async def test_metadata_holds_what_finds_the_message_and_nothing_else(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        message = await posted(channel, slack, lane="00:lane")
        live = await posted(channel, slack, lane="00:lane", kind="live")

        ids = {"operation_id": "op-7f3a91c2", "delivery_id": "d-1", "event": "operation.failed"}
        assert message.metadata == {"event_type": "relay_operation", "event_payload": ids}
        lane = live.metadata["event_payload"].pop("lane")
        assert (live.metadata, len(lane), "lane" in lane) == (message.metadata, 16, False)


class TestLiveMessage:
    async def test_a_run_is_one_message_edited_in_place_and_its_outcome_a_reply(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        thread = (await channel.send(notification(kind="live"))).thread
        for percentage in range(5, 100, 5):
            progress = {"text": f"{percentage} %", "blocks": [section(f"{percentage} %")]}
            thread = (await channel.send(notification(kind="live", content=progress, thread=thread))).thread
        await channel.send(notification(kind="reply", thread=thread))

        root, reply = slack.messages("#process-mining")
        assert (root.blocks, root.edited, len(root.revisions)) == ([section("95 %")], False, 19)
        assert reply.thread_ts == root.ts
        assert slack.violations == []

    async def test_a_deleted_message_is_posted_anew(self, channel: Slack, slack: SlackStandin) -> None:
        first = await channel.send(notification(kind="live"))
        slack.delete(slack.messages("#process-mining")[0])

        second = await channel.send(notification(kind="live", thread=first.thread))

        (message,) = slack.messages("#process-mining")
        assert second.thread == {"channel": message.channel, "ts": message.ts} != first.thread

    @pytest.mark.parametrize("code", ["cant_update_message", "edit_window_closed"])
    async def test_a_message_that_cannot_be_edited_is_posted_anew(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        first = await channel.send(notification(kind="live"))
        slack.script(UPDATE, Fault(error=code))

        second = await channel.send(notification(kind="live", thread=first.thread))

        assert second.thread["ts"] == slack.messages("#process-mining")[-1].ts != first.thread["ts"]

    @pytest.mark.parametrize(
        "fault", [Fault(close=True, applied=True), Fault(status=502), Fault(error="internal_error")]
    )
    async def test_an_edit_of_unknown_outcome_may_be_repeated(
        self, fault: Fault, channel: Slack, slack: SlackStandin
    ) -> None:
        first = await channel.send(notification(kind="live"))
        slack.script(UPDATE, fault)

        error = await failing(channel, kind="live", thread=first.thread)

        assert decision(error) == (False, "channel", False)


class TestReplies:
    async def test_a_reply_is_shown_in_the_conversation_too_if_it_is_to_be(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        root = await channel.send(notification(kind="live"))

        message = await posted(channel, slack, kind="reply", thread=root.thread, broadcast=True)

        assert (message.thread_ts, message.broadcast) == (root.thread["ts"], True)

    async def test_without_a_root_the_reply_is_a_message_of_its_own(self, channel: Slack, slack: SlackStandin) -> None:
        receipt = await channel.send(notification(kind="reply"))

        (message,) = slack.messages("#process-mining")
        assert (message.thread_ts, receipt.thread) == ("", {})

    @pytest.mark.parametrize("code", ["thread_not_found", "invalid_thread_ts", "thread_locked"])
    async def test_where_no_reply_is_possible_the_outcome_is_told_beside_the_thread(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        root = await channel.send(notification(kind="live"))
        slack.script(POST, Fault(error=code))

        message = await posted(channel, slack, kind="reply", thread=root.thread)

        assert (message.text, message.thread_ts) == (CONTENT["text"], "")
