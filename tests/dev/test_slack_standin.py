"""The Slack stand-in, asked as relay and the browser ask it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support.clock import Clock
from tests.support.slack_blocks import JSON, block, plain

POST, UPDATE = "chat.postMessage", "chat.update"
HISTORY = "conversations.history"


class Client:
    """Calls methods as an app with a token would."""

    def __init__(self, slack: SlackStandin, session: aiohttp.ClientSession) -> None:
        self.slack = slack
        self.session = session

    async def __call__(self, method: str, *, status: int = 200, **arguments: Any) -> JSON:
        async with self.session.post(self.slack.base_url + method, json=arguments) as response:
            assert response.status == status
            answer: JSON = await response.json()
            return answer

    async def get(self, path: str, **options: Any) -> tuple[int, str]:
        async with self.session.get(self.slack.url + path, **options) as response:
            return response.status, await response.text()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[SlackStandin]:
    async with SlackStandin(clock=clock) as standin:
        yield standin


@pytest.fixture
async def call(slack: SlackStandin) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer xoxb-test"}) as session:
        yield Client(slack, session)


class TestMessages:
    async def test_a_reply_stands_in_the_thread_of_its_root(self, call: Client, slack: SlackStandin) -> None:
        root = await call(POST, channel="#ops", text="root")
        reply = await call(POST, channel="#ops", text="reply", thread_ts=root["ts"])
        await call(POST, channel="#ops", text="reply to the reply", thread_ts=reply["ts"])

        assert [kept.thread_ts for kept in slack.messages("#ops")] == ["", root["ts"], root["ts"]]

    async def test_an_edit_replaces_what_is_shown_and_keeps_the_metadata(
        self, call: Client, slack: SlackStandin
    ) -> None:
        metadata = {"event_type": "e", "event_payload": {"id": "1"}}
        first = await call(POST, **block("section", text=plain()), metadata=metadata)
        await call(UPDATE, **block("section", text=plain(2)) | {"channel": first["channel"], "ts": first["ts"]})

        (kept,) = slack.messages(first["channel"])
        assert (kept.blocks[0]["text"], kept.revisions[0]["blocks"][0]["text"]) == (plain(2), plain())
        assert (kept.metadata, kept.edited) == (metadata, False)

    async def test_a_message_over_a_limit_is_refused_and_noted(self, call: Client, slack: SlackStandin) -> None:
        answer = await call(POST, channel="#ops", blocks=[{"type": "header", "text": plain(151)}])

        detail = "/blocks/0/text/text: must be less than 151 characters"
        assert (answer["error"], answer["response_metadata"]) == ("invalid_blocks", {"messages": [f"[ERROR] {detail}"]})
        assert (slack.violations, slack.messages("#ops")) == ([f"invalid_blocks: {detail}"], [])

    async def test_posts_within_a_second_are_counted(self, call: Client, slack: SlackStandin, clock: Clock) -> None:
        for seconds in (0.0, 0.5, 1.5):
            clock.advance(seconds)
            await call(POST, channel="#ops", text="x")

        assert slack.workspace.rushes == 1


class TestMethods:
    async def test_history_gives_roots_newest_first_and_metadata_if_asked(self, call: Client, clock: Clock) -> None:
        metadata = {"event_type": "e", "event_payload": {"id": "1"}}
        root = await call(POST, channel="#ops", text="root", metadata=metadata)
        await call(POST, channel="#ops", text="reply", thread_ts=root["ts"])
        clock.advance(60)
        await call(POST, channel="#ops", text="newest")

        everything = await call(HISTORY, channel=root["channel"], include_all_metadata=True)
        late = await call(HISTORY, channel=root["channel"], oldest=str(clock.now - 1))
        early = await call(HISTORY, channel=root["channel"], latest=str(clock.now - 1))

        assert [kept["text"] for kept in everything["messages"]] == ["newest", "root"]
        assert everything["messages"][1]["metadata"] == metadata
        assert ([kept["text"] for kept in late["messages"]], "metadata" in early["messages"][0]) == (["newest"], False)

    @pytest.mark.parametrize("method", ["conversations.history", "conversations.replies"])
    async def test_only_where_the_app_is_and_may_read_it_reads(
        self, method: str, call: Client, slack: SlackStandin
    ) -> None:
        root = await call(POST, channel="#ops", text="root")
        there = {"channel": root["channel"], "ts": root["ts"]}
        conversation = slack.workspace.conversations[root["channel"]]

        assert (await call(method, **there))["ok"]
        assert (await call(method, **there | {"channel": "#ops"}))["error"] == "channel_not_found"
        conversation.joined = False
        assert (await call(method, **there))["error"] == "not_in_channel"
        conversation.private = True
        assert (await call(method, **there))["error"] == "channel_not_found"
        conversation.joined, slack.scopes = True, "chat:write,channels:history"
        refused = await call(method, **there)
        assert (refused["error"], refused["needed"]) == ("missing_scope", "groups:history")

    async def test_the_token_counts(self) -> None:
        async with SlackStandin(token="xoxb-right") as slack, aiohttp.ClientSession() as session:
            call = Client(slack, session)
            assert (await call("auth.test"))["error"] == "not_authed"
            assert (await call("auth.test", token="xoxb-wrong"))["error"] == "invalid_auth"
            assert (await call("auth.test", token="xoxb-right"))["url"] == slack.url


class TestFaults:
    @pytest.mark.parametrize(("taken", "kept"), [(False, 0), (True, 1)])
    async def test_a_connection_breaks_before_or_after_the_message_is_taken(
        self, taken: bool, kept: int, call: Client, slack: SlackStandin
    ) -> None:
        slack.script(POST, Fault(close=True, applied=taken))

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await call(POST, channel="#ops", text="x")

        assert len(slack.messages("#ops")) == kept

    async def test_a_call_before_retry_after_is_refused_and_noted(
        self, call: Client, slack: SlackStandin, clock: Clock
    ) -> None:
        slack.script(POST, Fault(status=429, error="ratelimited", headers={"Retry-After": "30"}))
        await call(POST, status=429, channel="#ops", text="x")
        clock.advance(29)

        early = await call(POST, status=429, channel="#ops", text="x")
        elsewhere = await call(POST, channel="#other", text="x")
        clock.advance(1)
        late = await call(POST, channel="#ops", text="x")

        assert ([early["ok"], elsewhere["ok"], late["ok"]]) == [False, True, True]
        assert slack.violations == ["chat.postMessage: called 1.0 s before Retry-After had passed"]
