"""Refusals, broken connections and odd answers of Slack; no error shows a secret."""

import socket
import traceback
from typing import Any

import pytest

from relay.channels.slack.channel import Slack
from relay.channels.slack.errors import refused
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.channels.slack_channel import (
    POST,
    TOKEN,
    Connect,
    decision,
    failing,
    notification,
    posted,
)
from tests.support.patience import patience

AWAY, UNKNOWN = (False, "channel", False), (False, "channel", True)  # Slack or the way there is broken
CODES = {
    "missing_scope invalid_auth token_revoked unknown_method": (AWAY, True, True),
    "channel_not_found not_in_channel is_archived restricted_action": ((False, "destination", False), True, False),
    "invalid_blocks msg_too_long metadata_too_large no_text": ((True, "", False), True, False),
    "request_timeout update_failed some_code_nobody_knows": ((False, "", False), True, False),
    "service_unavailable team_added_to_org": (AWAY, True, False),
    "fatal_error internal_error": (UNKNOWN, False, False),
    "ratelimited rate_limited": ((False, "limit", False), True, False),
}


@pytest.mark.parametrize(("codes", "expected"), CODES.items())
def test_each_code_has_its_meaning(codes: str, expected: tuple[Any, bool, bool]) -> None:
    for code in codes.split():
        error = refused(POST, "#process-mining", 200, {}, {"ok": False, "error": code})

        assert (decision(error), error.unsent, error.refused) == expected, code
        assert f"chat.postMessage to #process-mining with {code}" in str(error)


@pytest.mark.parametrize(
    ("status", "code", "header", "seconds"),
    [
        (429, "ratelimited", "7", 7), (429, "rate_limited", "3600", 3600), (429, "", "0", 1), (429, "", None, 30),
        (200, "ratelimited", "12", 12), (200, "ratelimited", None, 30), (429, "invalid_auth", None, 30),
        (200, "ratelimited", "-5", 1), *((200, "ratelimited", odd, 30) for odd in ("soon", "nan", "inf", "1e999")),
    ],
)  # fmt: skip
def test_a_throttle_is_waited_out_without_losing_an_attempt(
    status: int, code: str, header: str | None, seconds: float
) -> None:
    headers = {"Retry-After": header} if header else {}

    error = refused(POST, "#ops", status, headers, {"ok": False, "error": code} if code else {})

    assert (decision(error), error.retry_after) == ((False, "limit", False), seconds)


class TestAnswers:
    @pytest.mark.parametrize("code", ["invalid_auth", "is_archived", "invalid_blocks", "ratelimited", "fatal_error"])
    async def test_an_answer_is_read_as_the_code_says(self, code: str, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert decision(error) == decision(refused(POST, "#process-mining", 200, {}, {"ok": False, "error": code}))

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(status=500, body=b"<html>oops</html>", headers={"Content-Type": "text/html"}),
            Fault(status=504),
            Fault(status=500, error="some_code_nobody_knows"),
            Fault(body=b""),
            Fault(body=b'{"ok": tr', headers={"Content-Type": "application/json"}),
            Fault(body=b"[1]", headers={"Content-Type": "application/json"}),
            Fault(body=b"\xff\xfe\x00", headers={"Content-Type": "application/json"}),
            Fault(body=b"[" * 100_000, headers={"Content-Type": "application/json"}),
            Fault(body=b'{"ok": true}'.ljust(5 * 1024**2)),
            Fault(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
            Fault(headers={"X-Long": "x" * 100_000}),
        ],
    )
    async def test_an_answer_that_cannot_be_read_is_of_unknown_outcome(
        self, fault: Fault, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = fault

        error = await failing(channel)

        assert decision(error) == UNKNOWN
        assert len(slack.called(POST)) == 1

    @pytest.mark.parametrize("status", [302, 308, 400, 404])
    async def test_a_refusal_in_http_alone_was_not_sent(self, status: int, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(status=status, body=b"", headers={"Location": f"{slack.base_url}elsewhere"})

        error = await failing(channel)

        assert (decision(error), error.unsent) == (AWAY, True)
        assert f"HTTP {status}: that is not Slack's own way of refusing; check channels.slack.base_url" in str(error)
        assert slack.called("elsewhere") == []

    async def test_a_message_too_large_for_a_proxy_is_reduced(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(status=413, body=b""))

        message = await posted(channel, slack)

        assert message.blocks == []


class TestConnections:
    async def test_a_message_taken_before_the_connection_broke_is_not_sent_again(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(close=True, applied=True)

        error = await failing(channel)

        assert decision(error) == UNKNOWN
        assert (len(slack.called(POST)), len(slack.messages("#process-mining"))) == (1, 1)

    @pytest.mark.slow
    async def test_an_answer_that_never_comes_is_not_waited_for(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(hang=True)

        error = await failing(connect(deadline=patience(1.0)))

        assert decision(error) == UNKNOWN
        assert str(error) == "Slack did not answer chat.postMessage to #process-mining: no answer in time"

    async def test_a_refused_connection_sent_nothing(self, connect: Connect, slack: SlackStandin) -> None:
        error = await failing(connect(base_url="http://127.0.0.1:1/api/"))

        assert decision(error) == AWAY
        assert "no connection to 127.0.0.1:1: " in str(error)

    @pytest.mark.slow
    async def test_a_handshake_that_never_ends_sent_nothing(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]

            error = await failing(connect(base_url=f"https://127.0.0.1:{port}/api/", deadline=0.6))

        assert decision(error) == AWAY
        assert "no connection in time" in str(error)

    async def test_the_environment_names_no_proxy(
        self, connect: Connect, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

        await connect().send(notification())

        assert len(slack.messages("#process-mining")) == 1

    async def test_a_failed_proxy_is_not_named_with_its_password(self, connect: Connect, slack: SlackStandin) -> None:
        proxy = slack.url.replace("http://", "http://user:hidden@")

        error = await failing(connect(base_url="https://slack.invalid/api/", proxy=proxy))

        assert (decision(error), "hidden" in everything(error)) == (AWAY, False)


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
            pytest.param(Fault(hang=True), marks=pytest.mark.slow),
        ],
    )
    async def test_no_error_shows_the_token(self, fault: Fault, connect: Connect, slack: SlackStandin) -> None:
        slack.outages[POST] = fault

        error = await failing(connect(deadline=0.5))

        assert TOKEN not in everything(error)
