"""Slack's incoming webhooks: one message each, every answer's meaning, and the address stays a secret."""

from typing import Any

import pytest
from pydantic import ValidationError

from relay.channels import CHANNELS
from relay.channels.slack.channel import Slack
from relay.channels.slack.settings import SlackSettings
from relay.config import Config, parse_config
from relay.errors import ConfigError, DeliveryError
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.channels.slack_channel import CONTENT, Connect, failing, notification
from tests.support.patience import patience

SECRET = "the-secret-of-a-webhook"
OPS: dict[str, Any] = {"address": "#ops", "kind": "each"}


def by_webhook(connect: Connect, slack: SlackStandin, **options: Any) -> Slack:
    return connect(webhooks={"#ops": slack.webhook("#ops")}, **options)


def outcome(error: DeliveryError) -> str:
    if error.pause:
        return f"{'unknown, ' if error.outcome_unknown else ''}pause {error.pause}"
    return "permanent" if error.permanent else "unknown" if error.outcome_unknown else "transient"


async def test_a_message_arrives_with_its_blocks(slack: SlackStandin, connect: Connect) -> None:
    receipt = await by_webhook(connect, slack).send(notification(mentions=("U0ANALYST1",), **OPS))

    (message,) = slack.messages("#ops")
    assert (message.text, message.blocks[1:]) == (f"{CONTENT['text']} <@U0ANALYST1>", CONTENT["blocks"][1:])
    assert message.blocks[0]["text"]["text"].startswith("<@U0ANALYST1> ")
    assert (receipt.detail, receipt.thread) == ("#ops, by its webhook", {})
    assert (slack.violations, len(slack.calls)) == ([], 1)


# Slack's answers: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
ANSWERS = [
    (400, "invalid_payload", "permanent"),
    (403, "action_prohibited", "pause destination"),
    (403, "invalid_token", "pause destination"),
    (404, "no_service", "pause destination"),
    (404, "no_service_id", "pause destination"),
    (404, "no_active_hooks", "pause destination"),
    (404, "no_team", "pause destination"),
    (403, "team_disabled", "pause destination"),
    (403, "account_inactive", "pause destination"),  # of a token it would be about the whole workspace
    (410, "channel_is_archived", "pause destination"),
    (429, "rate_limited", "pause limit"),
    (500, "rollup_error", "unknown, pause channel"),
    (503, "service_unavailable", "pause channel"),
    (302, "", "pause channel"),
    (400, "some_code_nobody_knows", "transient"),
    (200, "<html>Please log in</html>", "unknown, pause channel"),
]


class TestAnswers:
    @pytest.mark.parametrize(("status", "word", "expected"), ANSWERS, ids=[f"{one[0]} {one[1]}" for one in ANSWERS])
    async def test_each_has_its_meaning_and_none_shows_the_address(
        self, status: int, word: str, expected: str, slack: SlackStandin, connect: Connect
    ) -> None:
        elsewhere = {"Location": slack.webhook("#elsewhere")}
        slack.outages["webhook"] = Fault(status=status, body=word.encode(), headers=elsewhere)

        error = await failing(by_webhook(connect, slack), **OPS)

        assert outcome(error) == expected
        assert {call["channel"] for call in slack.called("webhook")} == {"#ops"}
        assert "an incoming webhook to #ops" in str(error)
        assert SECRET not in f"{error!r} {error} {error.__cause__}"

    @pytest.mark.parametrize("fault", [Fault(close=True), Fault(hang=True)], ids=["close", "hang"])
    @pytest.mark.slow
    async def test_no_answer_leaves_doubt(self, fault: Fault, slack: SlackStandin, connect: Connect) -> None:
        slack.script("webhook", fault)

        error = await failing(by_webhook(connect, slack, deadline=patience(1.0)), **OPS)

        assert outcome(error) == "unknown, pause channel"

    async def test_a_probe_posts_nothing(self, slack: SlackStandin, connect: Connect) -> None:
        channel = by_webhook(connect, slack)
        await channel.probe("#ops")
        slack.outages["webhook"] = Fault(status=503, body=b"<html>")

        with pytest.raises(DeliveryError, match="HTTP 503"):
            await channel.probe("#ops")
        assert (slack.messages("#ops"), slack.violations) == ([], [])


class TestSettings:
    @pytest.mark.parametrize(
        "webhooks",
        [{"ops": "https://hooks.slack.com/x1"}, {"#Ops": "https://hooks.slack.com/x1"}, {"#ops": "xoxb-1234"},
         {"#ops": "https://hooks.slack.com/services/..."}, {"#ops": "${SLACK_WEBHOOK}"}], ids=str,
    )  # fmt: skip
    def test_a_wrong_one_is_refused_without_showing_it(self, webhooks: dict[str, str]) -> None:
        with pytest.raises(ValidationError) as caught:
            SlackSettings(webhooks=webhooks)

        assert "hooks.slack.com/x1" not in str(caught.value)


def configured(
    destination: str, slack: str = "webhooks: {'#ops': 'https://hooks.slack.com/services/T0/B0/x1'}"
) -> Config:
    text = f"""
sources: {{ops: {{signature: {{secrets: {{current: "a-secret-of-quite-enough-length"}}}}}}}}
channels: {{slack: {{{slack}}}}}
destinations: {{ops: {{{destination}}}}}
rules: [{{events: ["operation.*"], notify: [ops]}}]
"""
    return parse_config(text, env={}, channels=CHANNELS)


def warnings(config: Config) -> list[str]:
    """Of what is asked of an incoming webhook."""
    return [problem.message for problem in config.warnings if "webhook" in problem.message]


class TestConfiguration:
    @pytest.mark.parametrize("destination", ["slack: '#ops'", "slack: '#ops', mode: live"])
    def test_what_cannot_be_live_is_told_outcomes_and_a_check_says_so(self, destination: str) -> None:
        config = configured(destination)

        assert config.destinations["ops"].mode == "outcomes"
        assert warnings(config) == ["an incoming webhook cannot edit: #ops gets outcomes only"]

    def test_a_conversation_without_any_way_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"destinations\.ops\.slack: channels\.slack has no way to #team"):
            configured("slack: '#team'")
