"""The Slack channel against a Slack that runs here, over real connections."""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from relay.channels.slack.channel import Slack
from relay.channels.slack.settings import SlackSettings
from relay.dev.standins.slack import Fault, Group, Message, SlackStandin, User
from relay.domain.deliveries import Notification
from relay.domain.mrkdwn import truncate_mrkdwn
from relay.errors import DeliveryError
from tests.support.clock import Clock

TOKEN = "xoxb-1234567890-abcdefSECRET"
POST, UPDATE = "chat.postMessage", "chat.update"

Connect = Callable[..., Slack]


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandin]:
    async with SlackStandin(token=TOKEN) as standin:
        yield standin


@pytest.fixture
async def connect(slack: SlackStandin, clock: Clock) -> AsyncIterator[Connect]:
    """Makes channels to the stand-in, or to wherever `base_url` says, and closes them."""
    made: list[Slack] = []

    def one(*, deadline: float = 10.0, **settings: Any) -> Slack:
        made.append(
            Slack(
                SlackSettings(**{"token": TOKEN, "base_url": slack.base_url} | settings), clock=clock, deadline=deadline
            )
        )
        return made[-1]

    yield one
    for channel in made:
        await channel.aclose()


@pytest.fixture
def channel(connect: Connect) -> Slack:
    return connect()


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


class TestSettings:
    @pytest.mark.parametrize(
        "token",
        ["", " ", "xoxb-", "xoxb-...", "${SLACK_BOT_TOKEN}", "changeme", "xoxb-your-token-here", "xoxb-***",
         "xoxb-tökén", "xoxb-1\r\nX: y", "<token>", "xoxb-xxxx"],
    )  # fmt: skip
    def test_a_token_that_is_none_is_refused_with_a_hint_where_to_find_one(self, token: str) -> None:
        with pytest.raises(ValidationError, match="bot token, xoxb-…, found under OAuth & Permissions"):
            SlackSettings(token=token)

    @pytest.mark.parametrize(
        ("token", "hint"),
        [
            ("https://hooks.slack.com/services/T/B/x", "incoming webhook"),
            ("xapp-1-A", "app-level"),
            ("xoxp-1-2", "not a user token"),
            ("xoxe.xoxb-1-x", "token rotation"),
            ("xoxe-1-x", "token rotation"),
            ("xoxc-1-2", "browser"),
            ("xoxd-1-2", "browser"),
            ("Bearer xoxb-1-2", "without the word Bearer"),
        ],
    )
    def test_another_secret_of_slack_is_recognised(self, token: str, hint: str) -> None:
        with pytest.raises(ValidationError, match=f"expected the app.s bot token, xoxb-….*{hint}") as caught:
            SlackSettings(token=token)

        assert token not in str(caught.value)

    @pytest.mark.parametrize("token", ["xoxb-1-2-abc", "xoxb-test", "test-token"])
    def test_any_other_token_may_be_one(self, token: str) -> None:
        assert SlackSettings(token=token).token.get_secret_value() == token

    def test_the_address_is_slacks_and_ends_in_a_slash(self) -> None:
        assert SlackSettings(token=TOKEN).base_url == "https://slack.com/api/"
        assert SlackSettings(token=TOKEN, base_url="http://127.0.0.1:9/api").base_url == "http://127.0.0.1:9/api/"

    @pytest.mark.parametrize("address", ["", "slack.com", "ftp://slack.com/", "https://", "https://slack.com:port/"])
    def test_an_address_that_is_none_is_refused(self, address: str) -> None:
        with pytest.raises(ValidationError, match=r"expected an http\(s\) address"):
            SlackSettings(token=TOKEN, base_url=address)

    def test_a_proxy_that_is_none_is_refused_without_repeating_it(self) -> None:
        with pytest.raises(ValidationError, match="expected the proxy's address") as caught:
            SlackSettings(token=TOKEN, proxy="user:hidden@proxy")

        assert "hidden" not in str(caught.value)

    def test_an_unknown_key_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="forbidden"):
            SlackSettings.model_validate({"token": TOKEN, "tokn": "x"})

    def test_settings_do_not_show_the_token(self) -> None:
        assert TOKEN not in repr(SlackSettings(token=TOKEN))


class TestAddresses:
    @pytest.mark.parametrize(
        "written", ["#process-mining", "#überwachung_2", "C0123ABCD", "G0123", "D0123", "U0123ABC"]
    )
    def test_a_conversation_is_a_name_or_an_id(self, written: str) -> None:
        assert Slack.addresses(written) == [written]

    @pytest.mark.parametrize(
        "written", [None, "", "#", 5, ["#a", "#b"], "@someone", "#two words", "https://slack.com/x"]
    )
    def test_anything_else_is_refused_with_what_was_expected(self, written: object) -> None:
        with pytest.raises(ValueError, match='"#operations" or its id such as "C0123ABCD"'):
            Slack.addresses(written)

    @pytest.mark.parametrize("written", ["process-mining", "#Process-Mining", "Process-Mining"])
    def test_a_misspelt_name_is_answered_with_the_likely_one(self, written: str) -> None:
        with pytest.raises(ValueError, match='did you mean "#process-mining"'):
            Slack.addresses(written)


class TestLimits:
    def test_a_new_message_is_limited_in_its_conversation_and_an_edit_in_the_workspace(self) -> None:
        new, edit = Slack.limits("#a")

        assert [limit.name for limit in (*new, *edit)] == ["slack:post:#a", "slack:edit"]
        assert new[0].period == 1.0

    @pytest.mark.parametrize("allowed", [4, 10, 40, 300])
    def test_no_minute_sees_more_edits_than_are_allowed(self, allowed: int) -> None:
        _, (edit,) = Slack.limits("#a", SlackSettings(token=TOKEN, edits_per_minute=allowed))

        assert edit.burst + 60 / edit.period <= allowed
        assert 0 <= edit.reserve < edit.burst

    def test_forty_edits_a_minute_are_the_default(self) -> None:
        assert Slack.limits("#a") == Slack.limits("#a", SlackSettings(token=TOKEN, edits_per_minute=40))


class TestPosting:
    async def test_an_event_becomes_one_message_with_its_blocks(self, channel: Slack, slack: SlackStandin) -> None:
        await channel.send(notification())

        (message,) = slack.messages("#process-mining")
        assert (message.text, message.blocks) == (CONTENT["text"], CONTENT["blocks"])

    async def test_links_are_not_unfurled_and_names_stay_names(self, channel: Slack, slack: SlackStandin) -> None:
        await channel.send(notification())

        (call,) = slack.called(POST)
        switches = ("unfurl_links", "unfurl_media", "link_names", "parse")
        assert [call[switch] for switch in switches] == [False, False, False, "none"]

    async def test_metadata_holds_ids_and_nothing_else(self, channel: Slack, slack: SlackStandin) -> None:
        message = await posted(channel, slack)

        ids = {"operation_id": "op-7f3a91c2", "delivery_id": "d-1"}
        assert message.metadata == {"event_type": "relay_operation", "event_payload": ids}

    async def test_the_receipt_names_the_message_and_where_to_look(self, channel: Slack, slack: SlackStandin) -> None:
        receipt = await channel.send(notification())

        (message,) = slack.messages("#process-mining")
        assert receipt.thread == {"channel": message.channel, "ts": message.ts}
        assert receipt.detail == f"{slack.url}archives/{message.channel}/p{message.ts.replace('.', '')}"

    async def test_the_permalink_leads_to_the_message(self, channel: Slack, slack: SlackStandin) -> None:
        receipt = await channel.send(notification())

        async with aiohttp.ClientSession() as session, session.get(receipt.detail) as page:
            assert (page.status, page.content_type) == (200, "text/html")

    async def test_the_workspace_is_asked_for_its_address_once(self, channel: Slack, slack: SlackStandin) -> None:
        await channel.send(notification())
        await channel.send(notification())

        assert len(slack.called("auth.test")) == 1

    async def test_without_the_workspaces_address_the_receipt_still_names_the_message(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.script("auth.test", Fault(error="fatal_error"))

        receipt = await channel.send(notification())

        assert receipt.detail == "/".join(receipt.thread.values())

    async def test_a_message_without_blocks_is_sent_as_its_text(self, channel: Slack, slack: SlackStandin) -> None:
        message = await posted(channel, slack, content={"text": "Completed: Enrichment"})

        assert (message.text, message.blocks) == ("Completed: Enrichment", [])

    async def test_a_message_that_says_nothing_names_its_event(self, channel: Slack, slack: SlackStandin) -> None:
        message = await posted(channel, slack, content={}, subject="<!channel>")

        assert message.text == "operation.failed: &lt;!channel&gt;"

    async def test_many_at_a_time_are_all_delivered(self, channel: Slack, slack: SlackStandin) -> None:
        await asyncio.gather(*(channel.send(notification(delivery=f"d-{number}")) for number in range(50)))

        delivered = {message.metadata["event_payload"]["delivery_id"] for message in slack.messages("#process-mining")}
        assert len(delivered) == 50


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

    async def test_an_edit_carries_blocks_the_conversations_id_and_no_parsing(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        first = await channel.send(notification(kind="live"))
        await channel.send(notification(kind="live", thread=first.thread))

        (edit,) = slack.called(UPDATE)
        assert edit == {**first.thread, "parse": "none", "link_names": False, **CONTENT}

    async def test_an_edit_leaves_thread_and_permalink_as_they_are(self, channel: Slack) -> None:
        first = await channel.send(notification(kind="live"))
        second = await channel.send(notification(kind="live", thread=first.thread))

        assert second == first

    async def test_a_deleted_message_is_posted_anew(self, channel: Slack, slack: SlackStandin) -> None:
        first = await channel.send(notification(kind="live"))
        slack.delete(slack.messages("#process-mining")[0])

        second = await channel.send(notification(kind="live", thread=first.thread))

        (message,) = slack.messages("#process-mining")
        assert second.thread == {"channel": message.channel, "ts": message.ts} != first.thread

    @pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
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

        assert decision(error) == (False, "", False)


class TestReplies:
    async def test_a_reply_leaves_the_thread_to_the_root(self, channel: Slack, slack: SlackStandin) -> None:
        root = await channel.send(notification(kind="live"))

        receipt = await channel.send(notification(kind="reply", thread=root.thread))

        assert receipt.thread == root.thread
        assert receipt.detail.endswith(f"?thread_ts={root.thread['ts']}&cid={root.thread['channel']}")

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

    @pytest.mark.parametrize(
        "code",
        ["thread_not_found", "message_not_found", "invalid_thread_ts", "cannot_reply_to_message", "thread_locked",
         "restricted_action_thread_locked", "restricted_action_non_threadable_channel"],
    )  # fmt: skip
    async def test_where_no_reply_is_possible_the_outcome_is_told_beside_the_thread(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        root = await channel.send(notification(kind="live"))
        slack.script(POST, Fault(error=code))

        message = await posted(channel, slack, kind="reply", thread=root.thread)

        assert (message.text, message.thread_ts) == (CONTENT["text"], "")


class TestMentions:
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("@analyst", "<@U0ANALYST1>"),
            ("analyst", "<@U0ANALYST1>"),
            ("@Analyst", "<@U0ANALYST1>"),
            ("analyst@example.com", "<@U0ANALYST1>"),
            ("ANALYST@example.com", "<@U0ANALYST1>"),
            ("@data-team", "<!subteam^S0DATATEAM>"),
            ("U0123ABCD", "<@U0123ABCD>"),
            ("W0123ABCD", "<@W0123ABCD>"),
            ("S0123ABCD", "<!subteam^S0123ABCD>"),
            ("@here", "<!here>"),
            ("@channel", "<!channel>"),
        ],
    )
    async def test_who_is_written_is_called(self, written: str, read: str, channel: Slack, slack: SlackStandin) -> None:
        message = await posted(channel, slack, mentions=(written,))

        assert message.text == f"{read} {CONTENT['text']}"
        assert message.blocks[0]["text"]["text"] == f"{read} 🔴 *Failed* · Order-to-Cash Q3 EMEA"
        assert message.blocks[1:] == CONTENT["blocks"][1:]

    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            ("@nobody", "@nobody"),
            ("nobody@example.com", "nobody@example.com"),
            ("@former", "@former"),
            ("<!channel>", "&lt;!channel&gt;"),
            ("<!subteam^S0123ABCD>", "&lt;!subteam^S0123ABCD&gt;"),
            ("@everyone", "@everyone"),
            ("SUPPORT", "SUPPORT"),
        ],
    )
    async def test_who_is_not_found_is_named_and_not_called(
        self, written: str, shown: str, channel: Slack, slack: SlackStandin
    ) -> None:
        message = await posted(channel, slack, mentions=(written,))

        assert message.text == f"{shown} {CONTENT['text']}"

    async def test_several_are_called_in_order_and_each_once(self, channel: Slack, slack: SlackStandin) -> None:
        message = await posted(channel, slack, mentions=("@data-team", "@analyst", "analyst@example.com"))

        assert message.text.startswith("<!subteam^S0DATATEAM> <@U0ANALYST1> Failed")

    async def test_an_edit_calls_nobody(self, channel: Slack, slack: SlackStandin) -> None:
        first = await channel.send(notification(kind="live", mentions=("@analyst",)))

        await channel.send(notification(kind="live", mentions=("@analyst",), thread=first.thread))

        (message,) = slack.messages("#process-mining")
        assert "<@" not in message.text + message.blocks[0]["text"]["text"]

    async def test_a_reply_calls(self, channel: Slack, slack: SlackStandin) -> None:
        first = await channel.send(notification(kind="live"))

        message = await posted(channel, slack, kind="reply", mentions=("@analyst",), thread=first.thread)

        assert message.blocks[0]["text"]["text"].startswith("<@U0ANALYST1> ")

    async def test_a_root_posted_anew_calls(self, channel: Slack, slack: SlackStandin) -> None:
        gone = {"channel": "C0123ABCD", "ts": "1.000001"}

        slack.script(UPDATE, Fault(error="message_not_found"))
        message = await posted(channel, slack, kind="live", mentions=("@analyst",), thread=gone)

        assert message.text.startswith("<@U0ANALYST1> ")

    async def test_blocks_without_a_text_to_hold_them_get_one(self, channel: Slack, slack: SlackStandin) -> None:
        header = {"type": "header", "text": {"type": "plain_text", "text": "Failed"}}

        message = await posted(channel, slack, mentions=("@here",), content={"text": "Failed", "blocks": [header]})

        assert message.blocks == [{"type": "section", "text": {"type": "mrkdwn", "text": "<!here>"}}, header]

    async def test_the_longest_text_stays_within_its_limit(self, channel: Slack, slack: SlackStandin) -> None:
        content = {"text": "Failed", "blocks": [section("x" * 3_000)]}

        message = await posted(channel, slack, mentions=("@here",), content=content)

        assert (len(message.blocks[0]["text"]["text"]), slack.violations) == (3_000, [])

    async def test_an_ambiguous_display_name_calls_nobody(self, clock: Clock, connect: Connect) -> None:
        twins = (User("U0000001", "sam"), User("U0000002", "SAM"))
        async with SlackStandin(users=twins) as slack:
            message = await posted(connect(base_url=slack.base_url), slack, mentions=("@sam",))

        assert message.text.startswith("@sam ")

    async def test_a_group_goes_before_a_person_of_the_same_name(self, connect: Connect) -> None:
        async with SlackStandin(users=[User("U0000001", "ops")], groups=[Group("S0000001", "ops")]) as slack:
            message = await posted(connect(base_url=slack.base_url), slack, mentions=("@ops",))

        assert message.text.startswith("<!subteam^S0000001> ")

    async def test_a_person_on_the_second_page_is_found(self, connect: Connect) -> None:
        async with SlackStandin(users=[User(f"U{number:07}", f"person-{number}") for number in range(1_500)]) as slack:
            message = await posted(connect(base_url=slack.base_url), slack, mentions=("@person-1400",))

        assert message.text.startswith("<@U0001400> ")

    async def test_names_are_looked_up_once_an_hour(self, channel: Slack, slack: SlackStandin, clock: Clock) -> None:
        for seconds in (0, 3_599, 2):
            clock.advance(seconds)
            await channel.send(notification(mentions=("@analyst", "@data-team")))

        assert (len(slack.called("users.list")), len(slack.called("usergroups.list"))) == (2, 2)

    async def test_an_address_nobody_has_is_looked_up_once_a_day(
        self, channel: Slack, slack: SlackStandin, clock: Clock
    ) -> None:
        for seconds in (0, 86_399, 2):
            clock.advance(seconds)
            await channel.send(notification(mentions=("nobody@example.com",)))

        assert len(slack.called("users.lookupByEmail")) == 2

    async def test_a_lookup_that_failed_is_repeated_after_five_minutes(
        self, channel: Slack, slack: SlackStandin, clock: Clock
    ) -> None:
        slack.script("users.lookupByEmail", Fault(error="missing_scope", extra={"needed": "users:read.email"}))

        texts = []
        for seconds in (0, 299, 2):
            clock.advance(seconds)
            texts.append((await posted(channel, slack, mentions=("analyst@example.com",))).text.split()[0])

        assert texts == ["analyst@example.com", "analyst@example.com", "<@U0ANALYST1>"]

    async def test_what_was_known_stays_known_while_slack_does_not_answer(
        self, channel: Slack, slack: SlackStandin, clock: Clock
    ) -> None:
        await channel.send(notification(mentions=("@analyst",)))
        slack.outages |= {"users.list": Fault(status=429), "usergroups.list": Fault(status=500)}
        clock.advance(7_200)

        message = await posted(channel, slack, mentions=("@analyst",))

        assert message.text.startswith("<@U0ANALYST1> ")

    @pytest.mark.parametrize(
        "body", [b"[]", b'{"ok": true}', b'{"ok": true, "members": [1, {"id": 5}], "usergroups": {}}']
    )
    async def test_an_odd_answer_to_a_lookup_costs_no_message(
        self, body: bytes, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages |= {"users.list": Fault(body=body), "usergroups.list": Fault(body=body)}

        message = await posted(channel, slack, mentions=("@analyst",))

        assert message.text.startswith("@analyst ")

    async def test_a_lookup_that_hangs_delays_no_message_for_long(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages["users.lookupByEmail"] = Fault(hang=True)
        channel = connect(deadline=2.0)

        async with asyncio.timeout(1.5):
            message = await posted(channel, slack, mentions=("analyst@example.com",))

        assert message.text.startswith("analyst@example.com ")


class TestRefusedMessages:
    async def test_without_its_blocks_the_message_keeps_its_words(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="invalid_blocks"))

        message = await posted(channel, slack, mentions=("@here",))

        words = "🔴 *Failed* · Order-to-Cash Q3 EMEA\nSAP extractor did not answer for 300 s."
        assert (message.text, message.blocks, message.metadata) == (f"<!here> {words}", [], {})

    async def test_in_the_end_one_plain_line_is_left(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="msg_blocks_too_long"), Fault(error="msg_too_long"))

        message = await posted(channel, slack, content={**CONTENT, "text": "Failed:\n\tOrder-to-Cash\x07 Q3"})

        assert (message.text, message.blocks) == ("Failed: Order-to-Cash Q3", [])

    async def test_a_message_refused_in_every_form_is_given_up_with_the_reason(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        detail = {"response_metadata": {"messages": ["[ERROR] must be less than 3001 characters [/blocks/0/text]"]}}
        slack.outages[POST] = Fault(error="invalid_blocks", extra=detail)

        error = await failing(channel)

        assert decision(error) == (True, "", False)
        assert "invalid_blocks, [ERROR] must be less than 3001 characters [/blocks/0/text]" in str(error)
        assert len(slack.called(POST)) == 3

    async def test_an_edit_is_reduced_too(self, channel: Slack, slack: SlackStandin) -> None:
        first = await channel.send(notification(kind="live"))
        slack.script(UPDATE, Fault(error="block_mismatch"))

        await channel.send(notification(kind="live", thread=first.thread))

        (message,) = slack.messages("#process-mining")
        assert (message.blocks, message.ts) == ([], first.thread["ts"])

    async def test_only_a_refusal_of_the_message_reduces_it(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="invalid_blocks"), Fault(close=True, applied=True))

        error = await failing(channel)

        assert (error.outcome_unknown, len(slack.called(POST))) == (True, 2)

    async def test_a_message_over_the_budget_is_cut_before_it_is_sent(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        footer = {"type": "context", "elements": [{"type": "mrkdwn", "text": "op-7f3a91c2"}]}
        blocks = [*(section(f"{number} {'x' * 2_990}") for number in range(4)), footer]

        message = await posted(channel, slack, content={"text": "Failed", "blocks": blocks})

        assert slack.violations == []
        assert [block["type"] for block in message.blocks] == ["section", "section", "section", "context"]

    async def test_attachments_count_in_the_budget(self, channel: Slack, slack: SlackStandin) -> None:
        bars = [{"color": "#1A7F37", "blocks": [section("x" * 3_000) for _ in range(4)]}]

        message = await posted(channel, slack, content={"text": "Completed", "attachments": bars})

        assert (slack.violations, message.attachments[0]["color"]) == ([], "#1A7F37")


class TestClip:
    @pytest.mark.parametrize(
        ("text", "limit", "kept"),
        [
            ("short", 5, "short"),
            ("too long", 5, "too…"),
            ("a &amp; b", 5, "a…"),
            ("a &amp; b", 8, "a &amp;…"),
            ("see <https://example.com|this> now", 20, "see…"),
            ("<@U1> and <@U2>", 13, "<@U1> and…"),
            ("😀😀😀", 4, "😀…"),
            ("", 0, ""),
        ],
    )
    def test_nothing_is_torn_apart(self, text: str, limit: int, kept: str) -> None:
        assert truncate_mrkdwn(text, limit) == kept


WORKSPACE = """invalid_auth not_authed account_inactive token_revoked token_expired missing_scope not_allowed_token_type
    org_login_required ekm_access_denied team_access_not_granted accesslimited two_factor_setup_required
    enterprise_is_restricted app_access_restricted message_limit_exceeded team_not_found method_deprecated
    deprecated_endpoint unknown_method"""
CONVERSATION = """channel_not_found not_in_channel is_archived is_inactive no_permission access_denied restricted_action
    restricted_action_read_only_channel restricted_action_thread_only_channel restricted_action_non_threadable_channel
    restricted_action_thread_locked external_channel_migrating messages_tab_disabled cannot_dm_bot user_not_found
    user_not_visible user_disabled"""
MESSAGE = """msg_too_long msg_blocks_too_long invalid_blocks invalid_blocks_format invalid_attachments no_text
    attachment_payload_limit_exceeded too_many_attachments too_many_contact_cards invalid_arguments invalid_arg_name
    invalid_array_arg invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_json json_not_object
    metadata_too_large invalid_metadata_format invalid_metadata_schema metadata_must_be_sent_from_app block_mismatch
    markdown_text_conflict slack_connect_file_link_sharing_blocked slack_connect_canvas_sharing_blocked
    slack_connect_lists_sharing_blocked"""
UNSENT = """request_timeout service_unavailable team_added_to_org update_failed streaming_state_conflict
    some_code_nobody_knows"""


class TestClassification:
    @pytest.mark.parametrize("code", WORKSPACE.split())
    async def test_what_is_wrong_with_the_token_pauses_all_of_slack(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert decision(error) == (False, "channel", False)
        assert f"chat.postMessage to #process-mining with {code}: " in str(error)

    @pytest.mark.parametrize("code", CONVERSATION.split())
    async def test_what_is_wrong_with_a_conversation_pauses_the_destination(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert decision(error) == (False, "destination", False)
        assert f"chat.postMessage to #process-mining with {code}: " in str(error)

    @pytest.mark.parametrize("code", MESSAGE.split())
    async def test_what_is_wrong_with_the_message_is_permanent(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert decision(error) == (True, "", False)

    @pytest.mark.parametrize("code", UNSENT.split())
    async def test_what_was_not_sent_may_be_sent_again(self, code: str, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert decision(error) == (False, "", False)

    @pytest.mark.parametrize("code", ["fatal_error", "internal_error"])
    async def test_what_may_have_been_sent_is_of_unknown_outcome(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code, status=500)

        error = await failing(channel)

        assert decision(error) == (False, "", True)

    @pytest.mark.parametrize(
        ("fault", "seconds"),
        [
            (Fault(error="ratelimited", status=429, headers={"Retry-After": "7"}), 7),
            (Fault(error="rate_limited", status=429, headers={"Retry-After": "3600"}), 3600),
            (Fault(status=429, body=b"", headers={"Retry-After": "0"}), 1),
            (Fault(status=429, body=b"slow down"), 30),
            (Fault(error="ratelimited", headers={"Retry-After": "12"}), 12),
            (Fault(error="ratelimited"), 30),
            (Fault(error="rate_limited"), 30),
            (Fault(error="invalid_auth", status=429), 30),
        ],
    )
    async def test_a_throttle_is_waited_out_without_losing_an_attempt(
        self, fault: Fault, seconds: float, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = fault

        error = await failing(channel)

        assert (decision(error), error.retry_after) == ((False, "limit", False), seconds)

    @pytest.mark.parametrize("said", ["soon", "-5", "nan", "inf", "1e999", "Wed, 21 Oct 2026 07:28:00 GMT"])
    async def test_a_throttle_with_an_odd_time_is_waited_out_too(
        self, said: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error="ratelimited", headers={"Retry-After": said})

        error = await failing(channel)

        assert error.retry_after is not None
        assert 1 <= error.retry_after <= 30

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(status=500, body=b"<html>oops</html>", headers={"Content-Type": "text/html"}),
            Fault(status=502, body=b""),
            Fault(status=503, body=b"busy", headers={"Content-Type": "text/plain"}),
            Fault(status=504),
            Fault(status=500, error="some_code_nobody_knows"),
            Fault(body=b""),
            Fault(body=b"<html></html>", headers={"Content-Type": "text/html"}),
            Fault(body=b"ok", headers={"Content-Type": "text/plain"}),
            Fault(body=b'{"ok": tr', headers={"Content-Type": "application/json"}),
            Fault(body=b"[1]", headers={"Content-Type": "application/json"}),
            Fault(body=b"null", headers={"Content-Type": "application/json"}),
            Fault(body=b"{}", headers={"Content-Type": "application/json"}),
            Fault(body=b"\xff\xfe\x00", headers={"Content-Type": "application/json"}),
            Fault(body=b"[" * 100_000, headers={"Content-Type": "application/json"}),
            Fault(body=b'{"ok": true}'.ljust(5 * 1024**2)),
            Fault(body=b"x", headers={"Content-Type": "application/gzip"}),
            Fault(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
            Fault(headers={"X-Long": "x" * 100_000}),
        ],
    )
    async def test_an_answer_that_cannot_be_read_is_of_unknown_outcome(
        self, fault: Fault, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = fault

        error = await failing(channel)

        assert decision(error) == (False, "", True)
        assert len(slack.called(POST)) == 1

    @pytest.mark.parametrize("status", [302, 307, 308, 400, 401, 403, 404, 407])
    async def test_a_refusal_in_http_alone_was_not_sent(self, status: int, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(status=status, body=b"", headers={"Location": f"{slack.base_url}elsewhere"})

        error = await failing(channel)

        assert decision(error) == (False, "", False)
        assert f"HTTP {status}: that is not Slack's own way of refusing; check channels.slack.base_url" in str(error)
        assert slack.called("elsewhere") == []

    async def test_a_message_too_large_for_a_proxy_is_reduced(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(status=413, body=b""))

        message = await posted(channel, slack)

        assert message.blocks == []

    async def test_a_known_refusal_counts_more_than_its_status(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(status=503, error="service_unavailable", headers={"Retry-After": "9"})

        error = await failing(channel)

        assert (decision(error), error.retry_after) == ((False, "", False), 9)

    async def test_a_missing_scope_is_named(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(error="missing_scope", extra={"needed": "chat:write", "provided": "users:read"})

        error = await failing(channel)

        assert "missing_scope, needs chat:write: add the scope to the Slack app and install it again" in str(error)


class TestConnections:
    async def test_a_message_taken_before_the_connection_broke_is_not_sent_again(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(close=True, applied=True)

        error = await failing(channel)

        assert decision(error) == (False, "", True)
        assert (len(slack.called(POST)), len(slack.messages("#process-mining"))) == (1, 1)

    async def test_a_connection_that_broke_before_the_message_was_taken_looks_no_different(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(close=True)

        error = await failing(channel)

        assert (error.outcome_unknown, len(slack.called(POST))) == (True, 1)

    async def test_an_answer_that_never_comes_is_not_waited_for(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(hang=True)

        error = await failing(connect(deadline=0.4))

        assert decision(error) == (False, "", True)
        assert str(error) == "Slack did not answer chat.postMessage to #process-mining: no answer in time"

    async def test_all_steps_of_an_attempt_share_its_deadline(self, connect: Connect, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="invalid_blocks"), Fault(hang=True))
        started = asyncio.get_running_loop().time()

        await failing(connect(deadline=1.0))

        assert asyncio.get_running_loop().time() - started < 1.9

    async def test_a_refused_connection_sent_nothing(self, connect: Connect, slack: SlackStandin) -> None:
        error = await failing(connect(base_url="http://127.0.0.1:1/api/"))

        assert decision(error) == (False, "", False)
        assert "Cannot connect to host 127.0.0.1:1" in str(error)

    async def test_a_failed_handshake_sent_nothing(self, connect: Connect, slack: SlackStandin) -> None:
        error = await failing(connect(base_url=slack.base_url.replace("http:", "https:")))

        assert (decision(error), slack.called(POST)) == ((False, "", False), [])

    async def test_a_handshake_that_never_ends_sent_nothing(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]

            error = await failing(connect(base_url=f"https://127.0.0.1:{port}/api/", deadline=0.6))

        assert decision(error) == (False, "", False)
        assert "no connection in time" in str(error)

    async def test_a_proxy_is_used_if_the_settings_name_one(self, connect: Connect, slack: SlackStandin) -> None:
        channel = connect(base_url="http://slack.invalid/api/", proxy=slack.url)

        await channel.send(notification())

        assert len(slack.messages("#process-mining")) == 1

    async def test_the_environment_names_no_proxy(
        self, connect: Connect, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

        await connect().send(notification())

        assert len(slack.messages("#process-mining")) == 1

    async def test_a_failed_proxy_is_not_named_with_its_password(self, connect: Connect, slack: SlackStandin) -> None:
        proxy = slack.url.replace("http://", "http://user:hidden@")

        error = await failing(connect(base_url="https://slack.invalid/api/", proxy=proxy))

        assert (decision(error), "hidden" in everything(error)) == ((False, "", False), False)


def everything(error: BaseException) -> str:
    """All that a log or a traceback could show of an error."""
    return "".join(traceback.format_exception(error))


class TestSecrets:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault(error="invalid_auth"),
            Fault(error=TOKEN),
            Fault(error="invalid_blocks", extra={"response_metadata": {"messages": [f"[ERROR] {TOKEN}"]}}),
            Fault(error="missing_scope", extra={"needed": TOKEN}),
            Fault(body=TOKEN.encode()),
            Fault(status=500, body=TOKEN.encode(), headers={"Content-Type": "text/plain"}),
            Fault(status=302, body=b"", headers={"Location": f"http://127.0.0.1/?token={TOKEN}"}),
            Fault(close=True),
            Fault(hang=True),
        ],
    )
    async def test_no_error_shows_the_token(self, fault: Fault, connect: Connect, slack: SlackStandin) -> None:
        slack.outages[POST] = fault

        error = await failing(connect(deadline=0.5))

        assert TOKEN not in everything(error)

    async def test_no_error_shows_the_message(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(status=500)

        error = await failing(channel)

        assert "SAP extractor" not in everything(error)

    async def test_what_is_no_code_of_slacks_is_not_repeated(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(error="<!channel>\nforged line")

        error = await failing(channel)

        assert "forged" not in str(error)


class TestCheck:
    async def test_says_who_we_are(self, channel: Slack) -> None:
        assert await channel.check() == "relay in Example"

    async def test_says_what_will_not_work(self, channel: Slack, slack: SlackStandin) -> None:
        slack.scopes = "chat:write,users:read,usergroups:read"

        assert await channel.check() == (
            "relay in Example; without the scope users:read.email people are not called by e-mail address, and one"
            " under actions lets nobody press a button"
        )

    async def test_says_that_without_the_groups_nobody_of_a_group_may_press(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.scopes = "chat:write,users:read,users:read.email"

        assert await channel.check() == (
            "relay in Example; without the scope usergroups:read groups are not called, and where actions names one,"
            " nobody may press a button"
        )

    async def test_a_slack_that_tells_no_scopes_is_believed(self, channel: Slack, slack: SlackStandin) -> None:
        slack.scopes = ""

        assert await channel.check() == "relay in Example"

    async def test_an_app_that_may_not_post_is_refused(self, channel: Slack, slack: SlackStandin) -> None:
        slack.scopes = "users:read"

        with pytest.raises(DeliveryError, match="add the scope chat:write"):
            await channel.check()

    async def test_a_wrong_token_is_refused(self, connect: Connect) -> None:
        with pytest.raises(DeliveryError, match=r"invalid_auth: check channels\.slack\.token") as caught:
            await connect(token="xoxb-of-another-workspace").check()

        assert caught.value.pause == "channel"


class TestClosing:
    async def test_closing_ends_lookups_that_still_run(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages["users.lookupByEmail"] = Fault(hang=True)
        channel = connect(deadline=2.0)
        await channel.send(notification(mentions=("analyst@example.com",)))

        async with asyncio.timeout(1):
            await channel.aclose()

        assert len(slack.messages("#process-mining")) == 1

    async def test_a_channel_never_used_closes(self, connect: Connect) -> None:
        await connect().aclose()
