"""What a refusal, a broken connection or an odd answer of Slack's means, and that no error shows a secret."""

import asyncio
import socket
import traceback

import pytest

from relay.channels.slack.channel import Slack
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support.patience import patience
from tests.support.slack_channel import (
    POST,
    TOKEN,
    Connect,
    decision,
    failing,
    notification,
    posted,
)

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
UNSENT = "request_timeout update_failed streaming_state_conflict some_code_nobody_knows"
AWAY, UNKNOWN = (False, "channel", False), (False, "channel", True)  # Slack or the way there is broken


class TestClassification:
    @pytest.mark.parametrize("code", WORKSPACE.split())
    async def test_what_is_wrong_with_the_token_pauses_all_of_slack(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert (decision(error), error.refused) == ((False, "channel", False), True)
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

    @pytest.mark.parametrize("code", ["service_unavailable", "team_added_to_org"])
    async def test_a_slack_that_says_it_is_away_took_nothing(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code)

        error = await failing(channel)

        assert (decision(error), error.unsent, error.refused) == (AWAY, True, False)

    @pytest.mark.parametrize("code", ["fatal_error", "internal_error"])
    async def test_what_may_have_been_sent_is_of_unknown_outcome(
        self, code: str, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(error=code, status=500)

        error = await failing(channel)

        assert (decision(error), error.unsent) == (UNKNOWN, False)

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

        assert decision(error) == UNKNOWN
        assert len(slack.called(POST)) == 1

    @pytest.mark.parametrize("status", [302, 307, 308, 400, 401, 403, 404, 407])
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

    async def test_a_known_refusal_counts_more_than_its_status(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(status=503, error="service_unavailable", headers={"Retry-After": "9"})

        error = await failing(channel)

        assert (decision(error), error.retry_after) == (AWAY, 9)

    async def test_a_missing_scope_is_named(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(error="missing_scope", extra={"needed": "chat:write", "provided": "users:read"})

        error = await failing(channel)

        assert "missing_scope, needs chat:write: add the scope chat:write in Slack under OAuth & Permissions" in str(
            error
        )


class TestConnections:
    async def test_a_message_taken_before_the_connection_broke_is_not_sent_again(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(close=True, applied=True)

        error = await failing(channel)

        assert decision(error) == UNKNOWN
        assert (len(slack.called(POST)), len(slack.messages("#process-mining"))) == (1, 1)

    async def test_a_connection_that_broke_before_the_message_was_taken_looks_no_different(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        slack.outages[POST] = Fault(close=True)

        error = await failing(channel)

        assert (error.outcome_unknown, len(slack.called(POST))) == (True, 1)

    @pytest.mark.slow
    async def test_an_answer_that_never_comes_is_not_waited_for(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(hang=True)

        error = await failing(connect(deadline=patience(1.0)))

        assert decision(error) == UNKNOWN
        assert str(error) == "Slack did not answer chat.postMessage to #process-mining: no answer in time"

    @pytest.mark.slow
    async def test_all_steps_of_an_attempt_share_its_deadline(self, connect: Connect, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="invalid_blocks"), Fault(hang=True))
        started, deadline = asyncio.get_running_loop().time(), patience(1.0)

        await failing(connect(deadline=deadline))

        assert asyncio.get_running_loop().time() - started < 1.9 * deadline

    async def test_a_refused_connection_sent_nothing(self, connect: Connect, slack: SlackStandin) -> None:
        error = await failing(connect(base_url="http://127.0.0.1:1/api/"))

        assert decision(error) == AWAY
        assert "no connection to 127.0.0.1:1: " in str(error)

    async def test_a_failed_handshake_sent_nothing(self, connect: Connect, slack: SlackStandin) -> None:
        error = await failing(connect(base_url=slack.base_url.replace("http:", "https:")))

        assert (decision(error), slack.called(POST)) == (AWAY, [])

    @pytest.mark.slow
    async def test_a_handshake_that_never_ends_sent_nothing(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]

            error = await failing(connect(base_url=f"https://127.0.0.1:{port}/api/", deadline=0.6))

        assert decision(error) == AWAY
        assert "no connection in time" in str(error)

    async def test_a_proxy_is_used_if_the_settings_name_one(self, connect: Connect, slack: SlackStandin) -> None:
        channel = connect(base_url="http://slack-behind-a-proxy/api/", proxy=slack.url)

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

    async def test_no_error_shows_the_message(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(status=500)

        error = await failing(channel)

        assert "SAP extractor" not in everything(error)

    async def test_what_is_no_code_of_slacks_is_not_repeated(self, channel: Slack, slack: SlackStandin) -> None:
        slack.outages[POST] = Fault(error="<!channel>\nforged line")

        error = await failing(channel)

        assert "forged" not in str(error)
